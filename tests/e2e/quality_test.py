"""hearth perplexity and hearth check through the command line: the plumbing contract, runs that are stopped and go on,
verdicts that are kept, shown and heeded, and the check that the first use of a model starts. Standard library only.

Usage: quality_test.py HEARTH SOURCE_DIR
"""
import argparse
import json
import math
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HEARTH, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
DEVICE = SOURCE / "models/device/device.gguf"


class Quality(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.scratch.name)
        self.home = self.folder / "home"
        self.text = self.folder / "text.txt"
        self.text.write_text("dim the kitchen lights to thirty percent and lock the front door, then play some jazz.\n" * 60)

    def tearDown(self):
        self.scratch.cleanup()

    def environment(self, check=False):
        out = {k: v for k, v in os.environ.items() if not k.startswith("HEARTH_NO_CHECK")}
        return out | {"HEARTH_HOME": str(self.home)} | ({} if check else {"HEARTH_NO_CHECK": "1"})

    def hearth(self, *arguments, check=False, code=0):
        result = subprocess.run([HEARTH, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                                env=self.environment(check))
        self.assertEqual(result.returncode, code, result.stderr)
        return result


class Perplexity(Quality):
    def test_contract(self):
        plain = json.loads(self.hearth("perplexity", DEVICE, self.text, "--tokens", 300, "--json").stdout)
        self.assertGreater(plain["ppl"], 1)
        self.assertNotIn("kld_mean", plain)
        against = json.loads(self.hearth("perplexity", DEVICE, self.text, "--tokens", 300, "--base", DEVICE, "--json").stdout)
        self.assertEqual(against["ppl"], plain["ppl"])
        self.assertEqual(against["scored"], 299)
        self.assertGreater(against["kld_mean"], 0)
        self.assertGreaterEqual(against["kld_p999"], against["kld_mean"])
        self.assertLessEqual(against["top1_agreement"], 1)
        same = json.loads(self.hearth("perplexity", DEVICE, self.text, "--tokens", 300, "--base", DEVICE, "--base-fast", "--json").stdout)
        self.assertLess(abs(same["kld_mean"]), 1e-12)
        self.assertEqual(same["top1_agreement"], 1)

    def test_equals_the_logits(self):
        """Log-probabilities are the softmax of what hearth logits writes."""
        scores = self.folder / "scores.jsonl"
        self.hearth("perplexity", DEVICE, self.text, "--tokens", 40, "--reference", "--per-token", scores)
        lines = [json.loads(line) for line in scores.read_text().splitlines()]
        self.assertEqual(lines[0]["hearth"], "perplexity")
        ids = json.loads(subprocess.run([HEARTH, "tokenize", str(DEVICE)], input=self.text.read_text(), capture_output=True,
                                        text=True, check=True).stdout)[:40]
        raw = self.folder / "logits.f32"
        self.hearth("logits", DEVICE, "--reference", "--ids", ",".join(map(str, ids)), "--out", raw)
        data = raw.read_bytes()
        width = len(data) // 4 // len(ids)
        self.assertEqual(len(lines), len(ids))
        for index, token, log_prob in lines[1:]:
            row = struct.unpack_from(f"<{width}f", data, (index - 1) * width * 4)
            largest = max(row)
            expected = row[token] - largest - math.log(math.fsum(math.exp(x - largest) for x in row))
            self.assertEqual(token, ids[index])
            self.assertAlmostEqual(log_prob, expected, delta=1e-12)

    def test_a_stopped_run_goes_on(self):
        whole, cut = self.folder / "whole.jsonl", self.folder / "cut.jsonl"
        options = [DEVICE, self.text, "--base", DEVICE, "--ctx", 64, "--stride", 8, "--threads", 1]
        expected = json.loads(self.hearth("perplexity", *options, "--per-token", whole, "--json").stdout)
        process = subprocess.Popen([HEARTH, "perplexity", *map(str, options), "--per-token", str(cut)], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment())
        process.stderr.readline()  # the first tenth is done
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        if process.returncode == 1:  # else it was quicker than the signal
            self.assertIn("--resume", errors)
        self.hearth("perplexity", *options, "--per-token", cut, code=2)  # never overwrites
        self.hearth("perplexity", *options, "--per-token", cut, "--resume", "--stride", 9, code=2)  # another run
        got = json.loads(self.hearth("perplexity", *options, "--per-token", cut, "--resume", "--json").stdout)
        self.assertEqual(got, expected)
        self.assertEqual(cut.read_text(), whole.read_text())

    def test_only_the_same_run_goes_on(self):
        """The same names may mean other files the next time; what is not of this run is no part of it."""
        model, scores = self.folder / "model.gguf", self.folder / "scores.jsonl"
        shutil.copy(DEVICE, model)
        options = ["perplexity", model, self.text, "--tokens", 100, "--per-token", scores]
        self.hearth(*options)
        self.assertEqual(json.loads(self.hearth(*options, "--resume", "--json").stdout)["kv"], "f16")
        whole = scores.read_text()
        lines = whole.splitlines(keepends=True)
        for damaged in (lines[:-1] + [lines[-1].replace("-", "")], lines[:-1] + [lines[-2]], lines[:-1] + [lines[-1][:5]]):
            scores.write_text("".join(damaged))
            self.assertIn(f"line {len(lines)} is no score", self.hearth(*options, "--resume", code=1).stderr)
        scores.write_text(whole)
        model.unlink()
        shutil.copy(DEVICE, model)
        self.assertIn("is of another run", self.hearth(*options, "--resume", code=2).stderr)
        self.assertEqual(scores.read_text(), whole)

    def test_bad_input_is_one_line(self):
        empty = self.folder / "empty.txt"
        empty.write_text("")
        for arguments, code in (([DEVICE, empty], 2), ([DEVICE, "/nonexistent"], 1), ([DEVICE, self.text, "--stride", 600], 2), ([DEVICE, self.text, "--stride", 0.5], 2),
                                ([DEVICE, self.text, "--base-fast"], 2), ([DEVICE, self.text, "--resume"], 2)):
            result = self.hearth("perplexity", *arguments, code=code)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertEqual(result.stdout, "")


class Tables(Quality):
    def test_files_of_another_run_are_not_used(self):
        """bench/quality.py keeps what it made under a key of everything that it was made from."""
        sys.path.insert(0, str(SOURCE / "bench"))
        import quality
        files = [self.folder / name for name in ("hearth", "model.gguf", "calibration.txt")]
        for path in files:
            path.write_text("first")
        args = argparse.Namespace(hearth=str(files[0]), calibration=str(files[2]), chunks=8, parse_special=False,
                                  work=str(self.folder / "work"))
        work = quality.Bench(args, "m", str(files[1])).work
        self.assertEqual(quality.Bench(args, "m", str(files[1])).work, work)
        seen = {work}
        for path in files:
            path.write_text("another")
            seen.add(quality.Bench(args, "m", str(files[1])).work)
        args.chunks = 9
        seen.add(quality.Bench(args, "m", str(files[1])).work)
        args.parse_special = True
        seen.add(quality.Bench(args, "m", str(files[1])).work)
        self.assertEqual(len(seen), 6)


class Check(Quality):
    def logits(self, *options, check=True):
        out = self.folder / "logits.f32"
        self.hearth("logits", DEVICE, "--ids", "5,17,23,99,40,8", "--out", out, *options, check=check)
        return out.read_bytes()

    def test_the_verdict_is_kept_shown_and_heeded(self):
        self.assertIn("none yet", self.hearth("show", DEVICE).stdout)
        report = json.loads(self.hearth("check", DEVICE, "--json").stdout)
        self.assertTrue(report["within_bounds"])
        self.assertEqual(report["float32_tensors"], [])
        self.assertEqual(len(report["tensors"]), 36)
        self.assertIn("the fast path is good", self.hearth("show", DEVICE).stdout)
        self.assertTrue(report["kept"])
        fast = self.logits()
        self.put_verdict(kv_fallback="f32", float32_tensors=[t["tensor"] for t in report["tensors"]])
        self.assertIn("36 tensors in float32", self.hearth("show", DEVICE).stdout)
        self.assertEqual(json.loads(self.hearth("show", DEVICE, "--json").stdout)["check"]["kv_fallback"], "f32")
        self.assertEqual(self.logits(), self.logits("--reference"))
        self.assertEqual(self.logits("--no-check"), fast)
        self.assertEqual(self.logits(check=False), fast)
        self.assertNotEqual(self.logits(), fast)

    def verdicts(self):
        return list(self.home.glob("packed/*/*/check.json"))

    def put_verdict(self, **members):
        [path] = self.verdicts()
        path.write_text(json.dumps(json.loads(path.read_text()) | members))

    def test_only_the_default_speaks_for_the_default(self):
        strict = self.hearth("check", DEVICE, "--max-kld", 0, "--min-top1", 1, "--json")
        report = json.loads(strict.stdout)
        self.assertEqual(len(report["float32_tensors"]), 36)  # nothing meets these bounds but the reference itself
        self.assertEqual((report["kv_fallback"], report["kept"]), ("f32", False))
        self.assertIn("not kept", strict.stderr)
        self.assertIn("not kept", self.hearth("check", DEVICE, "--kv", "int8").stderr)
        self.assertEqual(self.verdicts(), [])
        self.assertNotIn("not kept", self.hearth("check", DEVICE).stderr)
        before = self.verdicts()[0].read_text()
        self.hearth("check", DEVICE, "--kv", "f32")
        self.assertEqual(self.verdicts()[0].read_text(), before)

    def test_measuring_tools_say_what_they_heed(self):
        quick = ["--prompt", 8, "--gen", 2, "--repeat", 1]
        report = json.loads(self.hearth("bench", DEVICE, *quick, "--json", check=True).stdout)
        self.assertEqual((report["kv"], report["float32_tensors"]), ("f16", []))
        self.assertIn("KV f16;", self.hearth("bench", DEVICE, *quick).stdout)
        self.hearth("check", DEVICE)
        tensors = ["blk.0.ffn_up.weight", "blk.1.ffn_up.weight"]
        self.put_verdict(kv_fallback="f32", float32_tensors=tensors)
        for arguments in (["bench", DEVICE, *quick], ["perplexity", DEVICE, self.text, "--tokens", 40]):
            result = self.hearth(*arguments, "--json", check=True)
            report = json.loads(result.stdout)
            self.assertEqual((report["kv"], report["float32_tensors"]), ("f32", tensors))
            [line] = [line for line in result.stderr.splitlines() if "hearth check" in line]
            self.assertIn("loaded with a KV cache of f32 and 2 tensors in float32 (blk.0.ffn_up.weight, ...)", line)
            self.assertNotIn("hearth check", self.hearth(*arguments, "--no-check", "--json", check=True).stderr)
        imatrix = self.hearth("imatrix", DEVICE, self.text, "-o", self.folder / "heeds.gguf", "--chunk", 16, "--chunks", 1, check=True)
        self.assertIn("loaded with a KV cache of f32 and 2 tensors in float32", imatrix.stderr)

    def test_the_first_use_starts_one_check(self):
        run = ["run", DEVICE, "--raw", "-n", 2, "-p", "dim the lights"]
        self.hearth(*run)
        self.hearth(*run, "--no-check", check=True)
        self.hearth(*run, "--reference", check=True)
        self.hearth(*run, "--no-pack-cache", check=True)
        self.assertFalse(list(self.home.glob("packed/*/*")))
        begin = time.monotonic()
        result = self.hearth(*run, check=True)
        self.assertEqual(result.stderr.count("check"), 0, result.stderr)
        while not self.verdicts() and time.monotonic() < begin + 240:
            time.sleep(0.2)
        self.assertEqual(len(self.verdicts()), 1)
        verdict = json.loads(self.verdicts()[0].read_text())
        self.assertEqual(verdict["error"], "")
        self.assertTrue(verdict["within_bounds"])
        self.hearth(*run, check=True)
        time.sleep(0.5)
        self.assertEqual(json.loads(self.verdicts()[0].read_text())["checked_at"], verdict["checked_at"])

    def test_the_check_in_the_background_holds_nothing(self):
        reader, writer = os.pipe()
        environment = self.environment(check=True) | {"HEARTH_HOME": "home"}  # relative: the check runs elsewhere
        process = subprocess.run([HEARTH, "run", DEVICE, "--raw", "-n", "2", "-p", "dim the lights"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, pass_fds=[writer], env=environment, cwd=self.folder, timeout=100, check=True)
        self.assertEqual(process.returncode, 0)
        os.close(writer)
        self.assertEqual(os.read(reader, 1), b"")  # the end of the pipe, at once
        os.close(reader)
        self.assertEqual(self.verdicts(), [], "the check is still on its way")
        checks = []
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
                if b"--background" in command and f"HEARTH_HOME={self.home}".encode() in (entry / "environ").read_bytes():
                    checks.append((command[0], os.readlink(entry / "cwd")))
            except OSError:  # gone meanwhile
                pass
        self.assertEqual(checks, [(b"hearth", "/")])
        begin = time.monotonic()
        while not self.verdicts() and time.monotonic() < begin + 240:
            time.sleep(0.2)
        self.assertEqual(len(self.verdicts()), 1)

    def test_bounds_are_numbers(self):
        for arguments in (["check", DEVICE, "--max-kld", "nan"], ["check", DEVICE, "--min-top1", "nan"], ["check", DEVICE, "--max-kld", "inf"],
                          ["bench", "--compare", "a", "b", "--fail-below", "nan"], ["bench", DEVICE, "--fail-below", "0.9"]):
            result = self.hearth(*arguments, code=2)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_what_cannot_be_checked(self):
        result = self.hearth("check", "/nonexistent.gguf", code=1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.hearth("check", DEVICE, "--reference", code=2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)

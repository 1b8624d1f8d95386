"""The command line as scripts see it: the plumbing contract, the specialist, a scripted chat. Standard library only.

Usage: cli_test.py HEARTH SOURCE_DIR
"""
import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import time
import unittest

try:
    import tomllib
except ImportError:  # Python before 3.11
    tomllib = None

HEARTH, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2])
DEVICE = SOURCE / "models/device/device.gguf"


def hearth(*arguments, stdin="", timeout=60):
    return subprocess.run([HEARTH, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=timeout)


class Usage(unittest.TestCase):
    def test_help_shows_verbs_and_examples(self):
        top = hearth("--help")
        self.assertEqual(top.returncode, 0)
        for verb in ("run", "chat", "show", "list", "rm", "pull", "convert", "doctor", "bench", "tokenize", "template", "logits"):
            self.assertRegex(top.stdout, rf"(?m)^  {verb} ")
            text = hearth(verb, "--help")
            self.assertEqual(text.returncode, 0)
            self.assertIn("Examples:", text.stdout, verb)

    def test_wrong_usage_is_2_and_one_line(self):
        for arguments in (["rnu"], [], ["show"], ["run", "--no-such-flag"], ["run", "-p", "x", "--threads", "0"],
                          ["run", "-p", "x", "--ctx", "many"], ["run", "-p", "x", "--temp", "-1"]):
            result = hearth(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertEqual(result.stdout, "")
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)

    def test_failure_is_1_and_one_line(self):
        result = hearth("show", "/nonexistent/model.gguf")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn("/nonexistent/model.gguf", result.stderr)


class Specialist(unittest.TestCase):
    def ask(self, text, *arguments):
        result = hearth("run", "-p", text, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_answers_hold_against_the_catalogue_in_under_a_second(self):
        """How often the answer is right is measured by models/device/evaluate.py, and stands in the model card."""
        catalogue = tomllib.loads((SOURCE / "models/device/catalogue.toml").read_text()) if tomllib else None
        start = time.monotonic()
        answer = self.ask("dim the kitchen lights to 30 percent and lock the front door")
        elapsed = time.monotonic() - start
        self.assertEqual(answer, [{"tool": "light", "device": "kitchen lights", "brightness": 30},
                                  {"tool": "lock", "device": "front door", "state": "lock"}])
        for call in answer if isinstance(answer, list) else [answer]:
            self.assertIn("tool", call)
            if catalogue:
                tool = next(t for t in catalogue["tool"] if t["name"] == call["tool"])
                names = {d["name"] for d in catalogue["device"]} | {k["group"] for k in catalogue["kind"] if "group" in k}
                self.assertLessEqual(set(call) - {"tool"}, {a["name"] for a in tool["argument"]})
                self.assertTrue("device" not in call or call["device"] in names, call)
        self.assertLess(elapsed, 1.0 if "asan" not in HEARTH and "tsan" not in HEARTH else 60)

    def test_outside_its_world_is_escalated(self):
        self.assertEqual(self.ask("who won the match in Lisbon?")["tool"], "escalate")
        self.assertEqual(self.ask("???"), {"tool": "escalate", "reason": "out_of_scope"})
        self.assertEqual(self.ask("please " * 100), {"tool": "escalate", "reason": "unsupported"})

    def test_another_household(self):
        catalogue = (SOURCE / "models/device/catalogue.toml").read_text().replace('"kitchen lights"', '"galley lights"')
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "home.toml"
            path.write_text(catalogue)
            self.assertEqual(self.ask("turn on the galley lights", "--catalogue", path),
                             {"tool": "light", "device": "galley lights", "state": "on"})
            self.assertNotIn("kitchen lights", json.dumps(self.ask("turn on the kitchen lights", "--catalogue", path)))
            path.write_text("version = 2\nrooms = [")
            result = hearth("run", "-p", "x", "--catalogue", path)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), result.stderr)

    def test_answers_do_not_depend_on_threads(self):
        answers = [self.ask("set the thermostat to 21 and close the office curtains", "--threads", n) for n in (1, 2)]
        self.assertEqual(*answers)

    def test_options_it_cannot_heed_are_refused(self):
        for options in (["--raw"], ["--system", "be brief"], ["-n", "1"], ["--stop", "x"], ["--temp", "1"]):
            result = hearth("run", "-p", "lock the front door", *options)
            self.assertEqual((result.returncode, result.stdout, len(result.stderr.splitlines())), (2, "", 1), options)

    def test_json_carries_usage(self):
        answer = self.ask("lock the back door", "--json")
        self.assertEqual(json.loads(answer["text"]), {"tool": "lock", "device": "back door", "state": "lock"})
        self.assertGreater(answer["usage"]["generated_tokens"], 0)


class Plumbing(unittest.TestCase):
    def test_tokenize_and_back(self):
        text = "dim the floor lamp to 7 percent, é漢字"
        ids = json.loads(hearth("tokenize", DEVICE, stdin=text).stdout)
        self.assertTrue(ids and all(isinstance(i, int) for i in ids))
        self.assertEqual(hearth("tokenize", DEVICE, "--decode", stdin=json.dumps(ids)).stdout, text)
        special = json.loads(hearth("tokenize", DEVICE, "--parse-special", stdin="<|user|>").stdout)
        self.assertEqual(len(special), 1)
        self.assertEqual(hearth("tokenize", DEVICE, "--decode", stdin="[1, 99999999]").returncode, 2)
        self.assertEqual(hearth("tokenize", DEVICE, "--decode", stdin="[1, ").returncode, 1)

    def test_raw_run_is_reproducible(self):
        arguments = ("run", DEVICE, "--raw", "-p", "turn on", "-n", "12")
        for options in (("--temp", "0"), ("--temp", "1", "--seed", "7")):
            results = [hearth(*arguments, *options) for _ in range(2)]
            self.assertEqual([r.returncode for r in results], [0, 0], results[0].stderr)
            self.assertTrue(results[0].stdout)
            self.assertEqual(results[0].stdout, results[1].stdout)

    def test_a_failed_write_is_a_failure(self):
        for arguments in (["run", DEVICE, "--raw", "-p", "turn on", "-n", "4"], ["tokenize", DEVICE], ["show", DEVICE, "--json"]):
            with open("/dev/full", "w") as full:
                result = subprocess.run([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                        text=True, timeout=60)
            self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), (arguments, result.stderr))
            self.assertIn("standard output", result.stderr)

    def test_an_interrupted_answer_is_not_done(self):
        with subprocess.Popen([HEARTH, "run", DEVICE, "--raw", "-p", "turn on", "--ignore-end", "--reference"], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.read(1)
            process.terminate()
            _, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, len(errors.splitlines())), (1, 1), errors)

    def test_bos_is_added_where_the_model_asks(self):
        with tempfile.TemporaryDirectory() as folder:
            model = pathlib.Path(folder) / "tiny.gguf"
            subprocess.run([sys.executable, SOURCE / "tests/e2e/make_tiny.py", "gguf", model], check=True)
            plain, whole = (json.loads(hearth("tokenize", model, *options, stdin="hi").stdout) for options in ([], ["--add-bos"]))
        self.assertEqual(whole, [1, *plain])

    def test_logits_of_every_position(self):
        shown = json.loads(hearth("show", DEVICE, "--json").stdout)
        vocab = next(t["shape"][0] for t in shown["tensors"] if t["name"] == "token_embd.weight")
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "logits.f32"
            result = hearth("logits", DEVICE, "--ids", "1,5,9", "--out", out)
            self.assertEqual(result.returncode, 0, result.stderr)
            data = out.read_bytes()
            values = struct.unpack(f"<{len(data) // 4}f", data)
            self.assertEqual(len(values), 3 * vocab)
            self.assertTrue(all(map(math.isfinite, values)))
            refused = hearth("logits", DEVICE, "--ids", f"1,{vocab}", "--out", out)
            self.assertEqual((refused.returncode, len(refused.stderr.splitlines())), (2, 1), refused.stderr)
            self.assertIn(str(vocab), refused.stderr)
            for ids in ("1,,2", "", "1,", "x"):
                refused = hearth("logits", DEVICE, "--ids", ids, "--out", out)
                self.assertEqual((refused.returncode, len(refused.stderr.splitlines())), (2, 1), (ids, refused.stderr))

    def test_template_file_and_model(self):
        request = json.dumps({"messages": [{"role": "user", "content": "hi"}], "add_generation_prompt": True})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "chat.jinja"
            path.write_text("{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}<a>{% endif %}")
            self.assertEqual(hearth("template", path, stdin=request).stdout, "<user>hi<a>")
            path.write_text("{% for m in %}")
            broken = hearth("template", path, stdin=request)
            self.assertEqual((broken.returncode, len(broken.stderr.splitlines())), (1, 1), broken.stderr)
        self.assertIn("hi", hearth("template", DEVICE, stdin=request).stdout)

    def test_convert_keeps_what_it_computes(self):
        with tempfile.TemporaryDirectory() as folder:
            copy, out = pathlib.Path(folder) / "copy.gguf", [pathlib.Path(folder) / name for name in ("a", "b")]
            self.assertEqual(hearth("convert", DEVICE, copy).returncode, 0)
            for model, path in ((DEVICE, out[0]), (copy, out[1])):
                self.assertEqual(hearth("logits", model, "--ids", "3,1,4,1,5", "--out", path).returncode, 0)
            self.assertEqual(out[0].read_bytes(), out[1].read_bytes())
            before = copy.read_bytes()
            for target in (copy, folder):  # itself; a folder
                result = hearth("convert", copy, target, "--force")
                self.assertEqual((result.returncode, len(result.stderr.splitlines())), (2, 1), result.stderr)
            self.assertEqual(hearth("convert", DEVICE, copy).returncode, 2)  # exists
            self.assertEqual(copy.read_bytes(), before)
            self.assertEqual(hearth("convert", DEVICE, copy, "--force").returncode, 0)

    def test_bench_reports_medians(self):
        result = hearth("bench", DEVICE, "--prompt", "32", "--gen", "8", "--repeat", "2", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        for key in ("prefill_tokens_per_s", "decode_tokens_per_s", "load_s", "peak_rss_bytes", "read_bandwidth_gb_s",
                    "decode_bandwidth_share"):
            self.assertGreater(report[key], 0, key)

    def test_bench_at_several_depths_and_compared(self):
        with tempfile.TemporaryDirectory() as folder:
            result = hearth("bench", DEVICE, "--prompt", "16", "--gen", "4", "--depth", "40,0", "--repeat", "2", "--sequences", "3", "--profile",
                            "--json")
            self.assertEqual(result.returncode, 0, result.stderr)
            report = json.loads(result.stdout)
            self.assertEqual([d["depth"] for d in report["depths"]], [0, 40])
            for depth in report["depths"]:
                self.assertEqual(len(depth["rounds"]["decode_tokens_per_s"]), 2)
                self.assertGreater(depth["batch_tokens_per_s"], 0)
                self.assertIn("attention", {part["part"] for part in depth["decode_profile"]})
            for key in ("int8_peak_gop_s", "fp32_peak_gflop_s", "decode_kv_bytes_per_token"):
                self.assertGreater(report[key], 0, key)
            path = pathlib.Path(folder) / "a.json"
            path.write_text(result.stdout)
            same = hearth("bench", "--compare", path, path, "--json")
            self.assertEqual(same.returncode, 0, same.stderr)
            self.assertEqual({row["ratio"] for row in json.loads(same.stdout)["rows"]}, {1.0})
            slower = hearth("bench", "--compare", path, path, "--fail-below", "1.1")
            self.assertEqual((slower.returncode, len(slower.stderr.splitlines())), (1, 1), slower.stderr)
            for wrong in (["bench"], ["bench", DEVICE, "--depth", "-1"], ["bench", DEVICE, "--depth", "1,x"], ["bench", "--compare", path]):
                result = hearth(*wrong)
                self.assertEqual((result.returncode, len(result.stderr.splitlines())), (2, 1), result.stderr)

    def test_too_large_a_context_is_refused_with_numbers(self):
        largest = 1 << 31  # 11 TB: more than any machine that runs this
        result = hearth("run", DEVICE, "--raw", "-p", "x", "--kv", "f32", "--ctx", largest)
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), result.stderr)
        numbers = re.search(r"needs 1\d\.\d TB of memory .*context of (\d+) tokens 1\d\.\d TB.* leaves [\d.]+ [MGT]B .*"
                            r"a context of (\d+) tokens would fit", result.stderr)
        self.assertIsNotNone(numbers, result.stderr)
        self.assertEqual(int(numbers[1]), largest)
        self.assertTrue(0 < int(numbers[2]) < largest, result.stderr)
        result = hearth("run", DEVICE, "--raw", "-p", "x", "--ctx", largest + 1)
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (2, 1), result.stderr)
        self.assertIn(str(largest), result.stderr)

    def test_prompt_longer_than_the_context(self):
        result = hearth("run", DEVICE, "--raw", "--ctx", "16", "-p", "turn on the kitchen lights " * 20)
        self.assertEqual((result.returncode, len(result.stderr.splitlines())), (1, 1), result.stderr)
        self.assertIn("16", result.stderr)

    def test_a_full_context_is_announced(self):
        result = hearth("run", DEVICE, "--raw", "--ctx", "16", "--ignore-end", "-p", "turn on", "--temp", "0")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("context of 16 tokens is full", result.stderr)


class Chat(unittest.TestCase):
    def test_commands(self):
        with tempfile.TemporaryDirectory() as folder:
            saved = pathlib.Path(folder) / "chat.json"
            script = "\n".join(["/help", "/set temp 0", "/set nonsense 1", "/stats", "lock the front door", "/stats",
                                f"/save {saved}", "/reset", f"/load {saved}", "/load /nonexistent", "/nope", "/system light:lamp;",
                                "two \\", "lines", "/exit"]) + "\n"
            result = hearth("chat", DEVICE, "-n", "24", stdin=script)
            self.assertEqual(result.returncode, 0, result.stderr)
            messages = json.loads(saved.read_text())["messages"]
            self.assertEqual([m["role"] for m in messages], ["user", "assistant"])
            self.assertEqual(messages[0]["content"], "lock the front door")
            for expected in ("no answer yet", "nonsense", "saved 2 messages", "loaded 2 messages", "/nonexistent", "unknown command /nope"):
                self.assertIn(expected, result.stderr)
            self.assertEqual(result.stdout.count("\n"), 2, result.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)

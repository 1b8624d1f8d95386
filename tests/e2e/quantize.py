#!/usr/bin/env python3
"""Quantisation and importance matrices through the command line: files that compute, refusals, resumption, budgets.

Usage: quantize.py HEARTH SHARED_DATA_FOLDER [unittest arguments]. Python standard library only.
"""
import array
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

import make_tiny

HEARTH = ""
DATA = pathlib.Path()
MIXES = ["q2_k", "q3_k_m", "q4_0", "q4_k_s", "q4_k_m", "iq4_nl", "iq4_xs", "mxfp4", "q5_k_m", "q6_k", "q8_0"]


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=600)


def hearth(*arguments: object) -> bytes:
    result = run(*arguments)
    if result.returncode != 0:
        raise AssertionError(f"{arguments}: status {result.returncode}: {result.stderr.decode()}")
    return result.stdout


class Quantize(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-quantize-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def refused(self, text: str, *arguments: object) -> None:
        result = run(*arguments)
        self.assertIn(result.returncode, (1, 2), arguments)
        self.assertIn(text, result.stderr.decode())
        self.assertEqual(len(result.stderr.decode().strip().splitlines()), 1)

    def types(self, model: pathlib.Path) -> dict[str, str]:
        return {tensor["name"]: tensor["type"] for tensor in json.loads(hearth("show", model, "--json"))["tensors"]}


class AnyModel(Quantize):
    def setUp(self) -> None:
        super().setUp()
        make_tiny.write_folder(self.folder / "hf", make_tiny.make_folder())
        (self.folder / "tiny.gguf").write_bytes(make_tiny.make_gguf().to_bytes())
        (self.folder / "text.txt").write_text("hi the inner tin hinterland " * 200)

    def test_every_mix_of_either_source_computes(self) -> None:
        for model in ("hf", "tiny.gguf"):
            for mix in MIXES:
                out = self.folder / "out.gguf"
                hearth("quantize", self.folder / model, out, "--type", mix, "--force")
                hearth("run", out, "--raw", "--temp", 0, "-n", 4, "-p", "hi the")
                wanted = json.loads(hearth("quantize", self.folder / model, out, "--type", mix, "--dry-run", "--json"))
                self.assertEqual({tensor["name"]: tensor["type"] for tensor in wanted["tensors"]}, self.types(out))

    def test_threads_do_not_show(self) -> None:
        for extra in ((), ("--calibrate", self.folder / "text.txt", "--chunk", 64, "--chunks", 3)):
            files = []
            for threads in (1, 2):
                out = self.folder / f"{threads}.gguf"
                hearth("quantize", self.folder / "tiny.gguf", out, "--type", "q4_k_m", "--threads", threads, "--force", *extra)
                files.append(out.read_bytes())
            self.assertEqual(files[0], files[1])

    def test_refusals(self) -> None:
        tiny, out = self.folder / "tiny.gguf", self.folder / "out.gguf"
        before = tiny.read_bytes()
        self.refused("is an input itself", "quantize", tiny, tiny, "--type", "q8_0", "--force")
        self.assertEqual(tiny.read_bytes(), before)
        out.write_text("precious")
        self.refused("--force replaces", "quantize", tiny, out, "--type", "q8_0")
        self.assertEqual(out.read_text(), "precious")
        out.unlink()
        self.refused("known mixes are", "quantize", tiny, out, "--type", "q9")
        self.refused("needs one budget", "quantize", tiny, out, "--type", "auto", "--calibrate", self.folder / "text.txt")
        self.refused("give it a text", "quantize", tiny, out, "--type", "auto", "--bpw", "5")
        self.refused("go with --type auto", "quantize", tiny, out, "--type", "q8_0", "--bpw", "5")
        self.refused("--damping", "quantize", tiny, out, "--type", "q8_0", "--damping", "nan")
        for option, value, range_ in (("--kld", "nan", "above 0"), ("--kld", -1, "above 0"), ("--bpw", "nan", "from 1 to 32"),
                                      ("--damping", "nan", "from 1e-6 to 10"), ("--moments-memory", "inf", "above 0")):
            self.refused(f"{option}: '{value}' is not a number {range_}", "quantize", tiny, out, "--type", "auto", option, value)
        self.refused("not negative", "quantize", tiny, out, "--type", "auto", "--size", "-5")
        self.refused("importance matrix", "quantize", tiny, out, "--type", "q8_0", "--imatrix", tiny)
        self.refused("importance matrix", "quantize", tiny, out, "--type", "q8_0", "--imatrix", self.folder / "text.txt")
        self.refused("fewer than one chunk", "quantize", tiny, out, "--type", "q4_0", "--calibrate",
                     self.folder / "text.txt", "--chunk", 100000, "--chunks", 1)
        self.assertFalse(out.exists())

    def test_no_input_is_ever_replaced(self) -> None:
        tiny, text, matrix = self.folder / "tiny.gguf", self.folder / "text.txt", self.folder / "m.gguf"
        hearth("imatrix", tiny, text, "-o", matrix, "--chunk", 32, "--chunks", 1)
        part = self.folder / "split-00001-of-00002.gguf"
        parts = [part, part.with_name("split-00002-of-00002.gguf")]
        for path in parts:
            path.write_bytes(b"GGUF")  # refused before they are read
        link = self.folder / "link.gguf"
        link.symlink_to(self.folder / "hf/model.safetensors")
        kept = [path for path in self.folder.rglob("*") if path.is_file()]
        before = [path.read_bytes() for path in kept]
        is_input, in_folder = "is an input itself", "is in the folder of the model"
        q4, replace = ("--type", "q4_0", "--force"), ("--chunk", 32, "--replace")
        for path in (self.folder / "hf/model.safetensors", self.folder / "hf/config.json", link):
            self.refused(is_input, "quantize", self.folder / "hf", path, *q4)
            self.refused(is_input, "convert", self.folder / "hf", path, "--force")
            self.refused(is_input, "imatrix", self.folder / "hf", text, "-o", path, *replace)
            self.refused(is_input, "logits", self.folder / "hf", "--ids", "1,2", "--out", path)
        self.refused(in_folder, "quantize", self.folder / "hf", self.folder / "hf/new.gguf", *q4)
        self.refused(is_input, "quantize", parts[0], parts[1], *q4)
        self.refused(is_input, "quantize", tiny, text, *q4, "--calibrate", text)
        self.refused(is_input, "quantize", tiny, matrix, *q4, "--imatrix", matrix)
        self.refused(is_input, "imatrix", tiny, text, "-o", text, *replace)
        self.refused(is_input, "perplexity", tiny, text, "--per-token", text, "--resume")
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        for path in (pipe, "/dev/null"):
            self.refused("no regular file", "quantize", tiny, path, *q4)
        self.assertTrue(pipe.is_fifo())
        self.assertEqual([path.read_bytes() for path in kept], before)
        self.assertFalse((self.folder / "hf/new.gguf").exists())

    def test_an_output_that_cannot_be_written_is_refused_first(self) -> None:
        broken = self.folder / "broken.gguf"  # whoever reads it first complains about it
        broken.write_bytes(b"nothing")
        text, nowhere = self.folder / "text.txt", self.folder / "none/out"
        for arguments in (("quantize", broken, nowhere, "--type", "q4_0"), ("convert", broken, nowhere),
                          ("imatrix", broken, text, "-o", nowhere), ("perplexity", broken, text, "--per-token", nowhere)):
            self.refused("none/out", *arguments)

    def test_a_packed_model_is_no_source(self) -> None:
        home = self.folder / "home"
        subprocess.run([HEARTH, "run", str(self.folder / "tiny.gguf"), "--raw", "-n", "1", "-p", "hi", "--pack-cache", "--no-check"],
                       env=os.environ | {"HEARTH_HOME": str(home)}, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        [packed] = home.rglob("weights.gguf")
        out, text = self.folder / "out.gguf", self.folder / "text.txt"
        self.refused("packed for running", "convert", packed, out)
        self.refused("packed for running", "quantize", packed, out, "--type", "q4_0")
        self.refused("packed for running", "quantize", packed, out, "--type", "auto", "--bpw", 6, "--calibrate", text, "--chunk", 32)

    def test_an_imatrix_of_another_model_is_refused(self) -> None:
        matrix = self.folder / "m.gguf"
        hearth("imatrix", self.folder / "tiny.gguf", self.folder / "text.txt", "-o", matrix, "--chunk", 32, "--chunks", 2)
        self.refused("of another model", "quantize", self.folder / "hf", self.folder / "out.gguf", "--type", "q8_0",
                     "--imatrix", matrix)

    def test_imatrix_goes_on_where_it_stopped(self) -> None:
        tiny, text = self.folder / "tiny.gguf", self.folder / "text.txt"
        whole, parts = self.folder / "whole.gguf", self.folder / "parts.gguf"
        hearth("imatrix", tiny, text, "-o", whole, "--chunk", 32, "--chunks", 6)
        hearth("imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 2)
        self.refused("--resume goes on", "imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 6)
        self.refused("--chunk 32", "imatrix", tiny, text, "-o", parts, "--chunk", 64, "--resume")
        shutil.copy(text, self.folder / "saved.txt")
        text.write_text("the tin hinterland hi " * 200)
        self.refused("another text of the name", "imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 6, "--resume")
        shutil.copy(self.folder / "saved.txt", text)
        self.refused("another model", "imatrix", self.folder / "hf", text, "-o", parts, "--chunk", 32, "--chunks", 6, "--resume")
        hearth("imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 6, "--resume")
        again = run("imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 6, "--resume").stderr.decode()
        self.assertIn("nothing to do", again)
        self.assertNotIn("wrote", again)
        self.refused("holds 6 chunks already", "imatrix", tiny, text, "-o", parts, "--chunk", 32, "--chunks", 2, "--resume")
        name = b"blk.0.attn_q.weight"
        legacy = self.folder / "legacy.dat"
        legacy.write_bytes(struct.pack("<ii", 1, len(name)) + name + struct.pack("<iiff", 1, 2, 1, 1))
        self.refused("made by another program", "imatrix", tiny, text, "-o", legacy, "--chunk", 32, "--resume")
        self.assertEqual(len(whole.read_bytes()), len(parts.read_bytes()))
        # Sums are stored as float32, so the stop costs at most their rounding.
        values = [array.array("f", path.read_bytes()[-4096 // 4 * 4:]) for path in (whole, parts)]
        for a, b in zip(*values):
            self.assertTrue(abs(a - b) <= 4e-7 * abs(a) + 1e-30 or a != a, (a, b))

    def test_interrupting_imatrix_keeps_whole_chunks(self) -> None:
        text = self.folder / "long.txt"
        text.write_text("hi the inner tin hinterland " * 60000)
        out = self.folder / "m.gguf"
        process = subprocess.Popen([HEARTH, "imatrix", str(self.folder / "tiny.gguf"), str(text), "-o", str(out), "--chunk",
                                    "64"], stderr=subprocess.PIPE)
        time.sleep(3)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 1, error)
        self.assertIn(b"--resume goes on", error)
        self.assertTrue(out.exists())
        hearth("quantize", self.folder / "tiny.gguf", self.folder / "q.gguf", "--type", "q4_0", "--imatrix", out)


class RealModel(Quantize):
    """On a model that was trained: only there do errors mean anything."""

    def setUp(self) -> None:
        super().setUp()
        self.model = DATA / "models/stories260k/stories260K.gguf"
        self.text = DATA / "text/tinystories-sample/tiny.utf8"
        if not self.model.exists() or not self.text.exists():
            self.skipTest(f"SKIPPED: {self.model} or {self.text} is not there")

    def log_probabilities(self, model: pathlib.Path, ids: list[int]) -> list[list[float]]:
        out = self.folder / "logits.bin"
        hearth("logits", model, "--ids", ",".join(map(str, ids)), "--out", out)
        values = array.array("f", out.read_bytes())
        vocab = len(values) // len(ids)
        rows = []
        for i in range(len(ids)):
            row = values[i * vocab:(i + 1) * vocab]
            top = max(row)
            total = top + math.log(sum(math.exp(v - top) for v in row))
            rows.append([v - total for v in row])
        return rows

    def divergence(self, model: pathlib.Path) -> float:
        """Mean KL divergence from the original on a part of the text that calibration does not read."""
        raw = self.text.read_bytes()[-40000:]
        result = subprocess.run([HEARTH, "tokenize", str(self.model)], input=raw, capture_output=True, check=True)
        ids = json.loads(result.stdout)[:1200]
        total = 0.0
        for at in range(0, 1200, 400):
            base, other = (self.log_probabilities(path, ids[at:at + 400]) for path in (self.model, model))
            total += sum(math.exp(p) * (p - q) for b, o in zip(base, other) for p, q in zip(b, o))
        return total / 1200

    def quantized(self, *options: object) -> pathlib.Path:
        out = self.folder / f"{len(list(self.folder.iterdir()))}.gguf"
        hearth("quantize", self.model, out, *options)
        return out

    def test_error_feedback_lowers_divergence_at_the_same_size(self) -> None:
        plain = self.quantized("--type", "q4_0")
        fed = self.quantized("--type", "q4_0", "--calibrate", self.text, "--chunk", 256, "--chunks", 40)
        self.assertEqual(self.types(plain), self.types(fed))
        self.assertLess(self.divergence(fed), 0.8 * self.divergence(plain))

    def test_auto_keeps_its_budgets(self) -> None:
        calibrate = ("--calibrate", self.text, "--chunk", 256, "--chunks", 4)
        small = self.quantized("--type", "auto", "--bpw", "7", *calibrate)
        large = self.quantized("--type", "auto", "--bpw", "9", *calibrate)
        self.assertLess(small.stat().st_size, large.stat().st_size)
        self.assertLess(self.divergence(large), self.divergence(small))
        close = self.quantized("--type", "auto", "--kld", "0.002", *calibrate)
        self.assertLess(self.divergence(close), 0.004)
        result = run("quantize", self.model, "-", "--type", "auto", "--kld", "1e-6", "--dry-run", "--json", *calibrate)
        report = json.loads(result.stdout)
        self.assertLessEqual(report["measured_kld"], 1e-6)  # closer than Q8_0 throughout
        self.assertGreaterEqual(report["predicted_kld"], 0)
        self.assertLess(report["tensor_bytes"], report["source_bytes"])
        self.assertNotIn("are not in", result.stderr.decode())
        self.refused("the smallest types of this model", "quantize", self.model, self.folder / "none.gguf", "--type", "auto",
                     "--size", "1000", *calibrate)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    HEARTH = os.path.abspath(sys.argv.pop(1))
    DATA = pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)

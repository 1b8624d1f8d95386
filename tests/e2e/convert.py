#!/usr/bin/env python3
"""Conversion through the command line: what comes out computes what went in.

Usage: convert.py HEARTH SHARED_DATA_FOLDER [unittest arguments]. Python standard library only.
"""
import array
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import make_tiny

HEARTH = ""
DATA = pathlib.Path()
IDS = ",".join(str(i) for i in (1, 70, 7, 255, 33, 200, 9, 9, 120, 64))


def hearth(*arguments: object) -> bytes:
    result = subprocess.run([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=300)
    if result.returncode != 0:
        raise AssertionError(f"{arguments}: status {result.returncode}: {result.stderr.decode()}")
    return result.stdout


class Convert(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-convert-"))
        self.addCleanup(shutil.rmtree, self.folder)
        make_tiny.write_folder(self.folder / "hf", make_tiny.make_folder())
        (self.folder / "tiny.gguf").write_bytes(make_tiny.make_gguf().to_bytes())

    def logits(self, model: pathlib.Path) -> array.array:
        out = self.folder / "logits.bin"
        hearth("logits", model, "--ids", IDS, "--out", out)
        values = array.array("f", out.read_bytes())
        self.assertTrue(values)
        return values

    def converted(self, model: str, kind: str) -> pathlib.Path:
        out = self.folder / f"{pathlib.Path(model).name}-{kind}.gguf"
        hearth("convert", self.folder / model, out, "--type", kind)
        return out

    def types(self, model: pathlib.Path) -> set[str]:
        return {tensor["type"] for tensor in json.loads(hearth("show", model, "--json"))["tensors"]}

    def test_kept_types_compute_the_same_bits(self) -> None:
        for model in ("hf", "tiny.gguf"):
            self.assertEqual(self.logits(self.folder / model), self.logits(self.converted(model, "keep")))

    def test_kept_gguf_keeps_its_bytes(self) -> None:
        once = self.converted("tiny.gguf", "keep")
        again = self.folder / "again.gguf"
        hearth("convert", once, again)
        self.assertEqual(once.read_bytes(), again.read_bytes())

    def test_asked_types_are_what_comes_out(self) -> None:
        for kind in ("F32", "F16", "BF16", "Q8_0"):
            self.assertEqual(self.types(self.converted("hf", kind.lower())), {kind, "F32"})

    def test_text_before_and_after(self) -> None:
        for model in ("hf", "tiny.gguf"):
            texts = {hearth("run", path, "--raw", "--temp", 0, "-n", 16, "-p", "hi the")
                     for path in (self.folder / model, self.converted(model, "keep"))}
            self.assertEqual(len(texts), 1)

    def test_the_real_tiny_model_continues_as_published(self) -> None:
        model = DATA / "models/stories260k/stories260K.gguf"
        if not model.exists():
            self.skipTest(f"SKIPPED: {model} is not there")
        expected = (DATA / "models/stories260k/expected_greedy.txt").read_text()
        out = self.folder / "stories.gguf"
        hearth("convert", model, out, "--type", "f32")
        for path in (model, out):
            for prompt in ("Once upon a time", "Once upon a time, there was a little girl"):
                text = hearth("run", path, "--raw", "--temp", 0, "-n", 150, "-p", prompt).decode()
                self.assertGreater(len(text), 200)
                self.assertEqual(text[:len(expected) - len(prompt)], expected[len(prompt):][:len(text)])


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    HEARTH = os.path.abspath(sys.argv.pop(1))
    DATA = pathlib.Path(sys.argv.pop(1))
    unittest.main(verbosity=2)

#!/usr/bin/env python3
"""Packed weights through the command line: the cache, packed-only models, verification, disks that are full or read-only.

Usage: pack_test.py HEARTH [unittest arguments]. Python standard library only.
"""
import hashlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest

import make_tiny

HEARTH = ""
# Prints the exit status of a command and the most memory it had, mapped files included. A process of its own, and a small one: what
# runs the command counts until that takes its place.
PEAK = """import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"""


class PackTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-pack-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        self.model = self.folder / "tiny.gguf"
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("make_tiny.py"), "gguf", self.model], check=True)

    def hearth(self, *arguments: object, **options):
        return subprocess.run([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, timeout=100,
                              env=os.environ | {"HEARTH_HOME": str(self.home)}, **options)

    def answer(self, model: object, *arguments: object, code: int = 0, **options) -> tuple[bytes, list[str]]:
        result = self.hearth("run", model, "--raw", "-p", "abc", "-n", 8, "--temp", 0, "--ignore-end", *arguments, **options)
        errors = result.stderr.decode()
        self.assertEqual(result.returncode, code, errors)
        return result.stdout, [line for line in errors.splitlines() if not line.startswith("packing weights")]

    def weights(self) -> list[pathlib.Path]:
        return sorted((self.home / "packed").rglob("*.gguf"))

    def left_over(self) -> list[pathlib.Path]:
        return [p for p in self.home.rglob("*") if ".tmp-" in p.name]

    def state(self, model: object) -> dict:
        result = self.hearth("show", model, "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)["packed"]

    def damage(self, path: pathlib.Path, at: float) -> None:
        data = bytearray(path.read_bytes())
        data[int(len(data) * at)] ^= 0x10
        path.write_bytes(data)

    # ---- the cache

    def test_cache_is_written_used_and_repaired(self) -> None:
        expected, notes = self.answer(self.model, "--no-pack-cache")
        self.assertEqual((notes, self.weights()), ([], []))
        self.assertEqual(self.answer(self.model), (expected, []))
        self.assertEqual(self.weights(), [], "tiny models are not worth a file")
        self.assertEqual(self.state(self.model)["state"], "none")
        self.assertEqual(self.answer(self.model, "--pack-cache"), (expected, []))
        [weights] = self.weights()
        self.assertEqual(self.state(self.model), {"state": "current", "path": str(weights), "bytes": weights.stat().st_size})
        before = weights.stat().st_mtime_ns
        self.assertEqual(self.answer(self.model, "--pack-cache"), (expected, []))
        self.assertEqual(weights.stat().st_mtime_ns, before)
        self.assertEqual(self.answer(weights), (expected, []), "a packed file is a model itself")
        self.assertEqual(self.state(weights)["state"], "only")
        for what in ("byte", "cut", "garbage"):
            if what == "byte":
                self.damage(weights, 0.001)
            elif what == "cut":
                weights.write_bytes(weights.read_bytes()[:-300])
            else:
                weights.write_bytes(b"junk" * 100)
            self.assertEqual(self.state(self.model)["state"], "damaged", what)
            text, notes = self.answer(self.model, "--pack-cache")
            self.assertEqual((text, len(notes)), (expected, 1), (what, notes))
            self.assertIn("damaged; not used", notes[0])
            self.assertEqual(self.answer(self.model, "--pack-cache"), (expected, []))
        os.utime(self.model, (1, 1))
        self.assertEqual(self.state(self.model)["state"], "changed")
        text, notes = self.answer(self.model, "--pack-cache")
        self.assertEqual((text, len(notes)), (expected, 1), notes)
        self.assertEqual(self.left_over(), [])

    def test_reference_mode_of_a_packed_file(self) -> None:
        expected, _ = self.answer(self.model, "--reference")
        self.answer(self.model, "--pack-cache")
        self.assertEqual(self.answer(self.weights()[0], "--reference"), (expected, []))

    def test_packed_files_are_not_converted(self) -> None:
        self.answer(self.model, "--pack-cache")
        for arguments in (["convert"], ["quantize", "--type", "q8_0"]):
            result = self.hearth(arguments[0], self.weights()[0], self.folder / "out.gguf", *arguments[1:])
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertEqual(len(result.stderr.decode().splitlines()), 1, result.stderr)
            self.assertFalse((self.folder / "out.gguf").exists())

    def test_no_room_is_one_line_and_packing_in_memory(self) -> None:
        expected, _ = self.answer(self.model, "--no-pack-cache")

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

        text, notes = self.answer(self.model, "--pack-cache", preexec_fn=limit)
        self.assertEqual((text, len(notes)), (expected, 1), notes)
        self.assertIn("packing in memory", notes[0])
        self.assertEqual((self.weights(), self.left_over()), ([], []))
        shutil.rmtree(self.home)
        self.home.write_text("no folder")
        text, notes = self.answer(self.model, "--pack-cache")
        self.assertEqual((text, len(notes)), (expected, 1), notes)
        self.home.unlink()

    def test_many_at_once(self) -> None:
        expected, _ = self.answer(self.model, "--no-pack-cache")
        command = [HEARTH, "run", str(self.model), "--raw", "-p", "abc", "-n", "8", "--temp", "0", "--ignore-end", "--pack-cache"]
        processes = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                      env=os.environ | {"HEARTH_HOME": str(self.home)}) for _ in range(6)]
        for process in processes:
            text, errors = process.communicate(timeout=100)
            self.assertEqual((process.returncode, text), (0, expected), errors)
        self.assertEqual((len(self.weights()), self.left_over()), (1, []))

    # ---- memory

    def peak_bytes(self, *arguments: object) -> int:
        result = subprocess.run([sys.executable, "-I", "-S", "-c", PEAK, HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=100, env=os.environ | {"HEARTH_HOME": str(self.home)})
        status, peak = map(int, result.stdout.split())
        self.assertEqual(status, 0, result.stderr)
        return peak * (1 if sys.platform == "darwin" else 1024)

    def test_packing_never_holds_two_copies(self) -> None:
        if subprocess.run(["grep", "-qE", "__[at]san_init", HEARTH]).returncode == 0:
            self.skipTest("a sanitizer's own memory is larger than the model")
        large = self.folder / "large.gguf"
        subprocess.run([sys.executable, pathlib.Path(__file__).with_name("make_tiny.py"), "large", large], check=True)
        size = large.stat().st_size
        run = ("--threads", 2, "--raw", "-p", "abc", "-n", 1, "--ignore-end")
        program = self.peak_bytes("run", self.model, *run, "--no-pack-cache")
        # One copy, and a quarter of one: the tensor or the piece at hand, and the buffers of a wider model.
        for how in ("--no-pack-cache", "--pack-cache", "--pack-cache"):  # packed in memory, packed into a file, mapped
            peak = self.peak_bytes("run", large, *run, how) - program
            self.assertLess(peak, 1.25 * size, how)
            self.assertGreater(peak, 0.75 * size, f"{how}: all weights are read, so this measures something else")
        [weights] = self.weights()
        self.assertLess(abs(weights.stat().st_size - size), 0.05 * size)
        # Packed without being run: no copy at all.
        self.assertLess(self.peak_bytes("pull", large, "--name", "mine", "--packed-only") - program, 0.25 * size)

    # ---- verification and removal

    def test_doctor_verifies_everything(self) -> None:
        self.answer(self.model, "--pack-cache")
        self.assertEqual(self.hearth("pull", self.model, "--name", "mine").returncode, 0)
        self.answer("mine", "--pack-cache")
        result = self.hearth("doctor", "--verify")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"verified 3 ", result.stderr)
        self.assertEqual(len(self.weights()), 2)
        for weights in self.weights():
            self.damage(weights, 0.6)  # in the weights: a start does not look there
        self.damage(self.home / "models/mine/tiny.gguf", 0.6)
        result = self.hearth("doctor", "--verify")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        lines = [line for line in result.stderr.decode().splitlines() if not line.startswith("verifying")]
        self.assertEqual(len(lines), 4, lines)
        self.assertIn("3 of 3", lines[-1])
        self.assertEqual(self.weights(), [])
        self.model.unlink()
        self.assertEqual(self.hearth("rm", "mine").returncode, 0)

    def test_weights_without_a_model_are_reported_and_removed(self) -> None:
        self.answer(self.model, "--pack-cache")
        self.model.unlink()
        result = self.hearth("doctor", "--verify")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"is gone; hearth rm --packed", result.stderr)
        freed = json.loads(self.hearth("rm", "--packed", "--json").stdout)["removed"][0]["bytes_freed"]
        self.assertGreater(freed, 0)
        self.assertEqual(self.weights(), [])
        self.assertEqual(self.hearth("rm").returncode, 2)

    def test_doctor_knows_a_model_wherever_it_is_asked(self) -> None:
        self.answer(self.model.name, "--pack-cache", cwd=self.folder)
        [weights] = self.weights()
        result = self.hearth("doctor", "--verify", cwd="/")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertNotIn(b"is gone", result.stderr)
        self.model.unlink()
        self.assertIn(f"model '{self.model}' is gone".encode(), self.hearth("doctor", "--verify", cwd="/").stderr)
        self.assertEqual(self.hearth("rm", "--packed", self.folder / "other.gguf").returncode, 1)
        self.assertEqual(self.weights(), [weights])
        self.assertEqual(self.hearth("rm", "--packed", self.model, cwd="/").returncode, 0)
        self.assertEqual(self.weights(), [])

    def test_packed_weights_of_a_link_that_is_gone(self) -> None:
        link = self.folder / "link.gguf"
        link.symlink_to(self.model)
        self.answer(link, "--pack-cache")
        link.unlink()
        self.assertEqual(self.hearth("rm", "--packed", link.name, cwd=self.folder).returncode, 0)
        self.assertEqual(self.weights(), [])

    def test_rm_takes_the_packed_weights_along(self) -> None:
        self.assertEqual(self.hearth("pull", self.model, "--name", "mine").returncode, 0)
        self.answer("mine", "--pack-cache")
        self.assertEqual(len(self.weights()), 1)
        self.assertEqual(self.hearth("rm", "--packed", "mine").returncode, 0)
        self.assertEqual(self.weights(), [])
        self.answer("mine", "--pack-cache")
        self.assertEqual(self.hearth("rm", "mine").returncode, 0)
        self.assertEqual([p for p in self.home.rglob("*.gguf")], [])

    # ---- packed only

    def test_packed_only(self) -> None:
        expected, _ = self.answer(self.model, "--no-pack-cache")
        pull = ("pull", self.model, "--name", "mine", "--sha256", hashlib.sha256(self.model.read_bytes()).hexdigest(), "--json")
        result = self.hearth(*pull, "--packed-only")
        self.assertEqual(result.returncode, 0, result.stderr)
        pulled = json.loads(result.stdout)
        self.assertTrue(pulled["packed_only"])
        folder = self.home / "models/mine"
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["hearth-packed.gguf", "manifest.json"])
        self.assertEqual(pulled["size"], (folder / "hearth-packed.gguf").stat().st_size)
        self.assertEqual(self.answer("mine"), (expected, []))
        self.assertEqual(self.answer("mine", "--pack-cache"), (expected, []))
        self.assertEqual(self.weights(), [])
        self.assertEqual(self.state("mine")["state"], "only")
        [row] = json.loads(self.hearth("list", "--json", "--verify").stdout)["models"]
        self.assertEqual((row["packed_only"], row["condition"]), (True, "ok"))
        again = json.loads(self.hearth(*pull, "--packed-only").stdout)
        self.assertTrue(again["already_there"])
        whole = json.loads(self.hearth(*pull).stdout)
        self.assertEqual((whole["already_there"], whole["packed_only"]), (False, False))
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["manifest.json", "tiny.gguf"])
        self.answer("mine", "--pack-cache")
        self.assertEqual(len(self.weights()), 1)
        packed = json.loads(self.hearth(*pull, "--packed-only").stdout)  # nothing is fetched: what is there is packed
        self.assertEqual((packed["already_there"], packed["packed_only"]), (False, True))
        self.assertEqual(self.weights(), [], "the cache of a model that is packed itself")
        self.assertEqual(self.answer("mine"), (expected, []))
        self.assertEqual(list((self.home / "partial").glob("[!.]*")), [])

    def test_packed_only_of_what_cannot_be_packed(self) -> None:
        junk = make_tiny.Gguf()
        junk.set("general.architecture", make_tiny.STRING, "llama")
        junk.tensors.append(("noise", [4], make_tiny.F32, bytes(16)))
        path = self.folder / "junk.gguf"
        path.write_bytes(junk.to_bytes())
        result = self.hearth("pull", path, "--packed-only")
        lines = [line for line in result.stderr.decode().splitlines() if "%" not in line]
        self.assertEqual((result.returncode, len(lines)), (1, 1), result.stderr)
        listed = json.loads(self.hearth("list", "--json").stdout)
        self.assertEqual((listed["models"], listed["partial"]), ([], []))

    def test_damaged_packed_only_model(self) -> None:
        self.assertEqual(self.hearth("pull", self.model, "--name", "mine", "--packed-only").returncode, 0)
        self.damage(self.home / "models/mine/hearth-packed.gguf", 0.001)
        _, notes = self.answer("mine", code=1)
        self.assertEqual(len(notes), 1)
        result = self.hearth("pull", self.model, "--name", "mine", "--packed-only")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.answer("mine")


if __name__ == "__main__":
    HEARTH = sys.argv.pop(1)
    unittest.main()

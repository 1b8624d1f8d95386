#!/usr/bin/env python3
"""Bad input through the command line: each mistake ends with one clear line on stderr and a status of 1 or 2, never a crash.

Usage: bad_input.py HEARTH [unittest arguments]. Python standard library only.
"""
import functools
import http.server
import json
import math
import os
import pathlib
import re
import resource
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import make_tiny

HEARTH = ""
BIG_BYTES = 4 << 20
PROGRESS = re.compile(r"^[^:]* \d+%")  # "big.gguf 20% 1.0 MiB of 4.3 MiB", before the error of a long transfer


def hearth(*arguments: object, stdin: bytes = b"", home: pathlib.Path | None = None, **options):
    environment = dict(os.environ)
    if home is not None:
        environment["HEARTH_HOME"] = str(home)
    command = [HEARTH, *(a if isinstance(a, bytes) else str(a) for a in arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=60, env=environment, **options)


class BadInput(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-bad-input-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def write(self, file: make_tiny.Gguf, name: str = "model.gguf") -> pathlib.Path:
        path = self.folder / name
        path.write_bytes(file.to_bytes())
        return path

    def fails(self, result, *words: str, status: tuple[int, ...] = (1,), progress: bool = False) -> str:
        errors = "".join(line for line in result.stderr.decode("utf-8").splitlines(keepends=True)
                         if not (progress and PROGRESS.search(line)))
        self.assertIn(result.returncode, status, errors)
        self.assertEqual(errors.count("\n"), 1, errors)
        for word in words:
            self.assertIn(word.lower(), errors.lower())
        return errors

    def fails_both(self, path: pathlib.Path, *words: str) -> None:
        self.fails(hearth("show", path), *words)
        self.fails(hearth("run", path, "-n", 4, "--raw", "-p", "hi"), *words)

    def run_fails(self, file: make_tiny.Gguf, *words: str) -> str:
        return self.fails(hearth("run", self.write(file), "-n", 4, "--raw", "-p", "hi"), *words)

    def test_the_unharmed_models_work(self) -> None:
        path = self.write(make_tiny.make_gguf())
        make_tiny.write_folder(self.folder / "hf", make_tiny.make_folder())
        for model in (path, self.folder / "hf"):
            for arguments in (("show", model), ("run", model, "-n", 4, "--raw", "-p", "hi")):
                result = hearth(*arguments)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(result.stdout)

    # ---- files

    def test_truncated_file(self) -> None:
        whole = make_tiny.make_gguf().to_bytes()
        path = self.folder / "cut.gguf"
        for size in (3, 20, 2000, len(whole) - 1000):
            path.write_bytes(whole[:size])
            self.fails_both(path, "cut.gguf", "cut short")
        path.write_bytes(b"")
        self.fails_both(path, "cut.gguf", "empty")

    def test_truncated_safetensors(self) -> None:
        files = make_tiny.make_folder()
        for size in (5, 300, len(files["model.safetensors"]) - 1000):
            cut = {**files, "model.safetensors": files["model.safetensors"][:size]}
            make_tiny.write_folder(self.folder / "hf", cut)
            self.fails_both(self.folder / "hf", "model.safetensors")

    def test_wrong_magic(self) -> None:
        path = self.folder / "model.gguf"
        for start in (b"GGML", b"PK\x03\x04", b"{\"a\": 1}", b"\n\n\n\n"):
            path.write_bytes(start + bytes(1000))
            self.fails_both(path, "not a GGUF file")

    def test_other_versions(self) -> None:
        whole = bytearray(make_tiny.make_gguf().to_bytes())
        path = self.folder / "model.gguf"
        for version, word in ((1, "version 1"), (9, "version 9"), (3 << 24, "big-endian")):
            whole[4:8] = struct.pack("<I", version)
            path.write_bytes(whole)
            self.fails_both(path, word)

    def test_unreadable_files(self) -> None:
        path = self.write(make_tiny.make_gguf())
        self.fails_both(path / "below-a-file.gguf", "below-a-file.gguf")
        self.fails_both(self.folder / "missing.gguf", "missing.gguf")
        self.fails_both(self.folder, self.folder.name)
        os.mkfifo(self.folder / "pipe.gguf")
        self.fails_both(self.folder / "pipe.gguf", "pipe.gguf")
        if os.geteuid() == 0:
            print("SKIPPED in part: root may read every file, so no file without permission was tried", file=sys.stderr)
            return
        path.chmod(0)
        self.fails_both(path, "Permission denied")

    def test_missing_part_of_a_split_model(self) -> None:
        path = self.write(make_tiny.make_gguf(), "m-00002-of-00003.gguf")
        self.fails_both(path, "m-00001-of-00003.gguf", "m-00003-of-00003.gguf")

    # ---- models

    def test_nan_weights_are_named(self) -> None:
        for name in ("blk.0.attn_k.weight", "output_norm.weight", "token_embd.weight", "blk.0.ffn_gate.weight"):
            file = make_tiny.make_gguf()
            for i, (tensor, shape, kind, data) in enumerate(file.tensors):
                if tensor == name:  # the first number of every type here is a float: the value, or the block's scale
                    bad = struct.pack("<f" if kind == make_tiny.F32 else "<e", math.nan)
                    file.tensors[i] = (tensor, shape, kind, bad + data[len(bad):])
            self.run_fails(file, name)

    def test_missing_tensors_are_all_listed(self) -> None:
        file = make_tiny.make_gguf()
        gone = ["blk.0.attn_q.weight", "blk.0.ffn_norm.weight", "output_norm.weight"]
        file.tensors = [tensor for tensor in file.tensors if tensor[0] not in gone]
        self.run_fails(file, *gone)

    def test_misshapen_tensor_is_named(self) -> None:
        file = make_tiny.make_gguf()
        file.tensors = [(name, [shape[0] // 2, *shape[1:]] if name == "blk.0.ffn_up.weight" else shape, kind,
                         data[:len(data) // 2] if name == "blk.0.ffn_up.weight" else data)
                        for name, shape, kind, data in file.tensors]
        self.run_fails(file, "blk.0.ffn_up.weight")

    def test_unknown_architecture_names_the_nearest(self) -> None:
        file = make_tiny.make_gguf()
        file.set("general.architecture", make_tiny.STRING, "lama")
        self.run_fails(file, "lama", "llama")
        files = make_tiny.make_folder()
        config = json.loads(files["config.json"]) | {"architectures": ["LamaForCausalLM"], "model_type": "lama"}
        make_tiny.write_folder(self.folder / "hf", files | {"config.json": json.dumps(config).encode()})
        self.fails_both(self.folder / "hf", "LamaForCausalLM", "LlamaForCausalLM")

    def test_impossible_hyper_parameters(self) -> None:
        for key, value in (("llama.block_count", 0), ("llama.block_count", 4000000000), ("llama.attention.head_count", 0),
                           ("llama.embedding_length", 4294967295), ("llama.rope.dimension_count", 33)):
            file = make_tiny.make_gguf()
            file.set(key, make_tiny.UINT32, value)
            self.run_fails(file)

    def test_invalid_utf8(self) -> None:
        file = make_tiny.make_gguf()
        file.set("general.name", make_tiny.STRING, b"tiny \xff\xfe")
        self.fails_both(self.write(file), "general.name", "UTF-8")
        request = b'{"messages": [{"role": "user", "content": "\xff"}]}'
        path = self.write(make_tiny.make_gguf())
        self.fails(hearth("template", path, stdin=request))
        # In a prompt it is text like any other: replaced, not refused.
        result = hearth("run", path, "-n", 2, "--raw", "-p", b"hi \xff\xfe")
        self.assertEqual(result.returncode, 0, result.stderr)

    # ---- requests

    def test_token_id_out_of_range(self) -> None:
        path = self.write(make_tiny.make_gguf())
        out = self.folder / "logits.bin"
        for ids in ("1,99999", "-1", "1,4294967297"):
            self.fails(hearth("logits", path, f"--ids={ids}", "--out", out), status=(1, 2))
            self.assertFalse(out.exists())
        self.fails(hearth("logits", path, "--ids", "1,99999", "--out", out), "99999", status=(1, 2))
        self.fails(hearth("tokenize", path, "--decode", stdin=b"[1, 99999]"), "99999", status=(1, 2))
        self.fails(hearth("tokenize", path, "--decode", stdin=b"[1, "), status=(1, 2))

    def test_prompt_longer_than_the_context(self) -> None:
        path = self.write(make_tiny.make_gguf())
        self.fails(hearth("run", path, "--raw", "-n", 4, "--ctx", 16, "-p", "hi the " * 50), "context", "16")
        self.fails(hearth("run", path, "--raw", "-n", 4, "-p", "hi the " * 5000), "context", str(make_tiny.CONTEXT))

    def test_zero_and_nonsense_numbers(self) -> None:
        path = self.write(make_tiny.make_gguf())
        for arguments in (("--threads", 0), ("--threads", -1), ("--threads", "x"), ("--ctx", 0), ("--temp", "nan"),
                          ("--top-p", 7), ("-n", "x")):
            self.fails(hearth("run", path, "--raw", "-p", "hi", *arguments), status=(1, 2))
        self.fails(hearth("run", path, "--raw", "-p", "hi", "--threads", 0), "threads", status=(1, 2))

    def test_wrong_usage(self) -> None:
        self.fails(hearth("shwo"), "show", status=(2,))
        self.fails(hearth("run", "--no-such-option"), status=(2,))
        self.fails(hearth("convert", self.write(make_tiny.make_gguf()), self.folder / "o.gguf", "--type", "q9"), "q9",
                   status=(1, 2))

    # ---- disks

    def limited(self) -> None:
        """In the child: files may grow to 1 MB, as on a full disk."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    def assert_no_model(self, home: pathlib.Path) -> None:
        listed = hearth("list", home=home)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertNotIn(b"big", listed.stdout)

    def big_model(self) -> pathlib.Path:
        file = make_tiny.make_gguf()
        file.tensors.append(("padding", [BIG_BYTES // 4], make_tiny.F32, bytes(BIG_BYTES)))
        (self.folder / "src").mkdir()
        return self.write(file, "src/big.gguf")

    def test_disk_full_during_pull_of_a_file(self) -> None:
        home = self.folder / "home"
        self.fails(hearth("pull", self.big_model(), home=home, preexec_fn=self.limited), progress=True)
        self.assert_no_model(home)

    def test_disk_full_during_pull_of_a_url(self) -> None:
        handler = functools.partial(QuietHandler, directory=str(self.big_model().parent))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        home = self.folder / "home"
        url = f"http://127.0.0.1:{server.server_address[1]}/big.gguf"
        self.fails(hearth("pull", url, home=home, preexec_fn=self.limited), progress=True)
        self.assert_no_model(home)

    def test_disk_too_small_for_a_pull(self) -> None:
        """A real small file system, where this user may mount one."""
        if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode != 0:
            self.skipTest("SKIPPED: no right to mount a small file system here")
        mount = self.folder / "small"
        mount.mkdir()
        script = 'mount -t tmpfs -o size=1m tmpfs "$1" && HEARTH_HOME="$1/home" exec "$2" pull "$3"'
        result = subprocess.run(["unshare", "-Urm", "sh", "-c", script, "sh", str(mount), HEARTH, str(self.big_model())],
                                capture_output=True, timeout=60)
        if b"mount:" in result.stderr:
            self.skipTest("SKIPPED: no right to mount a small file system here")
        self.fails(result, "free", progress=True)

    def test_disk_full_during_convert(self) -> None:
        out = self.folder / "out.gguf"
        self.fails(hearth("convert", self.big_model(), out, preexec_fn=self.limited), "out.gguf", progress=True)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["src"])

    def test_model_truncated_while_running(self) -> None:
        """--reference reads the weights from the mapped file, which shrinks under it."""
        file = make_tiny.make_gguf()
        file.set("llama.context_length", make_tiny.UINT32, 100_000)
        path = self.write(file)
        command = [HEARTH, "run", str(path), "--raw", "--reference", "--ctx", "20000", "-n", "15000", "--temp", "1", "-p", "hi"]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            ready, _, _ = select.select([process.stdout], [], [], 30)
            self.assertTrue(ready, "no output within 30 s")
            os.truncate(path, 4096)
            time.sleep(0.2)
            if process.poll() == 0:
                self.skipTest("SKIPPED: the answer was complete before the file shrank")
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            process.stderr.close()
        self.assertEqual(process.returncode, 1, errors)
        self.assertEqual(errors.decode().count("\n"), 1, errors)
        self.assertIn("model.gguf", errors.decode())


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments) -> None:
        pass

    def copyfile(self, source, outputfile) -> None:
        try:
            super().copyfile(source, outputfile)
        except OSError:
            pass  # the client gave up, as it should


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    HEARTH = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)

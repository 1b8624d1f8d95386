#!/usr/bin/env python3
"""The model store through the command line, against a server that does everything wrong (hostile_server.py).

Usage: pull_test.py HEARTH [unittest arguments]. Python standard library only. After every failure there is one line on stderr,
status 1, and nothing under the final name.
"""
import hashlib
import json
import os
import pathlib
import pty
import random
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import hostile_server
import make_tiny

HEARTH = ""


def make_model(bytes_at_least: int, seed: int = 1) -> bytes:
    """A well-formed GGUF whose one tensor differs in every place."""
    file = make_tiny.Gguf()
    file.set("general.architecture", make_tiny.STRING, "llama")
    data = random.Random(seed).randbytes(bytes_at_least // 4 * 4)
    file.tensors.append(("noise", [len(data) // 4], make_tiny.F32, data))
    return file.to_bytes()


MODEL = make_model(6_000_000)
SHA256 = hashlib.sha256(MODEL).hexdigest()


class PullTest(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hearth-pull-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.home = self.folder / "home"
        self.server = hostile_server.HostileServer()
        self.addCleanup(self.server.stop)
        self.server.files["m.gguf"] = MODEL

    # ---- running

    def environment(self, **more: str) -> dict[str, str]:
        out = {key: value for key, value in os.environ.items()
               if key.lower() not in ("http_proxy", "https_proxy", "all_proxy") and not key.startswith("HF_")}
        out.update(HEARTH_HOME=str(self.home), HF_ENDPOINT=self.server.url, **more)
        return out

    def hearth(self, *arguments: object, token: str | None = None, **options):
        environment = self.environment(**({"HF_TOKEN": token} if token else {}))
        return subprocess.run([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=100, env=environment, **options)

    def start(self, *arguments: object) -> subprocess.Popen:
        process = subprocess.Popen([HEARTH, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.environment())
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def url(self, mode: str, name: str = "m.gguf") -> str:
        return f"{self.server.url}/{mode}/{name}"

    # ---- judging

    def installed(self) -> list[pathlib.Path]:
        models = self.home / "models"
        return sorted(p for p in models.rglob("*") if p.is_file()) if models.exists() else []

    def partial(self) -> list[str]:
        folder = self.home / "partial"
        return sorted(p.name for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".lock-")) if folder.exists() else []

    def succeeds(self, result, content: bytes = MODEL) -> pathlib.Path:
        self.assertEqual(result.returncode, 0, result.stderr)
        path = pathlib.Path(result.stdout.strip())
        self.assertEqual(path.read_bytes() == content, True, "other bytes than were served")
        self.assertEqual(self.partial(), [])
        return path

    def fails(self, result, *words: str, status: int = 1) -> str:
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        errors = [line for line in result.stderr.splitlines() if line.startswith("hearth: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        for word in words:
            self.assertIn(word, errors[0])
        self.assertEqual(self.installed(), [])
        return errors[0]

    # ---- what works

    def test_url(self) -> None:
        path = self.succeeds(self.hearth("pull", self.url("plain")))
        manifest = json.loads((path.parent / "manifest.json").read_text())
        self.assertEqual(manifest["files"][0]["sha256"], SHA256)
        self.assertEqual(manifest["source"], self.url("plain"))
        self.assertGreaterEqual(len({r.range for r in self.server.log}), 6, "not fetched in parts")
        asked = len(self.server.log)
        again = self.hearth("pull", self.url("plain"))
        self.assertIn("already there", again.stderr)
        self.assertEqual(len(self.server.log), asked + 1, "fetched again what was there")

    def test_connections_work_at_once(self) -> None:
        self.succeeds(self.hearth("pull", self.url("paced"), "--connections", 4))
        self.assertGreaterEqual(self.server.most_bodies, 2, "one part after the other")
        self.assertLessEqual(self.server.most_bodies, 4)

    def test_one_connection_is_one(self) -> None:
        self.succeeds(self.hearth("pull", self.url("paced"), "--connections", 1))
        self.assertEqual(self.server.most_bodies, 1)

    def test_url_with_sha256(self) -> None:
        self.succeeds(self.hearth("pull", self.url("plain"), "--sha256", SHA256.upper()))
        self.assertEqual(self.hearth("list", "--verify").returncode, 0)
        self.home = self.folder / "second"
        self.fails(self.hearth("pull", self.url("plain"), "--sha256", "0" * 64), "SHA-256", SHA256)
        self.assertEqual(self.partial(), [])
        self.fails(self.hearth("pull", self.url("plain"), "--sha256", "12"), "64", status=2)

    def test_hub_choices(self) -> None:
        self.server.add_repo("org/repo", {"README.md": b"hello", "m-Q8_0.gguf": MODEL, "m-q4_k_m.gguf": make_model(2_000_000)})
        result = self.hearth("pull", "hf:org/repo:q8_0", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        report = json.loads(result.stdout)
        self.assertEqual(report["name"], "org/repo:Q8_0")
        self.assertEqual(report["revision"], hostile_server.COMMIT)
        self.assertEqual(pathlib.Path(report["path"]).read_bytes() == MODEL, True)
        preferred = self.hearth("pull", "hf:org/repo")
        self.assertTrue(preferred.stdout.endswith("/m-q4_k_m.gguf\n"), preferred.stdout + preferred.stderr)
        listed = self.hearth("list").stdout
        self.assertIn("org/repo:Q8_0", listed)
        self.assertIn("org/repo:Q4_K_M", listed)
        missing = self.hearth("pull", "hf:org/repo:Q2_K")
        self.assertEqual(missing.returncode, 1)
        self.assertIn("Q8_0", missing.stderr)
        removed = self.hearth("rm", "org/repo:Q8_0", "org/repo:q4_k_m")
        self.assertEqual(removed.returncode, 0, removed.stderr)
        self.assertEqual(self.installed(), [])
        self.assertEqual(self.hearth("rm", "org/repo:Q8_0").returncode, 1)

    def test_hub_folder_and_split_files(self) -> None:
        parts = {f"d/m-Q8_0-0000{i}-of-00002.gguf": make_model(1_500_000, seed=i) for i in (1, 2)}
        self.server.add_repo("org/split", parts)
        path = self.succeeds(self.hearth("pull", "hf:org/split"), parts["d/m-Q8_0-00001-of-00002.gguf"])
        self.assertEqual(len(list(path.parent.glob("*.gguf"))), 2)
        weights = random.Random(5).randbytes(50_000)
        self.server.add_repo("org/folder", {"config.json": b"{}", "model.safetensors": weights, "tokenizer.json": b"{}",
                                            "pytorch_model.bin": b"no"})
        result = self.hearth("pull", "hf:org/folder")
        self.assertEqual(result.returncode, 0, result.stderr)
        folder = pathlib.Path(result.stdout.strip())
        self.assertEqual({p.name for p in folder.iterdir()},
                         {"config.json", "model.safetensors", "tokenizer.json", "manifest.json"})
        self.assertEqual((folder / "model.safetensors").read_bytes() == weights, True)

    def test_mirror_without_commits_or_hashes(self) -> None:
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL}, listing=[{"rfilename": "m-Q8_0.gguf"}], revision="unknown")
        self.succeeds(self.hearth("pull", "hf:org/repo"))

    def test_local_file_is_copied(self) -> None:
        source = self.folder / "mine.gguf"
        source.write_bytes(MODEL)
        path = self.succeeds(self.hearth("pull", source))
        source.unlink()
        self.assertEqual(path.read_bytes() == MODEL, True)
        self.assertEqual(self.hearth("rm", "mine").returncode, 0)
        cut = self.folder / "cut.gguf"
        cut.write_bytes(MODEL[:-1000])
        self.fails(self.hearth("pull", cut))

    # ---- servers that do worse than they could

    def test_cuts_are_continued(self) -> None:
        self.succeeds(self.hearth("pull", self.url("cut")))
        self.home = self.folder / "second"
        self.succeeds(self.hearth("pull", self.url("untagged-cut")))
        self.assertLess(self.server.body_bytes, len(MODEL) * 3, "began again instead of going on")

    def test_no_ranges(self) -> None:
        self.succeeds(self.hearth("pull", self.url("no-ranges")))

    def test_ranges_forgotten(self) -> None:
        self.succeeds(self.hearth("pull", self.url("forgets-ranges")))

    def test_chunks_without_length(self) -> None:
        self.succeeds(self.hearth("pull", self.url("chunked")))

    def test_unframed_body_needs_a_hash(self) -> None:
        self.fails(self.hearth("pull", self.url("unframed")), "how long")
        self.succeeds(self.hearth("pull", self.url("unframed"), "--sha256", SHA256))

    def test_busy_server(self) -> None:
        self.succeeds(self.hearth("pull", self.url("busy-at-first")))
        self.home = self.folder / "second"
        self.fails(self.hearth("pull", self.url("always-busy"), "--retries", 2), "503")

    def test_content_changes_meanwhile(self) -> None:
        self.succeeds(self.hearth("pull", self.url("changes-once")))
        self.home = self.folder / "second"
        self.fails(self.hearth("pull", self.url("changes-always")), "changing")

    def test_content_changes_and_only_the_date_tells(self) -> None:
        self.succeeds(self.hearth("pull", self.url("changes-date")))

    def test_server_farm_with_many_tags(self) -> None:
        self.succeeds(self.hearth("pull", self.url("changes-always"), "--sha256", SHA256))

    def test_stalls_are_cuts(self) -> None:
        began = time.monotonic()
        self.fails(self.hearth("pull", self.url("stalls"), "--stall-timeout", 1, "--retries", 1))
        self.assertLess(time.monotonic() - began, 30)

    # ---- servers that lie

    def test_nothing_comes(self) -> None:
        self.fails(self.hearth("pull", self.url("cut-always"), "--retries", 2), "2 tries")

    def test_length_too_large(self) -> None:
        self.fails(self.hearth("pull", self.url("claims-more"), "--retries", 2))

    def test_length_too_small(self) -> None:
        self.fails(self.hearth("pull", self.url("claims-less")))
        self.fails(self.hearth("pull", self.url("claims-less"), "--sha256", SHA256), "SHA-256")
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL}, mode="claims-less")
        self.fails(self.hearth("pull", "hf:org/repo"), str(len(MODEL)))

    def test_wrong_bytes(self) -> None:
        self.fails(self.hearth("pull", self.url("wrong-bytes"), "--sha256", SHA256), SHA256)
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL}, mode="wrong-bytes")
        self.fails(self.hearth("pull", "hf:org/repo"), SHA256)
        self.assertEqual(self.partial(), [], "wrong bytes are no start for another try")

    def test_wrong_part(self) -> None:
        self.fails(self.hearth("pull", self.url("wrong-part")), "another part")

    def test_web_page_instead_of_a_file(self) -> None:
        self.fails(self.hearth("pull", self.url("web-page")), "web page")
        self.fails(self.hearth("pull", self.url("quiet-web-page")), "no GGUF")
        self.assertEqual(self.partial(), [])

    def test_redirects(self) -> None:
        self.fails(self.hearth("pull", self.url("loop")), "redirected")
        self.assertLess(len(self.server.log), 12)

    def test_token_does_not_leave_the_hub(self) -> None:
        elsewhere = hostile_server.HostileServer()
        self.addCleanup(elsewhere.stop)
        elsewhere.files["m.gguf"] = MODEL
        self.server.elsewhere = elsewhere.url
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL}, mode="other-host", token="hf_secret")
        line = self.fails(self.hearth("pull", "hf:org/repo"), "401", "HF_TOKEN")
        self.assertNotIn("Signature", line)
        self.fails(self.hearth("pull", "hf:org/repo", token="hf_wrong"), "401", "HF_TOKEN")
        path = self.succeeds(self.hearth("pull", "hf:org/repo", token="hf_secret"))
        self.assertTrue(elsewhere.log)
        self.assertEqual({request.token for request in elsewhere.log}, {None})
        for kept in path.parent.iterdir():
            self.assertNotIn(b"secret", kept.read_bytes() if kept.name == "manifest.json" else b"")

    def test_token_goes_along_at_home(self) -> None:
        """The hub redirects small files to another path of its own, which needs the token as well."""
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL}, mode="same-host", token="hf_secret")
        self.succeeds(self.hearth("pull", "hf:org/repo", token="hf_secret"))

    def test_hub_errors(self) -> None:
        self.fails(self.hearth("pull", "hf:org/none"), "404", "hf:org/none")
        self.fails(self.hearth("pull", self.url("plain", "none.gguf")), "404")
        self.server.repos["org/odd"] = {"token": None, "revision": "x", "listing": "nothing", "files": {}, "mode": "plain"}
        self.fails(self.hearth("pull", "hf:org/odd"), "listing")
        self.server.add_repo("org/empty", {})
        self.fails(self.hearth("pull", "hf:org/empty"), "holds no GGUF")

    def test_names_that_climb(self) -> None:
        for name in ("../../evil.gguf", "/tmp/evil.gguf", "d/../../evil.gguf", "evil\x00.gguf", "..\\evil.gguf",
                     "x" * 300 + ".gguf", ".gguf", "d/.evil.gguf", "evil\n.gguf"):
            with self.subTest(name):
                self.server.add_repo("org/repo", {name: MODEL})
                line = self.fails(self.hearth("pull", "hf:org/repo"))
                self.assertIn("refused", line)
                self.assertEqual(self.partial(), [])
        self.assertEqual([p for p in self.folder.rglob("*evil*")], [])
        for url in (f"{self.server.url}/plain/..%2F..%2Fevil.gguf", f"{self.server.url}/plain/%00.gguf"):
            self.fails(self.hearth("pull", url))
        for name in ("../evil", "a/b", ".x", "a--b"):
            self.fails(self.hearth("pull", self.url("plain"), "--name", name), "name", status=2)

    # ---- disks

    def test_too_large_for_the_disk(self) -> None:
        line = self.fails(self.hearth("pull", self.url("huge")), "not enough disk space", "needed", "free")
        self.assertIn("PB", line)
        self.assertLess(self.server.body_bytes, 10, "began although it cannot fit")

    def test_file_size_limit(self) -> None:
        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        self.fails(self.hearth("pull", self.url("plain"), preexec_fn=limited), "limit")
        self.fails(self.hearth("pull", self.url("chunked"), preexec_fn=limited), "limit")
        self.succeeds(self.hearth("pull", self.url("plain")))

    def test_disk_full_while_writing(self) -> None:
        """The server does not say how much comes, so only the disk can say that it is too much."""
        small = self.folder / "small"
        small.mkdir()
        script = ('mount -t tmpfs -o size=4m tmpfs "$1" || exit 77; HEARTH_HOME="$1/home" "$2" pull "$3"; code=$?; '
                  'find "$1/home/models" -type f; exit $code')
        flags = "-m" if os.geteuid() == 0 else "-Urm"
        result = subprocess.run(["unshare", flags, "sh", "-c", script, "sh", small, HEARTH, self.url("chunked")],
                                capture_output=True, text=True, timeout=60, env=self.environment())
        if result.returncode == 77 or "unshare" in result.stderr:
            self.skipTest("SKIPPED: no right to mount a small file system here")
        self.fails(result, "disk is full", "free")

    # ---- ends and continuations

    def wait_for_state(self, process: subprocess.Popen, seconds: float = 20) -> None:
        """Until the resume state names bytes that arrived."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and process.poll() is None:
            for state in self.home.glob("partial/*/*.state.json"):
                if json.loads(state.read_text())["done"]:
                    return
            time.sleep(0.02)
        self.fail("no resume state appeared")

    def test_killed_and_continued(self) -> None:
        self.server.throttle = 300_000
        process = self.start("pull", self.url("paced"))
        self.wait_for_state(process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertEqual(self.installed(), [])
        self.assertIn("unfinished", self.hearth("list").stderr)
        self.server.throttle = 1 << 40
        before = self.server.body_bytes
        self.succeeds(self.hearth("pull", self.url("paced")))
        self.assertLess(self.server.body_bytes - before, len(MODEL) - 100_000, "began again instead of going on")
        self.assertEqual(self.hearth("list", "--verify").returncode, 0)

    def test_interrupted_and_continued(self) -> None:
        self.server.throttle = 300_000
        process = self.start("pull", self.url("paced"))
        self.wait_for_state(process)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 1, errors)
        self.assertIn("stopped", errors)
        self.assertTrue(self.partial())
        self.server.throttle = 1 << 40
        self.succeeds(self.hearth("pull", self.url("paced")))

    def test_partial_of_other_content_is_not_used(self) -> None:
        self.server.throttle = 300_000
        process = self.start("pull", self.url("paced"))
        self.wait_for_state(process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        other = make_model(len(MODEL) - 1000, seed=9)
        self.server.files["m.gguf"] = other + bytes(max(0, len(MODEL) - len(other)))
        self.server.throttle = 1 << 40
        # the same length and tag, but a promised hash: what arrived before belongs to nothing that is promised now
        sha256 = hashlib.sha256(self.server.files["m.gguf"]).hexdigest()
        self.succeeds(self.hearth("pull", self.url("paced"), "--sha256", sha256), self.server.files["m.gguf"])

    def test_rm_of_an_unfinished_pull(self) -> None:
        self.fails(self.hearth("pull", self.url("cut-always"), "--retries", 1))
        self.assertTrue(self.partial())
        self.assertEqual(self.hearth("rm", "m").returncode, 0)
        self.assertEqual(self.partial(), [])

    def test_two_at_once(self) -> None:
        self.server.throttle = 1_000_000
        processes = [self.start("pull", self.url("paced")) for _ in range(2)]
        outputs = [process.communicate(timeout=60) for process in processes]
        self.assertEqual([process.returncode for process in processes], [0, 0], outputs)
        self.assertIn("waiting", "".join(errors for _, errors in outputs))
        self.assertEqual(pathlib.Path(outputs[0][0].strip()).read_bytes() == MODEL, True)
        self.assertLess(self.server.body_bytes, len(MODEL) * 1.2, "both fetched it")

    def test_update_replaces(self) -> None:
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": MODEL})
        self.succeeds(self.hearth("pull", "hf:org/repo"))
        newer = make_model(3_000_000, seed=3)
        self.server.add_repo("org/repo", {"m-Q8_0.gguf": newer}, revision="f" * 40)
        self.succeeds(self.hearth("pull", "hf:org/repo"), newer)

    # ---- what a person sees

    def test_progress_lines(self) -> None:
        plain = self.hearth("pull", self.url("plain")).stderr
        self.assertIn("100%", plain)
        self.assertNotIn("\r", plain)
        self.home = self.folder / "second"
        self.server.throttle = 1_000_000
        try:
            primary, secondary = pty.openpty()
        except OSError:  # a container without /dev/pts
            self.skipTest("SKIPPED: no pseudo-terminals here")
        process = subprocess.Popen([HEARTH, "pull", self.url("paced")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=secondary, env=self.environment())
        os.close(secondary)
        shown = b""
        try:
            while select.select([primary], [], [], 30)[0]:
                data = os.read(primary, 4096)
                if not data:
                    break
                shown += data
        except OSError:
            pass  # the other end is closed
        os.close(primary)
        self.assertEqual(process.wait(timeout=20), 0)
        for sign in (b"\r", b"[#", b"MiB/s", b"left"):
            self.assertIn(sign, shown)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    HEARTH = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()

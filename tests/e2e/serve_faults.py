#!/usr/bin/env python3
"""What goes wrong around hearth serve: kills in the middle of a save, full disks, damaged and replaced files, models that do not fit.

Usage: serve_faults.py HEARTH [NAME ...]
After each of them the server starts again or keeps serving, gives the answers that it gives without anything saved, and says what happened.
"""
import functools
import http.client
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import make_tiny

HERE = pathlib.Path(__file__).resolve().parent
CONTEXT = 4096
SHARED = "".join(random.Random(5).choice("the house is in order and so are its lights ") for _ in range(2400))
LEFT_OUT: list[str] = []


class Failure(Exception):
    pass


def expect(condition: bool, what: str) -> None:
    if not condition:
        raise Failure(what)


def write_model(path: pathlib.Path, seed: int) -> None:
    """A model with keys and values large enough (8 KB a token) that a save takes a while."""
    make_tiny.CONTEXT, make_tiny.HEADS, make_tiny.KV_HEADS, make_tiny.HEAD_DIM = CONTEXT, 8, 8, 128
    path.write_bytes(make_tiny.make_gguf(seed).to_bytes())


class Breaking(threading.Thread):
    """Does something of which every error is one more line in `wrong`; counts how often it was right."""

    def __init__(self, wrong: list[str], do, more) -> None:
        super().__init__(daemon=True)
        self.wrong, self.do, self.more, self.right = wrong, do, more, 0

    def run(self) -> None:
        while self.more():
            try:
                self.do()
                self.right += 1
            except Exception as error:  # whatever it is, it must not end unseen
                self.wrong.append(f"{type(error).__name__}: {error}")
                return


class Server:
    def __init__(self, hearth: str, home: pathlib.Path, *args: str, saves: bool = True, limits=None) -> None:
        command = [hearth, "serve", *args, "--port", "0", "--kv", "f32", "--ctx", str(CONTEXT), "--parallel", "2", "--prefixes", "4"]
        self.process = subprocess.Popen(command + (["--save-prefixes"] if saves else []), stderr=subprocess.PIPE, text=True, preexec_fn=limits,
                                        env={**os.environ, "HEARTH_HOME": str(home), "HEARTH_NO_CHECK": "1"})
        self.lines: list[str] = []
        self.started = threading.Event()
        self.port = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.started.wait(60) or not self.port:
            self.process.kill()
            raise Failure(f"the server did not start: {self.log()}")

    def read(self) -> None:
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if found := re.search(r"http://[^:]+:(\d+)", line):
                self.port = int(found.group(1))
                self.started.set()
        self.started.set()

    def log(self) -> str:
        return "\n".join(self.lines)

    def ask(self, prompt: str, model: str = "") -> tuple[str, int]:
        """The answer, and the tokens of the prompt that were there already."""
        status, reply = self.post(prompt, model)
        expect(status == 200, f"status {status}: {reply}")
        return reply["choices"][0]["text"], (reply["usage"].get("prompt_tokens_details") or {}).get("cached_tokens", 0)

    def post(self, prompt: str, model: str = "") -> tuple[int, dict]:
        body = {"prompt": prompt, "max_tokens": 12, "temperature": 0} | ({"model": model} if model else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    def metric(self, name: str) -> float:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))

    def wait_for(self, name: str, value: float = 1) -> None:
        until = time.monotonic() + 30
        while self.metric(name) < value:
            expect(time.monotonic() < until, f"{name} did not come to {value}: {self.log()}")
            self.ask("hi")  # counts are published between steps
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        expect(self.process.wait(60) == 0, f"the server ended with {self.process.returncode}: {self.log()}")
        self.reader.join(10)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join(10)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


class Place:
    """A folder with a model and a home, and what the model says when nothing is saved."""

    def __init__(self, hearth: str, folder: pathlib.Path) -> None:
        self.hearth, self.folder, self.home, self.model = hearth, folder, folder / "home", folder / "m.gguf"
        write_model(self.model, 1)

    def serve(self, *args: str, **options) -> Server:
        return Server(self.hearth, self.home, str(self.model), *args, **options)

    def plain(self, *prompts: str) -> list[str]:
        with self.serve(saves=False) as server:
            out = [server.ask(prompt)[0] for prompt in prompts]
            server.stop()
        return out

    def files(self, pattern: str = "*.prefix") -> list[pathlib.Path]:
        return sorted((self.home / "prefixes").glob(pattern))

    def save(self, shared: str = SHARED) -> None:
        with self.serve() as server:
            server.ask(shared + "one")
            server.ask(shared + "two")
            server.wait_for("hearth_prefixes_saved_total")
            server.stop()
        expect(len(self.files()) == 1, f"files: {self.files()}")

    def check_restored(self, expected: str, restored: bool, prompt: str = SHARED + "three") -> str:
        """Starts the server, and compares. Its log."""
        with self.serve() as server:
            text, cached = server.ask(prompt)
            expect(text == expected, f"{text!r} instead of {expected!r}, {cached} tokens cached")
            expect((cached >= len(SHARED) // 2) == restored, f"{cached} tokens cached: {server.log()}")
            server.wait_for("hearth_prefixes_restored_total", 1 if restored else 0)
            server.stop()
            return server.log()


def restart(place: Place) -> None:
    """What prompts share is there again after a restart; what one prompt was, after a proper end."""
    three, other = place.plain(SHARED + "three", "lights " * 300 + "off")
    place.save()
    place.check_restored(three, True)
    with place.serve() as server:
        expect(server.ask("lights " * 300 + "off") == (other, 0), "the first time")
        server.stop()
    config = place.folder / "hearth.toml"
    config.write_text("save_prefixes = true\nprefix_disk_bytes = 30_000_000\nprefix_memory_bytes = 20_000_000\n")
    with place.serve("--config", str(config), saves=False) as server:
        text, cached = server.ask("lights " * 300 + "off")
        expect(text == other and cached > 1000, f"{text!r}, {cached} tokens cached: {server.log()}")
        server.ask("doors " * 300)
        expect(server.metric("hearth_prefix_bytes") <= 20_000_000, "more kept in memory than was allowed")
        server.stop()
    kept = sum(path.stat().st_size for path in place.files())
    expect(0 < kept <= 30_000_000, f"{kept} bytes kept")


def kill_during_save(place: Place) -> None:
    three, = place.plain(SHARED + "three")
    caught = 0
    for delay in (0, 0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2):
        shutil.rmtree(place.home / "prefixes", ignore_errors=True)
        with place.serve() as server:
            server.ask(SHARED + "one")
            broken: list[str] = []  # its connection breaks, or it is answered before
            asked = iter((True,))
            second = Breaking(broken, lambda: server.post(SHARED + "two"), lambda: next(asked, False))
            second.start()
            until = time.monotonic() + 20
            while not place.files("*") and time.monotonic() < until:
                time.sleep(0.0005)
            time.sleep(delay)
            server.kill()
            second.join(30)
            expect(not second.is_alive() and second.right + len(broken) == 1, f"the second request: {broken}")
            expect(not any("Failure" in line for line in broken), str(broken))
        left = place.files(".*.tmp-*")
        caught += bool(left)
        with place.serve() as server:
            text, _ = server.ask(SHARED + "three")
            expect(text == three, f"{text!r} instead of {three!r} after a kill")
            expect(not place.files(".*.tmp-*"), "what a killed save left is still there: " + server.log())
            expect(not left or "removed, a save that was cut short" in server.log(), server.log())
            expect(server.metric("hearth_prefixes_damaged_total") == 0, "a half file had its final name: " + server.log())
            server.stop()
    expect(caught > 0, "no kill came in the middle of a save: nothing was tested")


def churn(place: Place) -> None:
    """More prefixes than memory and disk have room for, many clients, ends of all kinds: every answer is right."""
    rng = random.Random(11)
    prompts = [SHARED[i:i + length] + str(i % 7) * k for i, length in ((0, 300), (0, 900), (400, 700), (900, 1400), (5, 500), (1300, 800)) for k in (1, 2)]
    expected = dict(zip(prompts, place.plain(*prompts)))
    wrong: list[str] = []
    restored = answers = 0

    def check(server: Server, order: random.Random) -> None:
        prompt = order.choice(prompts)
        text, cached = server.ask(prompt)
        expect(text == expected[prompt], f"{text!r} instead of {expected[prompt]!r} with {cached} tokens cached")

    for turn in range(4):
        with place.serve("--prefix-disk", "20MB", "--prefix-memory", "12MB", "--cache-tokens", "5000") as server:
            until = time.monotonic() + 3
            clients = [Breaking(wrong, functools.partial(check, server, random.Random(rng.random())), lambda: time.monotonic() < until) for _ in range(6)]
            for one in clients:
                one.start()
            for one in clients:
                one.join()
            answers += sum(one.right for one in clients)
            restored += server.metric("hearth_prefixes_restored_total")
            expect(server.metric("hearth_answers_failed_total") == 0, "answers failed: " + server.log())
            server.kill() if turn % 2 else server.stop()
            expect("damaged" not in server.log(), server.log())
            expect(sum(path.stat().st_size for path in place.files()) <= 20e6, "more on disk than was allowed")
    expect(not wrong, f"{len(wrong)} wrong, the first: {wrong[:1]}")
    expect(answers > 0, "no answers: nothing was tested")
    expect(restored > 3, f"{restored} prefixes were read back: nothing was tested")


def keeps_serving_without_room(place: Place, three: str, server: Server, message: str) -> None:
    server.ask(SHARED + "one")
    server.ask(SHARED + "two")
    server.wait_for("hearth_prefix_saves_failed_total")
    expect(server.ask(SHARED + "three")[0] == three, "another answer on a full disk")
    expect(message in server.log(), server.log())
    expect(not place.files("*") and not place.files(".*"), f"left behind: {place.files('*') + place.files('.*')}")
    server.stop()
    expect(server.log().count("was not saved") == 1, "said more than once: " + server.log())


def full_disk(place: Place) -> None:
    """A limit on the size of files fails in the middle of a write, as a full disk does."""
    three, = place.plain(SHARED + "three")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5 << 20, 5 << 20))
    with place.serve(limits=limit) as server:
        keeps_serving_without_room(place, three, server, "the file size limit was reached")
    disk = place.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", disk], capture_output=True).returncode != 0:
        LEFT_OUT.append("a disk that is really full (no right to mount one)")
        return
    try:
        place.home = disk / "home"
        with place.serve() as server:
            keeps_serving_without_room(place, three, server, "the disk has only")
    finally:
        subprocess.run(["umount", disk], check=True)


def damaged_files(place: Place) -> None:
    three, = place.plain(SHARED + "three")
    place.save()
    path, = place.files()
    whole = path.read_bytes()
    flip = lambda at: whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1:]
    for name, bad in {"header": flip(200), "body": flip(len(whole) // 2), "end": flip(len(whole) - 1), "cut": whole[:-4096],
                      "longer": whole + b"x", "empty": b"", "zeros": bytes(len(whole))}.items():
        for file in place.files():
            file.unlink()
        path.write_bytes(bad)
        with place.serve() as server:
            text, cached = server.ask(SHARED + "three")
            expect(text == three and cached == 0, f"{name}: {text!r}, {cached} tokens cached")
            server.wait_for("hearth_prefixes_damaged_total")
            said = [line for line in server.lines if "; removed" in line]
            expect(len(said) == 1 and path.name in said[0], f"{name}: {server.log()}")
            expect(not path.exists(), f"{name}: still there")
            server.stop()


def replaced_model(place: Place) -> None:
    three, = place.plain(SHARED + "three")
    place.save()
    other = place.folder / "other.gguf"
    write_model(other, 2)
    expect(other.stat().st_size == place.model.stat().st_size and other.read_bytes() != place.model.read_bytes(), "the models are not alike")
    original, times = place.model.read_bytes(), place.model.stat()
    # While it runs, by a rename: the old file is what is served.
    with place.serve() as server:
        expect(server.ask(SHARED + "three")[0] == three, "before")
        os.replace(other, place.model)
        text, cached = server.ask(SHARED + "three")
        expect(text == three and cached > 0, "the model changed under its answers")
        server.stop()
    new, = place.plain(SHARED + "three")
    expect(new != three, "the models say the same")
    place.check_restored(new, False)
    # In place, and made to look as before: name, inode, size and time are the same, only the weights are not.
    shutil.rmtree(place.home / "prefixes")
    place.model.write_bytes(original)
    os.utime(place.model, ns=(times.st_atime_ns, times.st_mtime_ns))
    place.save()
    place.check_restored(three, True)
    write_model(other, 2)
    with place.model.open("r+b") as file:
        file.write(other.read_bytes())
    os.utime(place.model, ns=(times.st_atime_ns, times.st_mtime_ns))
    place.check_restored(new, False)


def truncated_model(place: Place) -> None:
    """Weights that are cut under a server cannot be answered from: it says so and ends; the next start is whole."""
    three, = place.plain(SHARED + "three")
    with place.serve("--pack-cache") as server:
        expect(server.ask(SHARED + "three")[0] == three, "before")
        packed, = (place.home / "packed").rglob("weights.gguf")
        os.truncate(packed, 4096)
        try:
            server.post(SHARED + "four")
        except (OSError, http.client.HTTPException):
            pass
        status = server.process.wait(30)
        server.reader.join(10)
        expect(status == 1 and "weights.gguf" in server.lines[-1], f"ended with {status}: {server.log()}")
    place.check_restored(three, False)


def write_huge(path: pathlib.Path, layers: int = 800, ffn: int = 1 << 20) -> None:
    """A model of some hundred gigabytes, all of which are a hole in the file."""
    file = make_tiny.make_gguf(3)
    for key, value in {"feed_forward_length": ffn, "block_count": layers}.items():
        file.set("llama." + key, make_tiny.UINT32, value)
    total = 0
    vocab = len(make_tiny.sentencepiece_tokens()[0])
    file.tensors = []
    for name, shape, kind in make_tiny.tensor_table(vocab, ffn, layers):
        elems, block = make_tiny.BLOCKS[kind]
        size = shape[0] * (shape[1] if len(shape) > 1 else 1) // elems * block
        total += size + -size % 32
        file.tensors.append((name, shape, kind, type("Sized", (bytes,), {"__len__": lambda _, size=size: size})()))
    header = file.to_bytes()
    with path.open("wb") as out:
        out.write(header[:file.header_bytes])
        out.truncate(file.header_bytes + total)


def memory_refusal(place: Place) -> None:
    """A model that does not fit is refused with the numbers; the others are served as before."""
    three, = place.plain(SHARED + "three")
    path = place.folder / "big.gguf"
    write_huge(path)
    with place.serve(str(path)) as server:
        expect(server.ask(SHARED + "one", "m")[1] == 0, "before")
        stop = threading.Event()
        wrong: list[str] = []

        def check() -> None:
            expect(server.ask(SHARED + "three", "m")[0] == three, "another answer while a model was refused")

        others = Breaking(wrong, check, lambda: not stop.is_set())
        others.start()
        for _ in range(3):
            status, reply = server.post("hi", "big")
            message = json.dumps(reply)
            expect(status in (500, 503, 507) and re.search(r"\d+(\.\d+)? [GT]i?B", message) is not None, f"{status}: {message}")
        stop.set()
        others.join()
        expect(not wrong, str(wrong))
        expect(others.right > 0, "no answers: nothing was tested")
        expect(server.post("hi", "big")[0] >= 500, "while nobody else asks")
        expect(server.ask(SHARED + "three", "m")[0] == three, "afterwards")
        expect("unloading" not in server.log(), "a model was unloaded for one that cannot fit: " + server.log())
        server.stop()


TESTS = [restart, kill_during_save, churn, full_disk, damaged_files, replaced_model, truncated_model, memory_refusal]


def main() -> int:
    hearth, wanted = sys.argv[1], sys.argv[2:]
    status = 0
    for test in TESTS:
        if wanted and test.__name__ not in wanted:
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(Place(hearth, pathlib.Path(folder)))
                print(f"{test.__name__}: right, {time.monotonic() - start:.1f} s", flush=True)
            except Failure as failure:
                print(f"{test.__name__}: {failure}", flush=True)
                status = 1
    for what in LEFT_OUT:
        print(f"LEFT OUT: {what}")
    return status


if __name__ == "__main__":
    sys.exit(main())

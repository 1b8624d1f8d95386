#!/usr/bin/env python3
"""Hostile files: seeded mutations of a tiny GGUF file and of a tiny Hugging Face folder through the command line.

Usage: mutations.py HEARTH [--count 2000] [--start 0] [--kind gguf|folder|both] [--jobs N] [--no-memory-limit]
                    [--seconds 5] [--keep FOLDER]

`count` mutations of each kind. Every mutation goes through `hearth show FILE` and `hearth run FILE -n 4 --raw -p hi`, and
each must end with status 0, or with status 1 and exactly one line on stderr; in at most --seconds; using at most four times
the file plus 256 MB. The seconds are processor time of all threads, which on an idle machine is no less than what the clock
shows and on a busy one is still fair; twelve times as much by the clock counts as a hang. Python standard library only.
"""
import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

import make_tiny

MEMORY_BASE_KB = 256 * 1024
RUNS = [["run", "-n", "4", "-p", "hi"], ["run", "-n", "4", "--raw", "-p", "hi"]]  # by seed: with and without the chat template
NUMBERS = [0, 1, 2, 3, 7, 8, 31, 32, 33, 63, 255, 256, 65535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32,
           (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 64) - 32]


def flip_bits(rng: random.Random, data: bytearray, limit: int) -> str:
    count = rng.randint(1, 8)
    for _ in range(count):
        data[rng.randrange(limit)] ^= 1 << rng.randrange(8)
    return f"{count} bits flipped"


def truncate(rng: random.Random, data: bytearray, limit: int) -> str:
    size = rng.randrange(limit)
    del data[size:]
    return f"cut to {size} bytes"


def splice(rng: random.Random, data: bytearray, limit: int) -> str:
    length = rng.randint(1, 64)
    source, target = rng.randrange(len(data)), rng.randrange(limit)
    data[target:target + length] = data[source:source + length]
    return f"{length} bytes from {source} over {target}"


def duplicate(rng: random.Random, data: bytearray, limit: int) -> str:
    start = rng.randrange(limit)
    length = rng.randint(1, 200)
    data[start:start] = data[start:start + length]
    return f"{length} bytes at {start} twice"


def remove(rng: random.Random, data: bytearray, limit: int) -> str:
    start = rng.randrange(limit)
    length = rng.randint(1, 200)
    del data[start:start + length]
    return f"{length} bytes at {start} removed"


def edit_field(rng: random.Random, data: bytearray, fields: list[tuple[int, int]]) -> str:
    """One of the structural numbers gets a value that tempts: huge, zero, off by one."""
    offset, width = rng.choice(fields)
    mask = (1 << 8 * width) - 1
    old = int.from_bytes(data[offset:offset + width], "little")
    new = rng.choice([old + 1, old - 1, old * 2, old ^ (1 << rng.randrange(8 * width)), rng.getrandbits(8 * width),
                      *NUMBERS]) & mask
    data[offset:offset + width] = new.to_bytes(width, "little")
    return f"number at {offset}: {old} becomes {new}"


def edit_json_number(rng: random.Random, data: bytearray, limit: int) -> str:
    """The same for a number written in text."""
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(data[:limit])))
    if not numbers:
        return flip_bits(rng, data, limit)
    match = rng.choice(numbers)
    new = rng.choice([str(n) for n in NUMBERS] + ["-1", "0.5", "1e308", "null", "\"x\"", "[]", "{}", "true"]).encode()
    data[match.start():match.end()] = new
    return f"number {match.group().decode()} at {match.start()} becomes {new.decode()}"


def mutate(rng: random.Random, data: bytearray, header: int, fields: list[tuple[int, int]] | None) -> str:
    """One or a few changes; three out of four in the header, where they hurt."""
    notes = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        if len(data) < 16:
            break
        limit = min(len(data), header if rng.random() < 0.75 else len(data))
        kind = rng.randrange(8)
        if kind < 3 and fields is not None and not notes:
            notes.append(edit_field(rng, data, fields))
        elif kind < 3 and fields is None:
            notes.append(edit_json_number(rng, data, min(limit, header)))
        else:
            notes.append(rng.choice([flip_bits, flip_bits, truncate, splice, duplicate, remove])(rng, data, limit))
    return "; ".join(notes)


class Case:
    """One mutated model on disk."""

    def __init__(self, kind: str, seed: int, folder: pathlib.Path, base) -> None:
        rng = random.Random(f"{kind} {seed}")
        self.kind, self.seed = kind, seed
        if kind == "gguf":
            data = bytearray(base["bytes"])
            self.note = mutate(rng, data, base["header"], base["fields"])
            self.path = folder / f"{seed}.gguf"
            self.path.write_bytes(data)
            self.bytes = len(data)
        else:
            files = {name: bytearray(content) for name, content in base.items()}
            name = rng.choice(["model.safetensors"] * 4 + ["config.json"] * 2 + ["tokenizer.json"] * 2 + sorted(files))
            data = files[name]
            if name == "model.safetensors":
                header = 8 + struct.unpack("<Q", data[:8])[0]
                self.note = mutate(rng, data, header, [(0, 8)] if rng.random() < 0.1 else None)
            else:
                self.note = mutate(rng, data, len(data), None)
            self.note = f"{name}: {self.note}"
            self.path = folder / str(seed)
            make_tiny.write_folder(self.path, {n: bytes(content) for n, content in files.items()})
            self.bytes = sum(len(content) for content in files.values())

    def remove(self) -> None:
        shutil.rmtree(self.path) if self.path.is_dir() else self.path.unlink(missing_ok=True)


def run(command: list[str], clock_s: float) -> tuple[int, str, float, int, bool]:
    """(status as Popen gives it, stderr, processor seconds, peak kB, killed after clock_s)."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        # Killing by process id is safe: the child is not reaped before the timer is cancelled.
        fired = threading.Event()
        timer = threading.Timer(clock_s, lambda: (fired.set(), os.kill(process.pid, 9)))
        timer.start()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        timer.cancel()
        timer.join()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        err.seek(0)
        return (process.returncode, err.read().decode("utf-8", "replace"), usage.ru_utime + usage.ru_stime,
                usage.ru_maxrss, fired.is_set())


def check(hearth: str, case: Case, options) -> list[str]:
    problems = []
    for verb in [["show"], RUNS[case.seed % len(RUNS)]]:
        command = [hearth, verb[0], str(case.path), *verb[1:]]
        status, errors, took_s, peak_kb, late = run(command, 12 * options.seconds)
        what = None
        if late:
            what = f"hangs: killed after {12 * options.seconds} s"
        elif took_s > options.seconds:
            what = f"took {took_s:.1f} s of processor time"
        elif status not in (0, 1):
            what = f"ended with status {status}: {errors[-2000:]!r}"
        elif status == 1 and errors.count("\n") != 1:
            what = f"status 1 with {errors.count(chr(10))} lines on stderr: {errors[-500:]!r}"
        elif not options.no_memory_limit and peak_kb > 4 * case.bytes // 1024 + MEMORY_BASE_KB:
            what = f"used {peak_kb} kB of memory for a file of {case.bytes} bytes"
        if what:
            problems.append(f"{case.kind} mutation {case.seed} ({case.note}): hearth {verb[0]} {what}")
        options.statuses[(case.kind, verb[0], status)] = options.statuses.get((case.kind, verb[0], status), 0) + 1
        options.slowest_s = max(options.slowest_s, took_s)
        options.peak_kb = max(options.peak_kb, peak_kb)
    return problems


def bases() -> dict[str, object]:
    tiny = make_tiny.make_gguf()
    data = tiny.to_bytes()
    # The long arrays of scores and token types hold most numbers; thin them out, so that the others get their turn.
    few = [field for i, field in enumerate(tiny.fields) if i < 60 or i > len(tiny.fields) - 120 or i % 40 == 0]
    return {"gguf": {"bytes": data, "header": tiny.header_bytes, "fields": few}, "folder": make_tiny.make_folder()}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--start", type=int, default=0, help="first seed")
    parser.add_argument("--kind", choices=["gguf", "folder", "both"], default="both")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--no-memory-limit", action="store_true", help="for sanitizer builds")
    parser.add_argument("--keep", type=pathlib.Path, help="where to leave the files that failed")
    options = parser.parse_args()
    options.statuses, options.slowest_s, options.peak_kb = {}, 0.0, 0
    return options


def main() -> int:
    options = parse_arguments()
    base = bases()
    kinds = ["gguf", "folder"] if options.kind == "both" else [options.kind]
    failures = 0
    with tempfile.TemporaryDirectory(prefix="hearth-mutations-") as scratch:
        folder = pathlib.Path(scratch)

        def one(job: tuple[str, int]) -> list[str]:
            case = Case(*job, folder, base[job[0]])
            problems = check(options.hearth, case, options)
            if problems and options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                target = options.keep / case.path.name
                shutil.copytree(case.path, target, dirs_exist_ok=True) if case.path.is_dir() else shutil.copy(case.path, target)
            case.remove()
            return problems

        for kind in kinds:  # the unharmed models must work, else the rest proves nothing
            path = folder / ("good.gguf" if kind == "gguf" else "good")
            if kind == "gguf":
                path.write_bytes(base["gguf"]["bytes"])
            else:
                make_tiny.write_folder(path, base["folder"])
            for verb in [["show"], *RUNS]:
                status, errors, _, _, _ = run([options.hearth, verb[0], str(path), *verb[1:]], 60)
                if status != 0:
                    print(f"the unharmed {kind} fails hearth {verb[0]} with status {status}: {errors}")
                    return 1
        jobs = [(kind, seed) for kind in kinds for seed in range(options.start, options.start + options.count)]
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            for problems in pool.map(one, jobs):
                for problem in problems:
                    failures += 1
                    print(problem)
    for (kind, verb, status), count in sorted(options.statuses.items()):
        print(f"{kind}: hearth {verb}: status {status}: {count}")
    print(f"{len(jobs)} mutations, {failures} failures, slowest {options.slowest_s:.2f} s, peak {options.peak_kb // 1024} MB")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

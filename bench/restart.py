#!/usr/bin/env python3
"""Measures what prefixes on disk save after a restart: the first token of a prompt whose beginning, a system prompt, was asked before.

Usage: restart.py HEARTH MODEL [--tokens 4000] [--rounds 3]

A server with --save-prefixes answers two prompts with that beginning and ends. Then, in turn, a new server each: with its files in the page cache; with its files
dropped from the page cache; without --save-prefixes (once). Ready servers are timed, from the request to the first text. The files lie in a folder of this run.
Standard library only; Linux.
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time


class Server:
    def __init__(self, hearth: str, model: str, home: str, context: int, *options: str) -> None:
        environment = {**os.environ, "HEARTH_HOME": home, "HEARTH_NO_CHECK": "1"}
        command = [hearth, "serve", model, "--port", "0", "--ctx", str(context), "--parallel", "2", "--quiet", *options]
        self.child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        for line in self.child.stderr:
            if found := re.search(r"http://[^:]+:(\d+)", line):
                self.port = int(found.group(1))
                break
        else:
            sys.exit("restart.py: hearth serve did not start")
        threading.Thread(target=self.child.stderr.read, daemon=True).start()
        while self.get("/ready") != 200:
            time.sleep(0.05)

    def get(self, path: str) -> int:
        connection = http.client.HTTPConnection("localhost", self.port)
        connection.request("GET", path)
        return connection.getresponse().status

    def ask(self, prompt: list[int]) -> tuple[float, int]:
        """Seconds to the first text, and the tokens of the prompt that were not computed."""
        connection = http.client.HTTPConnection("localhost", self.port, timeout=600)
        body = {"prompt": prompt, "max_tokens": 16, "temperature": 0, "ignore_eos": True, "stream": True, "stream_options": {"include_usage": True}}
        sent, first, cached = time.perf_counter(), 0.0, 0
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        reply = connection.getresponse()
        if reply.status != 200:
            sys.exit(f"restart.py: {reply.status}: {reply.read()[:200]!r}")
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if usage := event.get("usage"):
                cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            if not first and any(choice.get("text") for choice in event["choices"]):
                first = time.perf_counter() - sent
        return first, cached

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait()


def drop_from_page_cache(folder: pathlib.Path) -> int:
    os.sync()
    total = 0
    for path in folder.glob("*"):
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        total += os.fstat(file).st_size
        os.close(file)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth")
    parser.add_argument("model")
    parser.add_argument("--tokens", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    rng = random.Random(1)
    system = [rng.randrange(20, 1000) for _ in range(args.tokens)]
    ends = iter([rng.randrange(20, 1000) for _ in range(6)] for _ in range(100))
    context = args.tokens + 256
    with tempfile.TemporaryDirectory() as home:
        server = Server(args.hearth, args.model, home, context, "--save-prefixes")
        for _ in range(2):
            server.ask(system + next(ends))
        server.stop()
        times: dict[str, list[float]] = {"files in the page cache": [], "files dropped from it": []}
        cached = size = 0
        for _ in range(args.rounds):
            for how, seconds in times.items():
                size = drop_from_page_cache(pathlib.Path(home, "prefixes")) if how == "files dropped from it" else size
                server = Server(args.hearth, args.model, home, context, "--save-prefixes")
                first, cached = server.ask(system + next(ends))
                seconds.append(first)
                server.stop()
        server = Server(args.hearth, args.model, home, context)
        times["without --save-prefixes"] = [server.ask(system + next(ends))[0]]
        server.stop()
    print(f"{cached} of {args.tokens + 6} tokens restored, {size / 1e6:.0f} MB of files\n\n| | first token, median | all |\n|---|---|---|")
    for how, seconds in times.items():
        print(f"| {how} | {statistics.median(seconds):.2f} s | {', '.join(f'{s:.2f}' for s in seconds)} |")


if __name__ == "__main__":
    main()

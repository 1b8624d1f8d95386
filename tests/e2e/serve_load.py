#!/usr/bin/env python3
"""Many clients at once against hearth serve: right answers only, memory flat, counts that add up.

Usage: serve_load.py HEARTH [--clients 200] [--seconds 300] [--slow 100]

Clients stream greedy answers and compare them with what one client alone got; one in twenty vanishes in the middle, one in twenty sends
broken JSON. Slow readers take a few bytes a second of endless answers. The default is what ctest runs.
"""
import argparse
import http.client
import json
import pathlib
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
QUESTIONS = [f"question {i}: " + "tell me more " * (i % 7) for i in range(24)]


class Counts:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.values: dict[str, int] = {}
        self.wrong: list[str] = []

    def add(self, name: str) -> None:
        with self.lock:
            self.values[name] = self.values.get(name, 0) + 1

    def complain(self, what: str) -> None:
        with self.lock:
            self.wrong.append(what)


def body_of(question: int, stream: bool = True) -> str:
    return json.dumps({"model": "chat", "messages": [{"role": "user", "content": QUESTIONS[question]}], "max_tokens": 24, "temperature": 0,
                       "stream": stream})


def request(port: int, body: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    return connection, connection.getresponse()


def text_alone(port: int, question: int) -> str:
    connection, reply = request(port, body_of(question, False))
    text = json.loads(reply.read())["choices"][0]["message"]["content"]
    connection.close()
    return text


def one_request(port: int, rng: random.Random, expected: list[str], counts: Counts) -> None:
    kind, question = rng.random(), rng.randrange(len(QUESTIONS))
    if kind < 0.05:
        connection, reply = request(port, body_of(question)[:-7])
        counts.add("broken") if reply.status == 400 else counts.complain(f"broken JSON got {reply.status}")
        reply.read()
        connection.close()
        return
    connection, reply = request(port, body_of(question))
    if reply.status == 429:
        reply.read()
        counts.add("busy")
        time.sleep(0.05)
        return
    if reply.status != 200:
        counts.complain(f"status {reply.status}: {reply.read()[:200]!r}")
        return
    text, finished, vanish = "", False, kind < 0.10
    for line in reply:
        if line.startswith(b"data: {"):
            for choice in json.loads(line[6:])["choices"]:
                text += choice["delta"].get("content") or ""
            if vanish and text:
                break
        finished = finished or line.startswith(b"data: [DONE]")
    connection.close()
    if vanish:
        counts.add("vanished")
    elif finished and text == expected[question]:
        counts.add("right")
    else:
        counts.complain(f"question {question}: {text!r} instead of {expected[question]!r} (finished: {finished})")


def client(port: int, seed: int, until: float, expected: list[str], counts: Counts) -> None:
    rng = random.Random(seed)
    while time.monotonic() < until:
        try:
            one_request(port, rng, expected, counts)
        except (OSError, http.client.HTTPException) as error:
            counts.complain(f"connection: {error!r}")


def slow_reader(port: int, until: float, counts: Counts) -> None:
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "go on"}], "max_tokens": 3000, "temperature": 1, "stream": True})
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        while time.monotonic() < until:
            if not peer.recv(16):
                break
            time.sleep(0.2)
    counts.add("slow")


def metric(port: int, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))


def run(port: int, args: argparse.Namespace) -> list[str]:
    expected = [text_alone(port, i) for i in range(len(QUESTIONS))]
    counts = Counts()
    until = time.monotonic() + args.seconds
    threads = [threading.Thread(target=client, args=(port, seed, until, expected, counts)) for seed in range(args.clients)]
    threads += [threading.Thread(target=slow_reader, args=(port, until, counts)) for _ in range(args.slow)]
    for thread in threads:
        thread.start()
    time.sleep(args.seconds / 5)
    early = metric(port, "hearth_resident_memory_bytes")
    for thread in threads:
        thread.join()
    late = metric(port, "hearth_resident_memory_bytes")
    give_up = time.monotonic() + 30
    while metric(port, "hearth_answers_running") + metric(port, "hearth_answers_waiting") > 0 and time.monotonic() < give_up:
        time.sleep(0.1)
    print(f"{counts.values}, memory {early / 1e6:.1f} MB after a fifth of the time, {late / 1e6:.1f} MB at the end")
    wrong = counts.wrong
    if late > 1.05 * early + 4e6:
        wrong.append(f"memory grew from {early} to {late}")
    if metric(port, "hearth_answers_running") + metric(port, "hearth_answers_waiting") != 0:
        wrong.append("answers were left behind")
    asked, over = metric(port, "hearth_answers_total"), metric(port, "hearth_answer_seconds_count")
    if asked != over:
        wrong.append(f"{asked:.0f} answers were begun and {over:.0f} ended")
    if metric(port, "hearth_answers_failed_total") != 0:
        wrong.append("answers failed")
    if not counts.values.get("right") or (args.seconds >= 30 and not counts.values.get("vanished")):
        wrong.append(f"nothing was tested: {counts.values}")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("hearth")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--slow", type=int, default=8)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "chat"
        subprocess.run([sys.executable, "-B", HERE.parent / "clients" / "make_chat_model.py", model], check=True)
        server = subprocess.Popen([args.hearth, "serve", model, "--port", "0", "--quiet", "--parallel", "8", "--queue", str(args.clients)],
                                  stderr=subprocess.PIPE, text=True, env={**__import__("os").environ, "HEARTH_HOME": folder + "/home", "HEARTH_NO_CHECK": "1"})
        port = next(int(found.group(1)) for line in server.stderr if (found := re.search(r"http://[^:]+:(\d+)", line)))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        wrong = run(port, args)
        server.terminate()
        if (status := server.wait(60)) != 0:
            wrong.append(f"the server ended with {status}")
    for line in wrong[:10]:
        print("serve_load:", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Measures servers under several clients at once, interleaved: total tokens per second, time to the first token, gaps between tokens.

Usage: serve.py HEARTH MODEL [--clients 8] [--rounds 3] [--shared 256] [--own 64] [--out 64] [--peer NAME=URL ...] [--json FILE]

Each round every client sends one prompt over /v1/completions and reads its stream: `shared` tokens that all prompts have in common, then `own` ones, and
`out` tokens are asked for. Every round has prompts of its own, so nothing is cached before it ("cold"), and asks them a second time ("warm"). One client alone does
the same first. hearth is started here, for each round anew; peers are running servers with the same model and as many slots. Lengths in tokens are of hearth's tokenizer.
Standard library only.
"""
import argparse
import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

WORDS = "time people water house light paper river stone green small large quiet early night table window music garden winter summer".split()


class Answer:
    def __init__(self) -> None:
        self.sent = self.first = self.last = 0.0
        self.gaps: list[float] = []
        self.tokens = self.prompt = self.cached = 0
        self.error = ""


def ask(url: str, prompt: str, out: int, answer: Answer) -> None:
    where = urllib.parse.urlsplit(url)
    body = json.dumps({"prompt": prompt, "max_tokens": out, "temperature": 0, "stream": True, "ignore_eos": True,
                       "stream_options": {"include_usage": True}})
    answer.sent = time.perf_counter()
    try:
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=600)
        connection.request("POST", where.path.rstrip("/") + "/v1/completions", body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        if reply.status != 200:
            answer.error = f"{reply.status}: {reply.read()[:200]!r}"
            return
        for line in reply:
            if not line.startswith(b"data: {"):
                continue
            event, now = json.loads(line[6:]), time.perf_counter()
            if usage := event.get("usage"):
                answer.tokens, answer.prompt = usage["completion_tokens"], usage["prompt_tokens"]
                answer.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
            if any(choice.get("text") for choice in event.get("choices", [])):
                if answer.first:
                    answer.gaps.append(now - answer.last)
                else:
                    answer.first = now
                answer.last = now
        connection.close()
    except OSError as error:
        answer.error = str(error)


def together(url: str, prompts: list[str], out: int) -> dict:
    answers = [Answer() for _ in prompts]
    threads = [threading.Thread(target=ask, args=(url, prompt, out, answer)) for prompt, answer in zip(prompts, answers)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if bad := next((a.error for a in answers if a.error), ""):
        sys.exit(f"serve.py: {url}: {bad}")
    gaps = sorted(gap for answer in answers for gap in answer.gaps)
    return {"tokens_per_s": sum(a.tokens for a in answers) / seconds, "first_s": statistics.median(a.first - a.sent for a in answers),
            "gap_p50_s": gaps[len(gaps) // 2] if gaps else 0, "gap_p95_s": gaps[int(0.95 * len(gaps))] if gaps else 0,
            "tokens": sum(a.tokens for a in answers), "prompt_tokens": sum(a.prompt for a in answers), "cached": sum(a.cached for a in answers)}


class Hearth:
    def __init__(self, binary: str, model: str, clients: int) -> None:
        self.child = subprocess.Popen([binary, "serve", model, "--port", "0", "--parallel", str(clients), "--quiet"], stderr=subprocess.PIPE, text=True)
        for line in self.child.stderr:
            if found := re.search(r"http://\S+", line):
                self.url = found.group(0)
                break
        else:
            sys.exit("serve.py: hearth serve did not start")
        threading.Thread(target=self.child.stderr.read, daemon=True).start()
        ask(self.url, "warm up", 4, Answer())  # loads the model

    def tokenize(self, text: str) -> int:
        where = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(where.hostname, where.port)
        connection.request("POST", "/tokenize", json.dumps({"content": text}))
        return len(json.loads(connection.getresponse().read())["tokens"])

    def stop(self) -> None:
        self.child.terminate()
        self.child.wait()


def text_of(server: Hearth, rng: random.Random, tokens: int) -> str:
    words = [rng.choice(WORDS) for _ in range(8)]
    while server.tokenize(" ".join(words)) < tokens:
        words += [rng.choice(WORDS) for _ in range(4)]
    while len(words) > 1 and server.tokenize(" ".join(words[:-1])) >= tokens:
        words.pop()
    return " ".join(words)


def measure(url: str, prompts: list[str], out: int) -> dict:
    alone = together(url, prompts[:1], out)  # prompts[0] is for this alone
    return {"alone": alone, "cold": together(url, prompts[1:], out), "warm": together(url, prompts[1:], out)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("hearth")
    parser.add_argument("model")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shared", type=int, default=256)
    parser.add_argument("--own", type=int, default=64)
    parser.add_argument("--out", type=int, default=64)
    parser.add_argument("--peer", action="append", default=[], metavar="NAME=URL")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the prompts; by the clock, so that no peer has them in its cache")
    parser.add_argument("--json")
    args = parser.parse_args()
    peers = dict(peer.split("=", 1) for peer in args.peer)
    results: dict[str, list[dict]] = {name: [] for name in ("hearth", *peers)}
    rng = random.Random(args.seed)
    for number in range(args.rounds):
        server = Hearth(args.hearth, args.model, args.clients)
        shared = text_of(server, rng, args.shared)
        other = text_of(server, rng, args.shared)  # of the client alone, so that the others start cold
        prompts = [other + " " + text_of(server, rng, args.own)] + [shared + " " + text_of(server, rng, args.own) for _ in range(args.clients)]
        results["hearth"].append(measure(server.url, prompts, args.out))
        server.stop()
        for name, url in peers.items():
            results[name].append(measure(url, prompts, args.out))
        print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
    print("| | | tok/s | over one client | first token s | gap p50 ms | gap p95 ms | prompt tokens cached |\n|---|---|---|---|---|---|---|---|")
    for name, rounds in results.items():
        middle = lambda kind, key: statistics.median(r[kind][key] for r in rounds)
        for kind, label in (("alone", "1 client"), ("cold", f"{args.clients} clients, cold"), ("warm", f"{args.clients} clients, warm")):
            print(f"| {name} | {label} | {middle(kind, 'tokens_per_s'):.1f} | {middle(kind, 'tokens_per_s') / middle('alone', 'tokens_per_s'):.2f} "
                  f"| {middle(kind, 'first_s'):.2f} | {1000 * middle(kind, 'gap_p50_s'):.0f} | {1000 * middle(kind, 'gap_p95_s'):.0f} "
                  f"| {middle(kind, 'cached'):.0f} of {middle(kind, 'prompt_tokens'):.0f} |")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Compares hearth's embeddings with llama.cpp's, for each pooling that a model's file may ask for.

Usage: embeddings.py HEARTH PEER_FOLDER
PEER_FOLDER is one in which `npm install node-llama-cpp` was run. The model is tiny and random, its matrices float32. Both keep keys
and values in float16 and sum in another order: the vectors, of length 1, must be equal within 2^-9.
"""
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import libllama  # noqa: E402
import make_tiny  # noqa: E402

POOLINGS = {"mean": 1, "first token": 2, "last token": 3}
TEXTS = ["hi", "hi the", "the hi the the hi " * 6]
TOLERANCE = 2.0 ** -9
UINT32 = 4


def serve(hearth: str, model: pathlib.Path, home: str) -> tuple[subprocess.Popen, str]:
    env = {**os.environ, "HEARTH_HOME": home, "HEARTH_NO_CHECK": "1"}
    server = subprocess.Popen([hearth, "serve", str(model), "--port", "0", "--threads", "1"], stderr=subprocess.PIPE, text=True, env=env)
    for line in server.stderr:
        if found := re.search(r"http://\S+", line):
            return server, found.group(0)
    raise RuntimeError("hearth serve has ended")


def ours(hearth: str, model: pathlib.Path, home: str) -> list[list[float]]:
    server, url = serve(hearth, model, home)
    try:
        request = urllib.request.Request(url + "/v1/embeddings", json.dumps({"input": TEXTS}).encode())
        with urllib.request.urlopen(request, timeout=60) as reply:
            return [one["embedding"] for one in json.load(reply)["data"]]
    finally:
        server.terminate()
        server.communicate(timeout=30)


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    hearth, peer = sys.argv[1:]
    if libllama.libraries(peer) is None:
        return libllama.SKIPPED
    failures = 0
    for name, pooling in POOLINGS.items():
        with tempfile.TemporaryDirectory() as scratch:
            made = make_tiny.make_gguf(layers=2)
            made.set("llama.pooling_type", UINT32, pooling)
            pathlib.Path(scratch, "made.gguf").write_bytes(made.to_bytes())
            model = pathlib.Path(scratch, "tiny.gguf")
            subprocess.run([hearth, "convert", f"{scratch}/made.gguf", str(model), "--type", "f32"], check=True, capture_output=True)
            result = subprocess.run(["node", str(HERE / "llama_cpp_embed.mjs"), peer, str(model), *TEXTS], check=True, capture_output=True)
            theirs = json.loads(result.stdout.decode().splitlines()[-1])
            mine = ours(hearth, model, scratch + "/home")
        worst = 0.0
        for own, other in zip(mine, theirs["vectors"], strict=True):
            length = math.sqrt(sum(x * x for x in other))
            worst = max(worst, max(abs(a - b / length) for a, b in zip(own, other, strict=True)))
        apart = max(abs(a - b) for a, b in zip(mine[0], mine[2], strict=True))
        print(f"{name}: largest difference from llama.cpp {theirs['release']} {worst:.2g}; between two texts {apart:.2g}")
        # The first token's is the same for all texts: it sees nothing but itself.
        failures += not worst < TOLERANCE or (pooling != 2 and apart < 10 * TOLERANCE)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

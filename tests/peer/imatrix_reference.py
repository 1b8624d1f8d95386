#!/usr/bin/env python3
"""Compares `hearth imatrix` with a forward pass in double precision (NumPy) of a model of the Llama family, and has llama.cpp's
quantiser take the file. Needs numpy and gguf, so it is part of `make test-peer` only.

Usage: imatrix_reference.py HEARTH PEER_FOLDER MODEL.gguf TEXT
MODEL's matrices are float (F32, F16); PEER_FOLDER is one in which `npm install node-llama-cpp` was run.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import gguf
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import libllama  # noqa: E402

CHUNK, CHUNKS = 64, 6


def field(reader: gguf.GGUFReader, key: str):
    return reader.get_field(key).contents()


def mean_squares(path: str, ids: list[list[int]]) -> dict[str, np.ndarray]:
    reader = gguf.GGUFReader(path)
    weights = {t.name: np.asarray(t.data, dtype=np.float64) for t in reader.tensors}
    heads, kv = field(reader, "llama.attention.head_count"), field(reader, "llama.attention.head_count_kv")
    eps = field(reader, "llama.attention.layer_norm_rms_epsilon")
    layers, dim = field(reader, "llama.block_count"), weights["output_norm.weight"].size
    head = dim // heads
    theta = reader.get_field("llama.rope.freq_base")
    frequency = (theta.contents() if theta else 10000.0) ** (-np.arange(0, head, 2) / head)
    angle = np.arange(CHUNK)[:, None] * frequency[None]
    sums: dict[str, np.ndarray] = {}

    def norm(x, name):
        return x / np.sqrt((x * x).mean(1, keepdims=True) + eps) * weights[name]

    def product(x, name):
        sums[name] = sums.get(name, 0) + (x * x).sum(0)
        return x @ weights[name].T

    def rotate(x):  # pairs are neighbours
        pairs = x.reshape(CHUNK, -1, head // 2, 2)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        return np.stack([pairs[..., 0] * cos - pairs[..., 1] * sin, pairs[..., 0] * sin + pairs[..., 1] * cos],
                        -1).reshape(CHUNK, -1, head)

    for chunk in ids:
        x = weights["token_embd.weight"][chunk]
        for i in range(layers):
            block = f"blk.{i}."
            h = norm(x, block + "attn_norm.weight")
            q, k = rotate(product(h, block + "attn_q.weight")), rotate(product(h, block + "attn_k.weight"))
            v = product(h, block + "attn_v.weight").reshape(CHUNK, -1, head)
            k, v = np.repeat(k, heads // kv, 1), np.repeat(v, heads // kv, 1)
            score = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(head)
            score[:, np.triu(np.ones((CHUNK, CHUNK), bool), 1)] = -np.inf
            weight = np.exp(score - score.max(-1, keepdims=True))
            mixed = np.einsum("hqk,khd->qhd", weight / weight.sum(-1, keepdims=True), v).reshape(CHUNK, -1)
            x = x + product(mixed, block + "attn_output.weight")
            h = norm(x, block + "ffn_norm.weight")
            gate, up = product(h, block + "ffn_gate.weight"), product(h, block + "ffn_up.weight")
            x = x + product(gate / (1 + np.exp(-gate)) * up, block + "ffn_down.weight")
    return {name: sum_ / (CHUNK * len(ids)) for name, sum_ in sums.items()}


def main() -> int:
    if len(sys.argv) != 5:
        print(__doc__, file=sys.stderr)
        return 2
    hearth, peer, model, text = sys.argv[1:]
    libraries = libllama.libraries(peer)
    if libraries is None:
        return libllama.SKIPPED
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "m.gguf"
        raw = pathlib.Path(text).read_bytes()
        subprocess.run([hearth, "imatrix", model, text, "-o", str(out), "--chunk", str(CHUNK), "--chunks", str(CHUNKS),
                        "--reference", "--kv", "f32"], check=True, capture_output=True)
        ids = json.loads(subprocess.run([hearth, "tokenize", model, "--add-bos"], input=raw, check=True, capture_output=True).stdout)
        bos = ids[0]
        chunks = [[bos] + ids[i * CHUNK + 1:(i + 1) * CHUNK] for i in range(CHUNKS)]
        wanted = mean_squares(model, chunks)
        reader = gguf.GGUFReader(out)
        values = {t.name: np.asarray(t.data, dtype=np.float64).ravel() for t in reader.tensors}
        worst = 0.0
        for name, expected in wanted.items():
            got = values[name + ".in_sum2"] / values[name + ".counts"][0]
            assert values[name + ".counts"][0] == CHUNK * CHUNKS
            # float32 throughout against double: compared with the tensor's own size, as single inputs may be near 0.
            worst = max(worst, np.abs(got - expected).max() / expected.mean())
        print(f"{len(wanted)} matrices, largest difference {worst:.2e} of the mean")
        means = {name: list(values[name + ".in_sum2"] / values[name + ".counts"][0]) for name in wanted}
        libllama.Quantiser(libraries).quantise(model, pathlib.Path(scratch) / "q.gguf", "iq4_nl", imatrix=means)
        print("llama.cpp's quantiser took the means")
        return 0 if len(wanted) == len(values) // 2 and worst < 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main())

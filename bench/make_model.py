#!/usr/bin/env python3
"""Writes a GGUF file of a real model's shape with random weights: speed does not depend on what the weights are.

Usage: make_model.py SHAPE TYPE OUT     SHAPE: qwen3-0.6b, llama3.2-1b, smollm2-135m, qwen3-4b, qwen3-14b
                                        TYPE: Q4_K_M, Q5_K_M, Q6_K, Q4_0, Q8_0, IQ4_XS, F16

Blocks are random codes with scales that keep activations of order one. Types follow what llama.cpp's quantiser writes for the
named mix, narrow rows included. The tokenizer is a valid byte-level BPE of the right size: 256 bytes, then pairs, then triples, each with its merge.
Standard library only, so that it runs on a bare machine. Deterministic.
"""
import os
import random
import struct
import sys

POOL_BLOCKS = 4099  # prime: rows repeat only after many others
KINDS = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q5_0": (6, 32, 22), "Q5_1": (7, 32, 24), "Q8_0": (8, 32, 34),
         "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "IQ4_NL": (20, 32, 18), "IQ4_XS": (23, 256, 136)}
NARROW = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0", "IQ4_XS": "IQ4_NL"}  # for rows that are no multiple of 256

SHAPES = {
    "qwen3-0.6b": dict(arch="qwen3", layers=28, dim=1024, ffn=3072, heads=16, kv_heads=8, head=128, vocab=151936,
                       rope=1e6, context=40960, pre="qwen2"),
    "llama3.2-1b": dict(arch="llama", layers=16, dim=2048, ffn=8192, heads=32, kv_heads=8, head=64, vocab=128256,
                        rope=5e5, context=131072, pre="llama-bpe"),
    "smollm2-135m": dict(arch="llama", layers=30, dim=576, ffn=1536, heads=9, kv_heads=3, head=64, vocab=49152,
                         rope=1e5, context=8192, pre="smollm"),
    "qwen3-4b": dict(arch="qwen3", layers=36, dim=2560, ffn=9728, heads=32, kv_heads=8, head=128, vocab=151936,
                     rope=1e6, context=40960, pre="qwen2"),
    "qwen3-14b": dict(arch="qwen3", layers=40, dim=5120, ffn=17408, heads=40, kv_heads=8, head=128, vocab=151936,
                      rope=1e6, context=40960, pre="qwen2", untied=True),
}
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18, "IQ4_XS": 30}


def half(value):
    return struct.pack("<e", value)


def block(kind, rng, std):
    """One block whose weights have mean near 0 and standard deviation near std."""
    if kind == "Q4_0":
        return half(std / 4.6) + rng.randbytes(16)
    if kind == "Q8_0":
        return half(std / 74) + rng.randbytes(32)
    if kind == "Q5_0":
        return half(std / 9.2) + rng.randbytes(20)
    if kind == "Q5_1":
        return half(std / 9.2) + half(-15.5 * std / 9.2) + rng.randbytes(20)
    if kind == "IQ4_NL":  # signs of the scales alike often: its values have a mean of -6
        return half(rng.choice((1, -1)) * std / 69) + rng.randbytes(16)
    if kind == "IQ4_XS":
        codes = [32 + rng.choice((1, -1)) * rng.randrange(10, 30) for _ in range(8)]
        high = sum((code >> 4) << 2 * g for g, code in enumerate(codes))
        low = bytes(codes[2 * g] & 15 | (codes[2 * g + 1] & 15) << 4 for g in range(4))
        return half(std / (20 * 69)) + struct.pack("<H", high) + low + rng.randbytes(128)
    if kind in ("Q4_K", "Q5_K"):  # scale and minimum codes alike and dmin in the middle of the codes centre the weights
        middle, spread = (7.5, 4.6) if kind == "Q4_K" else (15.5, 9.2)
        d = std / (47 * spread)
        codes = [rng.randrange(32, 64) for _ in range(8)]
        scales = bytearray(12)
        for g, code in enumerate(codes):
            if g < 4:
                scales[g] |= code
                scales[g + 4] |= code
            else:
                scales[g + 4] = (code & 15) * 17
                scales[g - 4] |= (code >> 4) << 6
                scales[g] |= (code >> 4) << 6
        return half(d) + half(middle * d) + bytes(scales) + rng.randbytes(KINDS[kind][2] - 16)
    if kind == "Q6_K":
        scales = bytes(rng.choice((1, -1)) * rng.randrange(40, 120) & 255 for _ in range(16))
        return rng.randbytes(192) + scales + half(std / (80 * 18.5))
    raise ValueError(kind)


def tensor_bytes(kind, shape, rng):
    """Yields the bytes of a (rows, cols) or (n,) tensor."""
    _, elems, size = KINDS[kind]
    count = 1
    for n in shape:
        count *= n
    if kind == "F32":  # norms
        yield struct.pack("<f", 1.0) * count
        return
    std = 0.7 / shape[-1] ** 0.5
    if kind == "F16":
        pool = b"".join(half(rng.gauss(0, std)) for _ in range(65537))
    else:
        pool = b"".join(block(kind, rng, std) for _ in range(POOL_BLOCKS))
    left = count // elems * size
    start = rng.randrange(len(pool) // size) * size
    pool = pool[start:] + pool[:start]
    chunk = pool * max(1, (8 << 20) // len(pool))
    while left > 0:
        yield chunk[:left]
        left -= len(chunk)


def more_bits(i, n):
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


def kind_of(mix, name, i, s, cols):
    if name.endswith("norm.weight"):
        return "F32"
    base = {"Q4_K_M": "Q4_K", "Q5_K_M": "Q5_K"}.get(mix, mix)
    kind = base
    if mix not in ("F16", "Q8_0"):
        if name == "output.weight" or name == "token_embd.weight" and not s.get("untied"):
            kind = "Q6_K"
        elif mix in ("Q4_K_M", "Q5_K_M") and ("attn_v" in name or "ffn_down" in name) and more_bits(i, s["layers"]):
            kind = "Q6_K"
        elif mix == "IQ4_XS" and "ffn_down" in name and i < s["layers"] // 8:
            kind = "Q5_K"
    return kind if cols % KINDS[kind][1] == 0 else NARROW[kind]


def tensors(s, mix):
    dim, ffn, q, kv = s["dim"], s["ffn"], s["heads"] * s["head"], s["kv_heads"] * s["head"]
    out = [("token_embd.weight", (s["vocab"], dim), -1), ("output_norm.weight", (dim,), -1)]
    out += [("output.weight", (s["vocab"], dim), -1)] if s.get("untied") else []
    for i in range(s["layers"]):
        rows = [("attn_norm", (dim,)), ("attn_q", (q, dim)), ("attn_k", (kv, dim)), ("attn_v", (kv, dim)),
                ("attn_output", (dim, q)), ("ffn_norm", (dim,)), ("ffn_gate", (ffn, dim)), ("ffn_up", (ffn, dim)),
                ("ffn_down", (dim, ffn))]
        if s["arch"] == "qwen3":
            rows += [("attn_q_norm", (s["head"],)), ("attn_k_norm", (s["head"],))]
        out += [(f"blk.{i}.{name}.weight", shape, i) for name, shape in rows]
    return [(name, shape, kind_of(mix, name, i, s, shape[-1])) for name, shape, i in out]


def byte_characters():
    """The 256 characters by which byte-level BPE writes bytes (GPT-2)."""
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        table[b] = chr(b) if b in printable else chr(256 + extra)
        extra += b not in printable
    return [table[b] for b in range(256)]


def vocabulary(size):
    alphabet = byte_characters()
    tokens, merges = list(alphabet), []
    pairs = [(a, b) for a in alphabet for b in alphabet]
    triples = ((a + b, c) for a, b in pairs for c in alphabet)
    for left, right in [*pairs, *(next(triples) for _ in range(max(0, size - 65792)))]:
        if len(tokens) == size - 2:
            break
        tokens.append(left + right)
        merges.append(left + " " + right)
    return tokens + ["<|start|>", "<|end|>"], merges


def string(text):
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def metadata(s, mix, shape_name):
    tokens, merges = vocabulary(s["vocab"])
    u32, f32 = (lambda v: struct.pack("<II", 4, v)), (lambda v: struct.pack("<If", 6, v))
    text = lambda v: struct.pack("<I", 8) + string(v)
    strings = lambda v: struct.pack("<IIQ", 9, 8, len(v)) + b"".join(map(string, v))
    a = s["arch"]
    kinds = [1] * (s["vocab"] - 2) + [3, 3]
    rows = {
        "general.architecture": text(a), "general.name": text(f"random {shape_name} {mix}"),
        "general.file_type": u32(FILE_TYPES[mix]), "general.quantization_version": u32(2),
        f"{a}.block_count": u32(s["layers"]), f"{a}.context_length": u32(s["context"]),
        f"{a}.embedding_length": u32(s["dim"]), f"{a}.feed_forward_length": u32(s["ffn"]),
        f"{a}.attention.head_count": u32(s["heads"]), f"{a}.attention.head_count_kv": u32(s["kv_heads"]),
        f"{a}.attention.key_length": u32(s["head"]), f"{a}.attention.value_length": u32(s["head"]),
        f"{a}.attention.layer_norm_rms_epsilon": f32(1e-6), f"{a}.rope.freq_base": f32(s["rope"]),
        f"{a}.rope.dimension_count": u32(s["head"]), f"{a}.vocab_size": u32(s["vocab"]),
        "tokenizer.ggml.model": text("gpt2"), "tokenizer.ggml.pre": text(s["pre"]),
        "tokenizer.ggml.tokens": strings(tokens), "tokenizer.ggml.merges": strings(merges),
        "tokenizer.ggml.token_type": struct.pack("<IIQ", 9, 5, len(kinds)) + struct.pack(f"<{len(kinds)}i", *kinds),
        "tokenizer.ggml.bos_token_id": u32(s["vocab"] - 2), "tokenizer.ggml.eos_token_id": u32(s["vocab"] - 1),
        "tokenizer.ggml.add_bos_token": struct.pack("<IB", 7, 0),
    }
    return len(rows), b"".join(string(key) + value for key, value in rows.items())


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES or sys.argv[2] not in FILE_TYPES:
        sys.exit(__doc__)
    shape_name, mix, path = sys.argv[1:]
    s = SHAPES[shape_name]
    rows = tensors(s, mix)
    count, meta = metadata(s, mix, shape_name)
    header, offset = b"", 0
    for name, shape, kind in rows:
        number, elems, size = KINDS[kind]
        header += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        header += struct.pack("<IQ", number, offset)
        total = 1
        for n in shape:
            total *= n
        offset += (total // elems * size + 31) // 32 * 32
    head = b"GGUF" + struct.pack("<IQQ", 3, len(rows), count) + meta + header
    with open(path + ".part", "wb") as out:
        out.write(head + bytes(-len(head) % 32))
        for index, (name, shape, kind) in enumerate(rows):
            for data in tensor_bytes(kind, shape, random.Random(index)):
                out.write(data)
            out.write(bytes(-out.tell() % 32))
    os.replace(path + ".part", path)


if __name__ == "__main__":
    main()

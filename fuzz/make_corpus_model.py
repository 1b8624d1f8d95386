#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets of model: tiny complete models of every architecture, and configurations.

Usage: make_corpus_model.py FOLDER, which gets one folder per target. Python standard library only.
"""
import math
import pathlib
import struct
import sys

from make_corpus import entry, gguf, tensor, text

DIM, HEADS, KV_HEADS, FFN, VOCAB, LAYERS = 8, 2, 1, 8, 4, 2
HEAD = DIM // HEADS


def integer(key: str, value: int) -> bytes:
    return entry(key, 4, struct.pack("<I", value))


def tensors_of(arch: str) -> dict[str, list[int]]:
    """GGUF order: columns first."""
    q, kv = HEADS * HEAD, KV_HEADS * HEAD
    names = {"token_embd.weight": [DIM, VOCAB], "output_norm.weight": [DIM]}
    for layer in range(LAYERS):
        block = {"attn_norm.weight": [DIM], "attn_output.weight": [q, DIM], "ffn_norm.weight": [DIM],
                 "ffn_down.weight": [FFN, DIM]}
        if arch == "phi3":
            block |= {"attn_qkv.weight": [DIM, q + 2 * kv], "ffn_up.weight": [DIM, 2 * FFN]}
        else:
            block |= {"attn_q.weight": [DIM, q], "attn_k.weight": [DIM, kv], "attn_v.weight": [DIM, kv],
                      "ffn_gate.weight": [DIM, FFN], "ffn_up.weight": [DIM, FFN]}
        if arch == "qwen2":
            block |= {"attn_q.bias": [q], "attn_k.bias": [kv], "attn_v.bias": [kv]}
        if arch in ("qwen3", "gemma3"):
            block |= {"attn_q_norm.weight": [HEAD], "attn_k_norm.weight": [HEAD]}
        if arch == "gemma3":
            block |= {"post_attention_norm.weight": [DIM], "post_ffw_norm.weight": [DIM]}
        names |= {f"blk.{layer}.{name}": shape for name, shape in block.items()}
    if arch == "phi3":
        names |= {"rope_factors_long.weight": [HEAD // 2], "rope_factors_short.weight": [HEAD // 2]}
    return names


def entries_of(arch: str) -> list[bytes]:
    return [entry("general.architecture", 8, text(arch.encode())),
            integer(f"{arch}.block_count", LAYERS), integer(f"{arch}.context_length", 64),
            integer(f"{arch}.embedding_length", DIM), integer(f"{arch}.feed_forward_length", FFN),
            integer(f"{arch}.attention.head_count", HEADS), integer(f"{arch}.attention.head_count_kv", KV_HEADS),
            integer(f"{arch}.attention.sliding_window", 8),
            entry(f"{arch}.attention.layer_norm_rms_epsilon", 6, struct.pack("<f", 1e-5))]


def model(arch: str) -> bytes:
    infos, data = [], b""
    for name, shape in tensors_of(arch).items():
        data += b"\0" * (-len(data) % 32)
        infos.append(tensor(name, shape, 0, len(data)))
        data += struct.pack("<f", 1.0) * math.prod(shape)
    return gguf(entries_of(arch), infos, data + b"\0" * (-len(data) % 32))


def packed_model(arch: str) -> bytes:
    """The same packed: matrices of float32 as bytes in panels of eight rows, fused ones part by part."""
    def array(name: str, kind: int, values: list[bytes]) -> bytes:
        return entry("hearth.packed." + name, 9, struct.pack("<IQ", kind, len(values)) + b"".join(values))

    def panels(rows: int, columns: int) -> int:
        return (rows + 7) // 8 * (columns * 8 * 4)

    q, kv = HEADS * HEAD, KV_HEADS * HEAD
    parts = {"attn_qkv": [q, kv, kv], "ffn_up": [FFN, FFN] if arch == "phi3" else [FFN]}
    matrices = {name: shape for name, shape in tensors_of(arch).items() if len(shape) == 2}
    infos, data = [], b""
    for name, shape in tensors_of(arch).items():
        data += b"\0" * (-len(data) % 64)
        if name in matrices:
            rows = parts.get(name.split(".")[-2], [shape[1]])
            size = sum(panels(n, shape[0]) for n in rows)
            infos.append(tensor(name, [size], 24, len(data)))
            data += struct.pack("<f", 1.0) * (size // 4)
        else:
            infos.append(tensor(name, shape, 0, len(data)))
            data += struct.pack("<f", 1.0) * math.prod(shape)
    numbers = {"types": [0] * len(matrices), "rows": [s[1] for s in matrices.values()], "cols": [s[0] for s in matrices.values()],
               "fingerprints": [0] * len(matrices)}
    entries = entries_of(arch) + [
        integer("general.alignment", 64), integer("hearth.packed.version", 1),
        entry("hearth.packed.source", 8, text(b"s")), entry("hearth.packed.origin", 8, text(b"o")),
        array("tensors", 8, [text(name.encode()) for name in matrices]), array("tiles", 8, [text(b"f32")] * len(matrices)),
        *(array(name, 10, [struct.pack("<Q", n) for n in values]) for name, values in numbers.items())]
    return gguf(entries, infos, data + b"\0" * (-len(data) % 64), alignment=64)


def main() -> None:
    out = pathlib.Path(sys.argv[1])
    for arch in ("llama", "qwen2", "qwen3", "gemma3", "phi3", "smollm3"):
        path = out / "model_load_fuzz" / arch
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model(arch))
        path.with_name(arch + "-packed").write_bytes(packed_model(arch))
    models = pathlib.Path(__file__).resolve().parents[1] / "tests" / "golden" / "models"
    for config in sorted(models.glob("*/config.json")):
        path = out / "model_config_fuzz" / config.parent.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(config.read_bytes())


if __name__ == "__main__":
    main()

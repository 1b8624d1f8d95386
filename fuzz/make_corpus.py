#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets of io: small valid files that reach every branch of the parsers.

Usage: make_corpus.py FOLDER, which gets one folder per target. Python standard library only.
"""
import json
import pathlib
import struct
import sys

SCALARS = {0: ("B", 255), 1: ("b", -128), 2: ("H", 65535), 3: ("h", -5), 4: ("I", 7), 5: ("i", -7), 6: ("f", 0.5),
           7: ("B", 1), 10: ("Q", 1 << 63), 11: ("q", -1), 12: ("d", 0.25)}


def text(value: bytes) -> bytes:
    return struct.pack("<Q", len(value)) + value


def entry(key: str, kind: int, payload: bytes) -> bytes:
    return text(key.encode()) + struct.pack("<I", kind) + payload


def scalar(kind: int) -> bytes:
    if kind == 8:
        return text("hearth \u00e9".encode())
    letter, value = SCALARS[kind]
    return struct.pack("<" + letter, value)


def array(kind: int, count: int) -> bytes:
    return struct.pack("<IQ", kind, count) + scalar(kind) * count


def tensor(name: str, ne: list[int], kind: int, offset: int) -> bytes:
    return (text(name.encode()) + struct.pack("<I", len(ne)) + b"".join(struct.pack("<Q", n) for n in ne)
            + struct.pack("<IQ", kind, offset))


def gguf(entries: list[bytes], tensors: list[bytes], data: bytes, version: int = 3, alignment: int = 32) -> bytes:
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries) + b"".join(tensors)
    return out + b"\0" * (-len(out) % alignment) + data


def gguf_seeds() -> dict[str, bytes]:
    kinds = list(SCALARS) + [8]
    seeds = {f"scalar_{kind}": gguf([entry("k", kind, scalar(kind))], [], b"") for kind in kinds}
    seeds |= {f"array_{kind}": gguf([entry("tokenizer.k", 9, array(kind, 3))], [], b"") for kind in kinds}
    two = [tensor("x", [4, 2], 0, 0), tensor("y.weight", [32, 1], 8, 32)]
    seeds["empty"] = gguf([], [], b"")
    seeds["tensors"] = gguf([entry("general.architecture", 8, text(b"test"))], two, bytes(66))
    seeds["version2"] = gguf([], two, bytes(66), version=2)
    wide = [tensor("x", [1], 0, 0), tensor("y", [2, 1, 1, 1], 1, 64)]
    seeds["alignment"] = gguf([entry("general.alignment", 4, struct.pack("<I", 64))], wide, bytes(68), alignment=64)
    blocks = [tensor("a", [32], 2, 0), tensor("b", [256], 12, 32), tensor("c", [], 30, 192)]
    seeds["blocks"] = gguf([], blocks, bytes(194))
    seeds["array_of_arrays"] = gguf([entry("k", 9, struct.pack("<IQ", 9, 1) + array(4, 1))], [], b"")
    seeds["split"] = gguf([entry("split.no", 2, struct.pack("<H", 0)), entry("split.count", 2, struct.pack("<H", 2))], two,
                          bytes(66))
    return seeds


def imatrix_seeds() -> dict[str, bytes]:
    about = [entry("general.type", 8, text(b"imatrix")),
             entry("imatrix.datasets", 9, struct.pack("<IQ", 8, 1) + text(b"wiki.txt")),
             entry("imatrix.chunk_count", 4, struct.pack("<I", 3)), entry("imatrix.chunk_size", 4, struct.pack("<I", 512))]
    one = [tensor("a.weight.in_sum2", [4], 0, 0), tensor("a.weight.counts", [1], 0, 32)]
    stack = [tensor("a.weight.in_sum2", [2, 2], 0, 0), tensor("a.weight.counts", [1, 2], 0, 32)]
    name = lambda value: struct.pack("<i", len(value)) + value
    body = struct.pack("<i", 1) + name(b"a.weight") + struct.pack("<ii4f", 2, 4, 1, 2, 3, 4)
    return {"one": gguf(about, one, struct.pack("<4f16x1f", 1, 2, 3, 4, 2)),
            "stack": gguf(about, stack, struct.pack("<4f16x2f", 1, 2, 3, 4, 2, 0)), "legacy_bare": body,
            "legacy": body + struct.pack("<i", 3) + name(b"wiki.txt")}


def safetensors_seeds() -> dict[str, bytes]:
    def pack(header: dict, size: int) -> bytes:
        body = json.dumps(header).encode()
        return struct.pack("<Q", len(body)) + body + bytes(size)

    seeds = {"empty": pack({}, 0)}
    for dtype, size in [("F32", 4), ("F16", 2), ("BF16", 2), ("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)]:
        seeds[dtype] = pack({"w": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, 6 * size]}}, 6 * size)
    seeds["three"] = pack({"__metadata__": {"format": "pt"},
                           "b": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [4, 16]},
                           "a": {"dtype": "F32", "shape": [], "data_offsets": [0, 4]},
                           "e": {"dtype": "F16", "shape": [0, 5], "data_offsets": [4, 4]}}, 16)
    return seeds


def json_seeds() -> dict[str, bytes]:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}}
    tool = {"type": "function", "function": {"name": "f", "description": "does f", "parameters": {
        "type": "object", "properties": {"a": {"type": "integer", "enum": [1, 2]}}, "required": ["a"]}}}
    request = {"model": "m", "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "h\u00e9llo \U0001f525"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"}],
        "tools": [tool], "temperature": 0.7, "max_tokens": 64, "stream": True, "stop": ["\n"], "seed": -1,
        "logit_bias": {"5": -100}, "response_format": {"type": "json_schema", "json_schema": {"schema": {}}}}
    return {"request": json.dumps(request).encode(), "ascii": json.dumps(request, ensure_ascii=False, indent=1).encode(),
            "numbers": b"[0,-0,1.5e-3,1E400,18446744073709551615,-9223372036854775808,18446744073709551616]",
            "escapes": b'"\\u0000\\ud83d\\ude00\\"\\\\\\/\\b\\f\\n\\r\\t"', "duplicates": b'{"a":1,"b":[{"a":{}}],"a":2}',
            "deep": b"[" * 130 + b"]" * 130, "bom": b"\xef\xbb\xbf{}"}


def toml_seeds() -> dict[str, bytes]:
    return {"all": b"""# comment
title = "a\\u00e9\\n"
'literal key' = 'C:\\x'
[a.b]
integers = [1, -2, 0xFF, 0o17, 0b11, 1_000]
floats = [1.5, -1e3, inf, nan]
when = [1979-05-27T07:32:00Z, 1979-05-27, 07:32:00]
inline = { x = true, y.z = false }
text = \"\"\"
multi \\
line\"\"\"
[[list]]
name = '''raw'''
[[list]]
"""}


def prefix_seeds() -> dict[str, bytes]:
    """The fuzzer makes sizes and checksums of headers right."""
    def header(identity: bytes, tokens: list[int], marks: list[int], pieces: list[int]) -> bytes:
        return (b"HTHPREFX" + struct.pack("<III", 1, 0, len(identity)) + identity + struct.pack(f"<I{len(tokens)}i", len(tokens), *tokens)
                + struct.pack(f"<I{len(marks)}q", len(marks), *marks) + struct.pack("<I", len(pieces))
                + b"".join(struct.pack("<IQ", size, 7) for size in pieces) + bytes(8) + bytes(sum(pieces)))
    return {"empty": b"\0" + header(b"", [], [], []), "small": b"\x05" + header(b"model", [1, -2, 3], [0], [2, 0, 3]),
            "version": b"\0HTHPREFX" + struct.pack("<II", 2, 24) + bytes(8), "cut": b"\0" + header(b"model", [1] * 40, [], [])[:90]}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    targets = {"io_gguf_fuzz": gguf_seeds(), "io_imatrix_fuzz": imatrix_seeds(), "io_safetensors_fuzz": safetensors_seeds(),
               "io_json_fuzz": json_seeds(), "io_toml_fuzz": toml_seeds(), "io_prefix_fuzz": prefix_seeds()}
    for target, seeds in targets.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
        print(f"{folder}: {len(seeds)} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())

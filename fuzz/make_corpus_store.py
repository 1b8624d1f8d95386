#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets of net and store; the first byte of each picks the parser.

Usage: make_corpus_store.py FOLDER, which gets one folder per target. Python standard library only.
"""
import json
import pathlib
import sys

SHA256 = "ab" * 32


def net_seeds() -> dict[str, bytes]:
    model = {"id": "o/r", "sha": "0" * 40, "siblings": [
        {"rfilename": "m-Q8_0.gguf", "size": 10, "lfs": {"sha256": SHA256, "size": 10, "pointerSize": 130}},
        {"rfilename": "config.json", "size": 2}]}
    tree = [{"type": "directory", "path": "d", "size": 0},
            {"type": "file", "path": "d/m.gguf", "size": 3, "lfs": {"oid": SHA256, "size": 3}}]
    return {"model": b"\0" + json.dumps(model).encode(), "tree": b"\1" + json.dumps(tree).encode(),
            "range": b"\2bytes 0-99/1000", "range_none": b"\2bytes */1000", "date": b"\2Thu, 01 Jan 1970 00:01:40 GMT",
            "etag": b'\2W/"' + SHA256.encode() + b'"', "url": b"\3https://user:pass@h.example:8443/a/b%20c.gguf?x=1#f",
            "ipv6": b"\3http://[::1]:80/", "redirect": b"\4/cdn/x?Signature=s", "redirect_host": b"\4//cdn.example/x",
            "redirect_down": b"\4http://hub.example/", "redirect_file": b"\4file:///etc/passwd"}


def store_seeds() -> dict[str, bytes]:
    manifest = {"version": 1, "name": "o/r:T", "source": "hf:o/r:T", "revision": "", "pulled_at": "2025-01-01T00:00:00Z",
                "kind": "gguf", "files": [{"name": "m.gguf", "size": 5, "sha256": SHA256, "etag": '"e"'}]}
    state = {"version": 1, "size": 100, "validator": "etag:x", "done": [[0, 10], [20, 100]], "sha256": ""}
    return {"manifest": b"\0" + json.dumps(manifest).encode(), "state": b"\1" + json.dumps(state).encode(),
            "hub": b"\2hf:org/repo:Q4_K_M", "url": b"\2https://h/m.gguf", "path": b"\2./m.gguf",
            "labels": b"\3q8_0\nm-Q8_0.gguf\nm-q4_k_m.gguf\nmmproj.gguf\nREADME.md",
            "split": b"\3\nm-00001-of-00002.gguf\nm-00002-of-00002.gguf",
            "folder": b"\3\nconfig.json\nmodel.safetensors\ntokenizer.json\nonnx/model.onnx"}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    for target, seeds in {"net_hub_fuzz": net_seeds(), "store_state_fuzz": store_seeds()}.items():
        folder = pathlib.Path(sys.argv[1]) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (folder / name).write_bytes(data)
        print(f"{folder}: {len(seeds)} seeds")
    return 0


if __name__ == "__main__":
    sys.exit(main())

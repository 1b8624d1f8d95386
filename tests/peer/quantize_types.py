#!/usr/bin/env python3
"""Compares the weight type of every tensor that `hearth quantize` writes with what llama.cpp's quantiser chooses, and checks that
llama.cpp loads the file and continues a text. Not part of `make test`.

Usage: quantize_types.py HEARTH PEER_FOLDER [MODEL.gguf ...]
PEER_FOLDER is one in which `npm install node-llama-cpp` was run. Without MODEL, tiny random models of several shapes are made:
rows that are whole blocks of 256 and rows that are not, tied and untied, with few and many query heads to a key-value head.
Known difference, by intent: in mxfp4 llama.cpp keeps every matrix of a dense model in Q8_0 (its mix is for experts).
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import libllama  # noqa: E402
import make_tiny  # noqa: E402
from make_tiny import F32, UINT32  # noqa: E402

SHAPES = {"grouped": dict(dim=256, ffn=512, heads=8, kv=1, layers=17, tied=True),
          "plain": dict(dim=256, ffn=256, heads=4, kv=4, layers=8, tied=False),
          "odd": dict(dim=96, ffn=224, heads=3, kv=1, layers=9, tied=True)}


def make_model(dim: int, ffn: int, heads: int, kv: int, layers: int, tied: bool) -> make_tiny.Gguf:
    rng = random.Random(7)
    file = make_tiny.make_gguf()
    vocab = len(dict((key, value) for key, _, value in file.entries)["tokenizer.ggml.tokens"])
    head = 32
    for key, value in [("block_count", layers), ("embedding_length", dim), ("feed_forward_length", ffn),
                       ("attention.head_count", heads), ("attention.head_count_kv", kv)]:
        file.set("llama." + key, UINT32, value)
    rows = [("token_embd", [vocab, dim]), ("output_norm", [dim])] + ([] if tied else [("output", [vocab, dim])])
    for i in range(layers):
        rows += [(f"blk.{i}.{name}", shape) for name, shape in [
            ("attn_norm", [dim]), ("attn_q", [heads * head, dim]), ("attn_k", [kv * head, dim]),
            ("attn_v", [kv * head, dim]), ("attn_output", [dim, heads * head]), ("ffn_norm", [dim]),
            ("ffn_gate", [ffn, dim]), ("ffn_up", [ffn, dim]), ("ffn_down", [dim, ffn])]]
    file.tensors = []
    for name, shape in rows:
        kind = F32 if len(shape) == 1 else make_tiny.F16
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        file.tensors.append((name + ".weight", shape, kind, make_tiny.random_blocks(rng, kind, count, 0.05)))
    return file


def shown(hearth: str, path: pathlib.Path) -> tuple[dict[str, str], int]:
    info = json.loads(subprocess.run([hearth, "show", str(path), "--json"], check=True, capture_output=True).stdout)
    return ({tensor["name"]: tensor["type"] for tensor in info["tensors"]},
            int(info["metadata"]["general.file_type"]))


def write_imatrix(path: pathlib.Path, columns: dict[str, int]) -> dict[str, list[float]]:
    """A GGUF importance matrix of random means, and the means."""
    rng = random.Random(3)
    file = make_tiny.Gguf()
    file.set("general.type", make_tiny.STRING, "imatrix")
    file.set("imatrix.datasets", make_tiny.STRING, ["random"])
    file.set("imatrix.chunk_count", UINT32, 2)
    file.set("imatrix.chunk_size", UINT32, 512)
    means = {}
    for name, n in columns.items():
        means[name] = [rng.lognormvariate(0, 1) for _ in range(n)]
        data = make_tiny.struct.pack(f"<{n}f", *(mean * 1024 for mean in means[name]))
        file.tensors.append((name + ".in_sum2", [n], F32, data))
        file.tensors.append((name + ".counts", [1], F32, make_tiny.struct.pack("<f", 1024)))
    path.write_bytes(file.to_bytes())
    return means


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    hearth, peer, *models = sys.argv[1:]
    theirs = libllama.Quantiser(peer)
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        paths = [pathlib.Path(model) for model in models]
        for name, shape in {} if models else SHAPES.items():
            paths.append(folder / f"{name}.gguf")
            paths[-1].write_bytes(make_model(**shape).to_bytes())
        for path in paths:
            info = json.loads(subprocess.run([hearth, "show", str(path), "--json"], check=True, capture_output=True).stdout)
            columns = {tensor["name"]: tensor["shape"][-1] for tensor in info["tensors"] if len(tensor["shape"]) > 1}
            imatrix = folder / "imatrix.gguf"
            means = write_imatrix(imatrix, columns)
            for mix in libllama.FTYPES:
                for weights in (None, means):
                    ours, other = folder / "ours.gguf", folder / "theirs.gguf"
                    extra = ["--imatrix", str(imatrix)] if weights else []
                    subprocess.run([hearth, "quantize", str(path), str(ours), "--type", mix, "--force", *extra], check=True,
                                   capture_output=True)
                    theirs.quantise(path, other, mix, imatrix=weights)
                    (mine, my_number), (wanted, number) = shown(hearth, ours), shown(hearth, other)
                    differ = {name: (mine[name], wanted[name]) for name in wanted if mine[name] != wanted[name]}
                    if mix == "mxfp4":
                        differ = {name: pair for name, pair in differ.items() if pair != ("MXFP4", "Q8_0")}
                    failures += bool(differ) or my_number != number
                    label = f"{path.stem} {mix}{' with imatrix' if weights else ''}"
                    print(f"{label}: {len(wanted)} tensors, file_type {my_number}"
                          + (f" / {number}" if number != my_number else "") + (f", DIFFER: {differ}" if differ else ", all alike"))
                    if weights is None:
                        run = subprocess.run(["node", str(HERE / "llama_cpp_continue.mjs"), peer, str(ours), "8", "hi the"],
                                             capture_output=True)
                        failures += run.returncode != 0
                        if run.returncode != 0:
                            print(f"FAILED {label}: llama.cpp refuses it: {run.stderr.decode()[-500:]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

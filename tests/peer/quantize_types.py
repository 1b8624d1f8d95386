#!/usr/bin/env python3
"""Compares every tensor that `hearth quantize` writes with what llama.cpp's quantiser makes of the same file: the same weight type, and
a squared error (with an importance matrix the weighted one) at most 1 percent larger. Checks that llama.cpp loads the file and
continues a text.

Usage: quantize_types.py HEARTH LIBRARY PEER_FOLDER [MODEL.gguf ...]
LIBRARY is hearth_encoders, built with the tests; PEER_FOLDER is one in which `npm install node-llama-cpp` was run. Without MODEL, tiny random models of several shapes are made:
rows that are whole blocks of 256 and rows that are not, tied and untied, with few and many query heads to a key-value head.
Known difference, by intent: in mxfp4 llama.cpp keeps every matrix of a dense model in Q8_0 (its mix is for experts).
"""
import ctypes
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
from encode_errors import TOLERANCE, floats  # noqa: E402
from make_tiny import F32, UINT32  # noqa: E402

IMPORTANCE = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)
TAKE_ERROR = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_double, ctypes.c_double)

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


def file_errors(library, source: pathlib.Path, encoded: pathlib.Path, weights: dict | None) -> dict[str, tuple[float, float]]:
    """Matrix -> squared error, and the squares of the values, both weighted where there are `weights`."""
    found = {}
    arrays = {name.encode(): floats(values) for name, values in (weights or {}).items()}
    importance = IMPORTANCE(lambda name: ctypes.addressof(arrays[name]) if name in arrays else None)
    take = TAKE_ERROR(lambda name, error, energy: found.__setitem__(name.decode(), (error, energy)))
    if library.hearth_file_errors(str(source).encode(), str(encoded).encode(), importance, take) == 0:
        raise SystemExit(f"{encoded}: cannot be compared with {source}")
    return found


def worse(library, source: pathlib.Path, ours: pathlib.Path, other: pathlib.Path, weights: dict | None, names) -> tuple[float, dict]:
    """The worst of our errors over llama.cpp's among the matrices `names`, and those above the tolerance."""
    mine, wanted = (file_errors(library, source, path, weights) for path in (ours, other))
    ratios = {}
    for name in names & mine.keys():
        nothing = 1e-12 * mine[name][1]  # both may meet the weights exactly
        ratios[name] = 1.0 if mine[name][0] <= nothing else mine[name][0] / max(wanted[name][0], nothing)
    return max(ratios.values()), {name: round(ratio, 4) for name, ratio in ratios.items() if not ratio <= TOLERANCE}


def main() -> int:
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    hearth, library, peer, *models = sys.argv[1:]
    libraries = libllama.libraries(peer)
    if libraries is None:
        return libllama.SKIPPED
    theirs = libllama.Quantiser(libraries)
    library = ctypes.CDLL(library)
    library.hearth_file_errors.argtypes = [ctypes.c_char_p, ctypes.c_char_p, IMPORTANCE, TAKE_ERROR]
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
                    same = {name for name in wanted if mine[name] == wanted[name]}
                    worst, above = worse(library, path, ours, other, weights, same)
                    failures += bool(differ) or my_number != number or bool(above)
                    label = f"{path.stem} {mix}{' with imatrix' if weights else ''}"
                    print(f"{label}: {len(wanted)} tensors, file_type {my_number}"
                          + (f" / {number}" if number != my_number else "") + (f", DIFFER: {differ}" if differ else ", all alike")
                          + f", error at most {worst:.4f} of llama.cpp's" + (f", ABOVE: {above}" if above else ""), flush=True)
                    if weights is None:
                        run = subprocess.run(["node", str(HERE / "llama_cpp_continue.mjs"), peer, str(ours), "8", "hi the"],
                                             capture_output=True)
                        failures += run.returncode != 0
                        if run.returncode != 0:
                            print(f"FAILED {label}: llama.cpp refuses it: {run.stderr.decode()[-500:]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

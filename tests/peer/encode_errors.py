#!/usr/bin/env python3
"""Compares hearth's weight formats with llama.cpp's. Decoders: the same floats from random blocks. Encoders (ggml_quantize_chunk), on
the same weights: the squared error, and with an importance matrix the weighted one, must be at most 1 percent larger, for every type
and tensor. Prints the ratios and the speeds.

Usage: encode_errors.py LIBRARY PEER_FOLDER [MODEL.gguf ...]
LIBRARY is hearth_encoders, built with the tests; PEER_FOLDER one in which `npm install node-llama-cpp` was run.
"""
import array
import ctypes
import math
import pathlib
import platform
import random
import sys
import time

TYPES = {"Q8_0": 8, "Q6_K": 14, "Q5_K": 13, "Q5_0": 6, "Q5_1": 7, "Q4_K": 12, "Q4_0": 2, "Q4_1": 3, "Q3_K": 11, "Q2_K": 10,
         "IQ4_NL": 20, "IQ4_XS": 23, "MXFP4": 39}
READ_ONLY = {"TQ1_0": 34, "TQ2_0": 35, "Q1_0": 41, "Q2_0": 42}  # compared by their decoders alone
TOLERANCE = 1.01
MOST_VALUES = 1 << 16  # of one tensor
TIMED_ROUNDS = 3  # of the made weights; the others show errors only

FLOATS = ctypes.POINTER(ctypes.c_float)
TAKE = ctypes.CFUNCTYPE(None, ctypes.c_char_p, FLOATS, ctypes.c_int64, ctypes.c_int64)


def peer_library(folder: str) -> ctypes.CDLL | None:
    machine = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}.get(platform.machine(), "unknown")
    path = pathlib.Path(folder, "node_modules/@node-llama-cpp", machine, "bins", machine, "libggml-base.so")
    if not path.exists():
        return None
    library = ctypes.CDLL(str(path))
    library.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 3 + [ctypes.c_void_p]
    library.ggml_quantize_chunk.restype = ctypes.c_size_t
    return library


def own_library(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    library.hearth_bytes.argtypes = [ctypes.c_uint32, ctypes.c_int64]
    library.hearth_bytes.restype = ctypes.c_int64
    library.hearth_encode.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p] + [ctypes.c_int64] * 2 + [ctypes.c_void_p]
    library.hearth_encode.restype = None
    library.hearth_decode.argtypes = [ctypes.c_uint32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64]
    library.hearth_decode.restype = None
    library.hearth_error.argtypes = library.hearth_encode.argtypes
    library.hearth_error.restype = ctypes.c_double
    library.hearth_matrices.argtypes = [ctypes.c_char_p, TAKE]
    return library


def floats(values) -> ctypes.Array:
    return (ctypes.c_float * len(values)).from_buffer(array.array("f", values))


def made_weights() -> dict[str, tuple[ctypes.Array, int, int]]:
    """Name -> values, rows, columns: as trained weights are distributed, and more extreme."""
    rng = random.Random(1)
    rows, columns = 128, 1024
    sizes = [math.exp(rng.gauss(0, 0.4)) for _ in range(columns)]
    normal = [rng.gauss(0, 0.03) for _ in range(rows * columns)]
    outliers = [v * sizes[k % columns] * (8 if rng.random() < 0.01 else 1) for k, v in enumerate(normal)]
    laplace = [rng.choice((-1, 1)) * rng.expovariate(50) for _ in range(rows * columns)]
    return {name: (floats(values), rows, columns)
            for name, values in {"normal": normal, "outliers": outliers, "laplace": laplace}.items()}


def model_weights(own: ctypes.CDLL, path: str) -> dict[str, tuple[ctypes.Array, int, int]]:
    found = {}

    def take(name, values, rows, columns):
        # Narrow matrices are read as rows of 256, so that every type can hold them.
        width = columns if columns % 256 == 0 else 256
        rows = min(rows * columns, MOST_VALUES) // width
        values = array.array("f", values[:rows * width])
        if rows > 0 and any(values):
            found[f"{pathlib.Path(path).stem} {name.decode()}"] = (floats(values), rows, width)

    if own.hearth_matrices(path.encode(), TAKE(take)) == 0:
        raise SystemExit(f"{path}: cannot be read")
    return found


def decoders_differ(own, peer, name: str, kind: int, rng: random.Random) -> int:
    """How many values of random blocks differ; NaN, for which there is no one meaning, equals anything."""
    n = 256 * 256
    blocks = ctypes.create_string_buffer(rng.randbytes(own.hearth_bytes(kind, n)), own.hearth_bytes(kind, n))
    mine, theirs = (ctypes.c_float * n)(), (ctypes.c_float * n)()
    own.hearth_decode(kind, blocks, mine, n)
    decode = getattr(peer, "dequantize_row_" + name.lower().replace("_k", "_K"))
    decode.argtypes, decode.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64], None
    decode(blocks, theirs, n)
    return sum(a != b and a == a and b == b for a, b in zip(mine, theirs))


def compare(own, peer, kind: int, weights, importance, rounds: int) -> tuple[float, float, float]:
    """Our error over theirs; our and their processor time, least of several interleaved rounds."""
    values, rows, columns = weights
    mine = ctypes.create_string_buffer(own.hearth_bytes(kind, rows * columns))
    theirs = ctypes.create_string_buffer(len(mine))
    own_time = peer_time = math.inf
    for _ in range(rounds):
        start = time.thread_time()
        peer.ggml_quantize_chunk(kind, values, theirs, 0, rows, columns, importance)
        middle = time.thread_time()
        own.hearth_encode(kind, values, mine, rows, columns, importance)
        own_time, peer_time = min(own_time, time.thread_time() - middle), min(peer_time, middle - start)
    errors = [own.hearth_error(kind, values, encoded, rows, columns, importance) for encoded in (mine, theirs)]
    # Weights that come from this very type can be met exactly by both.
    nothing = 1e-12 * sum(v * v for v in values)
    return (1.0 if max(errors) <= nothing else errors[0] / max(errors[1], nothing)), own_time, peer_time


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    peer = peer_library(sys.argv[2])
    if peer is None:
        print("LEFT OUT: encoders against llama.cpp's, which is not installed (npm install node-llama-cpp in bench/peer)")
        return 77  # what ctest takes for skipped
    own = own_library(sys.argv[1])
    tensors = made_weights()
    made = list(tensors)
    for path in sys.argv[3:]:
        if pathlib.Path(path).exists():
            tensors |= model_weights(own, path)
        else:
            print(f"LEFT OUT in part: the weights of {pathlib.Path(path).name}, which is not here")
    rng = random.Random(2)
    failures = 0
    for name, kind in (TYPES | READ_ONLY).items():
        if differ := decoders_differ(own, peer, name, kind, rng):
            failures += 1
            print(f"FAILED {name}: {differ} decoded values differ")
    print(f"{len(TYPES | READ_ONLY)} decoders compared on random blocks")
    print(f"{len(tensors)} tensors; squared error over llama.cpp's, mean and worst; million values a second on one thread")
    for name, kind in TYPES.items():
        for weighted in (False, True):
            ratios, times = [], [0.0, 0.0]
            for label, weights in tensors.items():
                importance = floats([math.exp(rng.gauss(0, 1.2)) for _ in range(weights[2])]) if weighted else None
                ratio, own_time, peer_time = compare(own, peer, kind, weights, importance, TIMED_ROUNDS if label in made else 1)
                ratios.append(ratio)
                if label in made:
                    times = [times[0] + own_time, times[1] + peer_time]
                if not ratio <= TOLERANCE:
                    failures += 1
                    print(f"FAILED {name} {label}{' with importance' if weighted else ''}: error {ratio:.4f} of llama.cpp's")
            total = sum(rows * columns for _, rows, columns in (tensors[label] for label in made)) / 1e6
            print(f"{name:7s} {'importance' if weighted else 'plain':10s} error {sum(ratios) / len(ratios):.3f} (worst {max(ratios):.3f})"
                  f"  speed {total / times[0]:6.1f} against {total / times[1]:6.1f}: {times[1] / times[0]:5.2f}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

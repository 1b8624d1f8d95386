#!/usr/bin/env python3
"""Golden decodes of the weight formats, by the gguf package (pip install -r tools/golden/requirements.txt).

Usage: formats.py OUT. Writes lines `NAME <block bytes in hex> <float32 little-endian in hex>`: random bytes as blocks (scales made
finite), so that every bit of every field is exercised.
"""
import sys

import gguf
import numpy as np

SEED = 20260729
FORMATS = {  # name -> (blocks, offsets of binary16 scales inside a block)
    "Q8_0": (4, [0]),
    "Q4_0": (4, [0]),
    "Q4_K": (2, [0, 2]),
    "Q6_K": (2, [208]),
    "F16": (64, []),
    "BF16": (64, []),
    "Q4_1": (4, [0, 2]),
    "Q5_0": (4, [0]),
    "Q5_1": (4, [0, 2]),
    "Q2_K": (2, [80, 82]),
    "Q3_K": (2, [108]),
    "Q5_K": (2, [0, 2]),
    "IQ4_NL": (4, [0]),
    "IQ4_XS": (2, [0]),
    "MXFP4": (8, []),
    "TQ1_0": (2, [52]),
    "TQ2_0": (2, [64]),
    "Q1_0": (4, [0]),
    "Q2_0": (4, [0]),
}
SIZES = {"Q1_0": 18, "Q2_0": 18}  # which this release of gguf cannot decode


def signs(data: np.ndarray) -> np.ndarray:
    scale = data[:, :2].copy().view(np.float16).astype(np.float32)
    return np.where(np.unpackbits(data[:, 2:], axis=1, bitorder="little") == 1, scale, -scale)


def twos(data: np.ndarray) -> np.ndarray:
    scale = data[:, :2].copy().view(np.float16).astype(np.float32)
    codes = (data[:, 2:, None] >> np.array([0, 2, 4, 6])) & 3
    return scale * (codes.reshape(len(data), -1).astype(np.float32) - 1)


def decode(name: str, data: np.ndarray) -> np.ndarray:
    # The two formulas were compared with ggml's own decoders (tests/peer/encode_errors.py does, too).
    if name in SIZES:
        return {"Q1_0": signs, "Q2_0": twos}[name](data)
    return gguf.quants.dequantize(data.reshape(-1), gguf.GGMLQuantizationType[name])


def main() -> None:
    rng = np.random.default_rng(SEED)
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(f"# made by tools/golden/formats.py, seed {SEED}, gguf {gguf.__dict__.get('__version__', '0.19')}, numpy\n")
        for name, (blocks, scales) in FORMATS.items():
            size = SIZES.get(name) or gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
            data = rng.integers(0, 256, (blocks, size), dtype=np.uint8)
            for offset in scales:
                values = rng.normal(0, 0.02, blocks).astype(np.float16)
                data[:, offset:offset + 2] = values.view(np.uint8).reshape(blocks, 2)
            if name == "F16":
                data[:, 1] &= 0xBB  # no infinity, no NaN
            if name == "BF16":
                data[:, 1] &= 0xBF
            if name == "MXFP4":
                data[:, 0] = [0, 1, 2, 64, 118, 127, 200, 252]  # subnormal scales to the largest that cannot overflow
            decoded = decode(name, data).astype("<f4")
            out.write(f"{name} {data.tobytes().hex()} {decoded.tobytes().hex()}\n")


if __name__ == "__main__":
    main()

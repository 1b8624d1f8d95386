#!/usr/bin/env python3
# Perplexity of the exported text model computed twice: in PyTorch in float64, with the windows that hearth's --help
# describes, and by hearth in float32 from the same file. They must agree; a wrong export, tokenizer or window shows.
"""Checks an exported text model.

Usage: check_export.py --hf work/text-hf --hearth ../../build/release/hearth --text FILE [--tokens 2000]
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

from model import Config, Llama


def windows(tokens, context, stride):
    """(begin, scored, end) of every window."""
    scored, end = 1, min(tokens, context)
    while scored < end:
        yield max(0, end - context), scored, end
        scored, end = end, min(tokens, end + stride)


@torch.no_grad()
def losses(model, ids, context, stride):
    """-log p of ids[1:] in float64."""
    out = []
    for begin, scored, end in windows(len(ids), context, stride):
        logits = model(torch.tensor(ids[begin:end - 1])[None])[0, scored - begin - 1:]
        out += F.cross_entropy(logits, torch.tensor(ids[scored:end]), reduction="none").tolist()
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hf", required=True)
    parser.add_argument("--hearth", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--tokens", type=int, default=2000)
    args = parser.parse_args()
    folder = pathlib.Path(args.hf)
    config = json.loads((folder / "config.json").read_text())
    model = Llama(Config(**{k: v for k, v in config.items() if k in Config.__dataclass_fields__})).double()
    model.load_state_dict(load_file(folder / "model.safetensors"))
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(pathlib.Path(args.text).read_text()).ids[:args.tokens]
    context = config["max_position_embeddings"]
    expected = losses(model, ids, context, context // 2)
    with tempfile.TemporaryDirectory() as scratch:
        file = pathlib.Path(scratch) / "scores.jsonl"
        run = subprocess.run([args.hearth, "perplexity", args.hf, args.text, "--tokens", str(args.tokens), "--reference",
                              "--kv", "f32", "--per-token", str(file), "--json"], capture_output=True, text=True, check=True)
        lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    assert [line[1] for line in lines] == ids[1:], "the tokenizers differ"
    worst = max(abs(line[2] + loss) for line, loss in zip(lines, expected, strict=True))
    ppl = math.exp(sum(expected) / len(expected))
    print(f"{len(expected)} tokens: PyTorch float64 PPL {ppl:.6f}, hearth {json.loads(run.stdout)['ppl']:.6f}, "
          f"largest difference of a log-probability {worst:.2e}")
    # Ten layers of float32 sums of up to 1024 products: some hundred roundings of logits up to 20.
    assert worst < 20 * 500 * 2 ** -24, "hearth and PyTorch disagree"


if __name__ == "__main__":
    main()

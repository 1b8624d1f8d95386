#!/usr/bin/env python3
# Proves an exported specialist: reads the GGUF back and runs it with a forward of its own (numpy, float64, adjacent-pair
# rotation, written from the format's convention and not from model.py), then compares with the PyTorch model on the
# same dequantised weights, with the unquantised one on greedy answers, and the tokenizers with each other.
"""Checks device.gguf against the training run it came from.

Usage: check_export.py --run work/final [--gguf device.gguf]; status 1 and a line for each difference.
"""

import argparse
import pathlib
import sys

import gguf
import numpy as np
import torch

import contract
import export
import generate
import vocabulary
from model import Config, Llama

REQUESTS = (
    "dim the kitchen lights to 30 percent and lock the front door",
    "who won the match in Lisbon?",
    "Set a timer for 1 hour and 30 minutes, please.",
    "play some jazz on the kitchen speaker",
    "is the back door locked",
    "turn off all the lights",
    "open the office curtains halfway then turn on the kettle",
    "make me a sandwich",
)


def read_gguf(path):
    """(fields by name, float64 tensors by name)."""
    reader = gguf.GGUFReader(str(path))
    fields = {name: field.contents() for name, field in reader.fields.items()}
    tensors = {t.name: gguf.quants.dequantize(t.data, t.tensor_type).astype(np.float64) for t in reader.tensors}
    return fields, tensors


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rotate_pairs(x, base):
    """x: (tokens, heads, head_dim); turns the pairs (2i, 2i + 1)."""
    n, _, dim = x.shape
    angle = np.arange(n)[:, None] * base ** -(np.arange(0, dim, 2) / dim)
    cos, sin = np.cos(angle)[:, None, :], np.sin(angle)[:, None, :]
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def forward(fields, t, ids):
    """Logits (tokens, vocabulary) in float64."""
    heads, kv = fields["llama.attention.head_count"], fields["llama.attention.head_count_kv"]
    eps, base = fields["llama.attention.layer_norm_rms_epsilon"], fields["llama.rope.freq_base"]
    x = t["token_embd.weight"][ids]
    n = len(ids)
    blocked = np.triu(np.full((n, n), -np.inf), 1)
    for i in range(fields["llama.block_count"]):
        p = f"blk.{i}."
        h = rms_norm(x, t[p + "attn_norm.weight"], eps)
        q = rotate_pairs((h @ t[p + "attn_q.weight"].T).reshape(n, heads, -1), base)
        k = rotate_pairs((h @ t[p + "attn_k.weight"].T).reshape(n, kv, -1), base)
        v = (h @ t[p + "attn_v.weight"].T).reshape(n, kv, -1)
        k, v = k.repeat(heads // kv, axis=1), v.repeat(heads // kv, axis=1)
        s = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(q.shape[-1]) + blocked
        s = np.exp(s - s.max(-1, keepdims=True))
        y = np.einsum("hqk,khd->qhd", s / s.sum(-1, keepdims=True), v).reshape(n, -1)
        x = x + y @ t[p + "attn_output.weight"].T
        h = rms_norm(x, t[p + "ffn_norm.weight"], eps)
        gate = h @ t[p + "ffn_gate.weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ t[p + "ffn_up.weight"].T)) @ t[p + "ffn_down.weight"].T
    return rms_norm(x, t["output_norm.weight"], eps) @ t["token_embd.weight"].T


def deinterleave(weight, n_heads):
    rows, cols = weight.shape
    return weight.reshape(n_heads, rows // n_heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def torch_forward(model, ids):
    n = len(ids)
    mask = torch.full((n, n), float("-inf")).triu(1)[None, None]
    with torch.no_grad():
        return model(torch.tensor([ids]), torch.arange(n)[None], mask)[0].double().numpy()


def greedy(step, ids, end, limit=64):
    out = []
    while len(out) < limit:
        out.append(int(step(ids + out)[-1].argmax()))
        if out[-1] == end:
            break
    return out


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default=str(here / "work"))
    parser.add_argument("--gguf", default=str(here / "device.gguf"))
    args = parser.parse_args()
    config, state, tokenizer = export.load_run(args.run)
    fields, tensors = read_gguf(args.gguf)
    encoder = vocabulary.Encoder(vocabulary.Tokenizer.from_file(str(pathlib.Path(args.run) / "tokenizer.json")))
    wrong = []
    if fields["tokenizer.ggml.tokens"] != list(export.token_ids(tokenizer)):
        wrong.append("token list differs")

    plain, same = Llama(Config(**config)), Llama(Config(**config))
    plain.load_state_dict(state)
    heads = {"q_proj": config["num_attention_heads"], "k_proj": config["num_key_value_heads"]}
    rounded = {}
    for name in state:
        w = tensors[export.gguf_name(name)]
        n = next((h for part, h in heads.items() if part in name), None)
        rounded[name] = torch.from_numpy(deinterleave(w, n) if n else w)
    same.load_state_dict(rounded)
    same = same.double()
    catalogue = generate.BASE
    for request in REQUESTS:
        text = contract.normalise(request)
        ids = encoder.prefix(catalogue) + encoder.request(text)
        whole = encoder.plain(contract.prompt(catalogue, request))
        if whole != ids:
            wrong.append(f"{request!r}: the prompt as one string has other ids")
        ours, theirs = forward(fields, tensors, ids), torch_forward(same, ids)
        # The two differ in float32 RoPE tables (eps 2^-24 of each rotated value) and double rounding; RMS norms keep
        # activations near unit size, so 64 * 2^-24 of the largest logit bounds what six layers can make of it.
        bound = 64 * 2.0 ** -24 * np.abs(theirs).max()
        gap = np.abs(ours - theirs).max()
        if not gap <= bound:
            wrong.append(f"{request!r}: logits differ by {gap:.3g}, allowed {bound:.3g}")
        answers = [greedy(step, ids, encoder.end) for step in
                   (lambda i: forward(fields, tensors, i), lambda i: torch_forward(plain, i))]
        if answers[0] != answers[1]:
            wrong.append(f"{request!r}: greedy {encoder.decode(answers[0])!r} against {encoder.decode(answers[1])!r}")
        answer = contract.expand(encoder.decode(answers[0]), catalogue)
        print(f"{request}\n  {answer}  gap {gap:.2g}  {contract.validate(answer, catalogue, request) or 'valid'}")
    for line in wrong:
        print("WRONG:", line)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

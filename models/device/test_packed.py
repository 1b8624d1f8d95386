#!/usr/bin/env python3
# The fast training forward must compute what the plain model computes: logits and gradients of the same examples by
# both ways, and each request alone, in float64. Needs PyTorch and tokenizers. Run: python3 models/device/test_packed.py
"""Equality of packed.forward, batches.collate with model.Llama, and single requests."""

import itertools
import unittest

import torch
import torch.nn.functional as F

import batches
import generate
import packed
import vocabulary
from model import Config, Llama


class Packed(unittest.TestCase):
    def test_three_ways_agree(self):
        torch.manual_seed(0)
        encoder = vocabulary.Encoder(vocabulary.build(2048, examples=600))
        model = Llama(Config()).double()
        items = list(itertools.islice(generate.stream(3, "train", 5), 3))
        fast_batch = packed.pack(encoder, items)
        fast = packed.forward(model, fast_batch)
        targets = fast_batch.targets[fast_batch.targets != batches.IGNORE]
        F.cross_entropy(fast, targets).backward()
        fast_grads = [p.grad.clone() for p in model.parameters()]
        model.zero_grad()

        ids, positions, mask, wanted = batches.collate([batches.pack(encoder, *item) for item in items], encoder.end)
        slow = model(ids, positions, mask.double(), select=wanted != batches.IGNORE)
        self.assertEqual(targets.tolist(), wanted[wanted != batches.IGNORE].tolist())
        F.cross_entropy(slow, targets).backward()
        # RoPE tables are float32 in both, so float64 leaves only the order of sums: a few thousand roundings of 2^-53.
        bound = 2.0 ** 14 * 2.0 ** -53
        self.assertLess((fast - slow).abs().max().item(), bound * slow.abs().max().item())
        for g, p in zip(fast_grads, model.parameters()):
            self.assertLess((g - p.grad).abs().max().item(), bound * max(1.0, p.grad.abs().max().item()))

        at = 0
        for catalogue, examples in items:
            for example in examples:
                alone = encoder.prefix(catalogue) + encoder.request(example["request"])
                answer = encoder.answer(example["calls"], catalogue)
                alone += answer[:-1]
                n = len(alone)
                logits = model(torch.tensor([alone]), torch.arange(n)[None],
                               torch.full((n, n), float("-inf")).triu(1)[None, None].double())[0, n - len(answer):]
                self.assertLess((logits - slow[at:at + len(answer)]).abs().max().item(), bound * slow.abs().max().item())
                at += len(answer)


if __name__ == "__main__":
    unittest.main()

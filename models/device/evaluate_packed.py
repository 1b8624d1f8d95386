# Exact match without generating: an answer is what greedy decoding gives if, and only if, each of its tokens is the
# model's first choice after the right tokens before it. So one forward pass over packed batches measures it.
"""Teacher-forced exact match of the specialist on generated splits."""

import collections
import itertools

import torch

import batches
import generate


@torch.no_grad()
def exact(model, encoder, split, homes, per_home=8, seed=990001):
    """(right, all, Counter of tools wrong, Counter of tools) over homes * per_home examples of a split."""
    right, wrong, tools = 0, collections.Counter(), collections.Counter()
    misses = []
    for catalogue, examples in itertools.islice(generate.stream(seed, split, per_home), homes):
        packed = batches.pack(encoder, catalogue, examples)
        ids, positions, mask, targets = batches.collate([packed], encoder.end)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(ids, positions, mask)[0]
        blocks = torch.tensor(packed[2])
        hit = (logits.argmax(-1) == targets[0]) | (targets[0] == batches.IGNORE)
        for number, example in enumerate(examples, 1):
            name = "several" if len(example["calls"]) > 1 else example["calls"][0].get("reason", example["calls"][0]["tool"])
            tools[name] += 1
            if bool(hit[:len(blocks)][blocks == number].all()):
                right += 1
            else:
                wrong[name] += 1
                misses.append((catalogue, example))
    return right, sum(tools.values()), wrong, tools, misses


def summary(model, encoder, homes=12):
    """One line: exact match on each split."""
    parts = []
    for split in generate.SPLITS:
        right, count, wrong, _, _ = exact(model, encoder, split, homes)
        parts.append(f"{split} {100 * right / count:.1f}%")
    return "exact match: " + ", ".join(parts) + f" of {homes * 8} each; last split's misses {dict(wrong.most_common(4))}"

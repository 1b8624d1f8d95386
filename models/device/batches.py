# Turns examples into padded tensors for model.Llama: one household in front, several independent requests behind it,
# each of which sees the household and itself only and counts its positions from the household's end. That is exactly
# what each request would see alone. Evaluation uses it; training uses packed.py, which computes the same for less.
"""Packed batches for the specialist's training and evaluation."""

import torch

IGNORE = -100


def pack(encoder, catalogue, examples):
    """(ids, positions, block numbers, targets) of one household with its requests; block 0 is the household."""
    ids = encoder.prefix(catalogue)
    start = len(ids)
    positions, blocks, targets = list(range(start)), [0] * start, [IGNORE] * start
    for number, example in enumerate(examples, 1):
        question = encoder.request(example["request"])
        answer = encoder.answer(example["calls"], catalogue)
        part = question + answer[:-1]
        ids += part
        positions += range(start, start + len(part))
        blocks += [number] * len(part)
        targets += [IGNORE] * (len(question) - 1) + answer
    return ids, positions, blocks, targets


def collate(packs, pad):
    """Tensors of a batch: ids, positions, additive mask (batch, 1, tokens, tokens), targets."""
    width = (max(len(p[0]) for p in packs) + 15) // 16 * 16

    def tensor(index, fill):
        return torch.tensor([p[index] + [fill] * (width - len(p[index])) for p in packs])

    ids, positions, blocks, targets = tensor(0, pad), tensor(1, 0), tensor(2, -1), tensor(3, IGNORE)
    causal = torch.ones(width, width, dtype=torch.bool).tril()
    same = blocks.unsqueeze(2) == blocks.unsqueeze(1)
    household = (blocks == 0).unsqueeze(1)
    mask = torch.zeros(len(packs), 1, width, width)
    mask.masked_fill_(~(causal & (same | household)).unsqueeze(1), float("-inf"))
    return ids, positions, mask, targets

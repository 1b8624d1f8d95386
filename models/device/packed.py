# The training forward over real tokens only: households once, requests behind them, no padding outside attention, and
# attention of a request over its household and itself instead of over the whole pack. The numbers are those of
# model.Llama with batches.collate's mask (test_packed.py), at well under half the cost on a CPU.
"""Fast forward of the specialist over households with several requests each."""

import dataclasses

import torch
import torch.nn.functional as F

from batches import IGNORE
from model import rope_tables, rotate


@dataclasses.dataclass
class Group:
    """Sequences of similar length: which flat token sits at (row, place), and what each may see."""

    tokens: torch.Tensor  # (rows, width) flat indices, 0 where there is no token
    homes: torch.Tensor  # (rows,) household of each row
    valid: torch.Tensor  # (rows * width,) places that hold a token
    mask: torch.Tensor  # (rows or 1, 1, width, [home width +] width) additive


@dataclasses.dataclass
class Packed:
    """Flat tokens of a step's share; households first."""

    ids: torch.Tensor  # (tokens,)
    positions: torch.Tensor  # (tokens,)
    targets: torch.Tensor  # (tokens,)
    homes: Group
    requests: list


def _grid(spans, width):
    """(rows, width) flat indices and validity of [start, end) spans."""
    place = torch.arange(width)[None]
    start = torch.tensor([s for s, _ in spans])[:, None]
    size = torch.tensor([e - s for s, e in spans])[:, None]
    valid = place < size
    return (start + place).where(valid, torch.zeros(1, dtype=torch.long)), valid


def pack(encoder, items, group=12, firsts=None):
    """Packed form of [(catalogue, examples)]; firsts: the number of each household's first entry, 1 if left out."""
    firsts = firsts or [1] * len(items)
    ids, positions, targets, home_spans, spans = [], [], [], [], []
    for (catalogue, _), first in zip(items, firsts):
        prefix = encoder.prefix(catalogue, first)
        home_spans.append((len(ids), len(ids) + len(prefix)))
        ids += prefix
        positions += range(len(prefix))
        targets += [IGNORE] * len(prefix)
    spans = []
    for home, (catalogue, examples) in enumerate(items):
        size = home_spans[home][1] - home_spans[home][0]
        for example in examples:
            question, answer = encoder.request(example["request"]), encoder.answer(example["calls"], catalogue, firsts[home])
            part = question + answer[:-1]
            spans.append((len(ids), len(ids) + len(part), home))
            ids += part
            positions += range(size, size + len(part))
            targets += [IGNORE] * (len(question) - 1) + answer
    width = max(e - s for s, e in home_spans)
    grid, seen = _grid(home_spans, width)
    homes = Group(grid, torch.arange(len(items)), seen.flatten(), torch.full((width, width), float("-inf")).triu(1)[None, None])
    spans.sort(key=lambda s: s[1] - s[0])
    requests = []
    for at in range(0, len(spans), group):
        rows = spans[at:at + group]
        wide = max(e - s for s, e, _ in rows)
        grid, valid = _grid([r[:2] for r in rows], wide)
        of = torch.tensor([r[2] for r in rows])
        mask = torch.zeros(len(rows), 1, wide, width + wide)
        mask[..., :width].masked_fill_(~seen[of][:, None, None, :], float("-inf"))
        mask[..., width:] = torch.full((wide, wide), float("-inf")).triu(1)
        requests.append(Group(grid, of, valid.flatten(), mask))
    return Packed(torch.tensor(ids), torch.tensor(positions), torch.tensor(targets), homes, requests)


def _attend(q, k, v, mask, repeat):
    """q: (rows, kv, repeat * width, dim), heads grouped by the kv head they share; k, v: (rows, kv, keys, dim)."""
    scores = (q @ k.mT) * q.shape[-1] ** -0.5
    rows, kv, tall, wide = scores.shape
    scores = scores.view(rows, kv, repeat, tall // repeat, wide) + mask.unsqueeze(2).to(scores.dtype)
    return F.softmax(scores, dim=-1).view(rows, kv, tall, wide).to(v.dtype) @ v


def _attention(layer, x, cos, sin, packed):
    n, kv, dim, repeat = x.shape[0], layer.n_kv, layer.head_dim, layer.n_heads // layer.n_kv
    q = rotate(layer.q_proj(x).view(n, -1, dim), cos.to(x.dtype), sin.to(x.dtype)).reshape(n, -1)
    k = rotate(layer.k_proj(x).view(n, -1, dim), cos.to(x.dtype), sin.to(x.dtype)).reshape(n, -1)
    v = layer.v_proj(x)

    def rows(t, grid, heads):  # (tokens, heads * dim) -> (rows, heads, width, dim)
        return t.index_select(0, grid.flatten()).view(*grid.shape, heads, dim).transpose(1, 2)

    home_k, home_v = rows(k, packed.homes.tokens, kv), rows(v, packed.homes.tokens, kv)
    parts = []
    for group in [packed.homes] + packed.requests:
        count, width = group.tokens.shape
        keys, values = home_k, home_v
        if group is not packed.homes:
            keys = torch.cat((home_k.index_select(0, group.homes), rows(k, group.tokens, kv)), 2)
            values = torch.cat((home_v.index_select(0, group.homes), rows(v, group.tokens, kv)), 2)
        query = rows(q, group.tokens, kv * repeat).reshape(count, kv, repeat * width, dim)
        out = _attend(query, keys, values, group.mask, repeat).view(count, kv * repeat, width, dim)
        parts.append(out.transpose(1, 2).reshape(count * width, -1)[group.valid])
    order = torch.cat([g.tokens.flatten()[g.valid] for g in [packed.homes] + packed.requests])
    y = torch.cat(parts)
    return layer.o_proj(torch.empty_like(y).index_copy(0, order, y))


def forward(model, packed):
    """Logits (targets that count, vocabulary)."""
    cos, sin = rope_tables(model.config, packed.positions)
    cos, sin = cos.unsqueeze(1), sin.unsqueeze(1)
    select = (packed.targets != IGNORE).nonzero()[:, 0]
    x = model.model.embed_tokens(packed.ids)
    for i, layer in enumerate(model.model.layers):
        x = x + _attention(layer.self_attn, layer.input_layernorm(x), cos, sin, packed)
        if i + 1 == len(model.model.layers):
            x = x.index_select(0, select)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return F.linear(model.model.norm(x), model.model.embed_tokens.weight)

# A start from which looking things up works on the first step. The specialist's crux is to find the entry of the household
# that a request means, and to copy free text; both are circuits of two heads, the slowest thing for a small model to find:
# - entries: every token looks at the pointer and the kind in front of it; a later token looks for earlier tokens equal to
#   it (the request's words for those of a name) and takes over what they found; then heads that write pointers out.
# - copying: a head that looks one token back, then one that looks for "what came after this token before" (an
#   induction head, Olsson et al. 2022).
# They are put in by hand, in a few heads; everything else starts random or, where it writes to the residual stream, at
# zero. Training may undo it all.
"""Initial weights of the specialist."""

import torch

import contract
import generate
from model import Llama

EMBED_STD = 0.25
WRITE = 0.5  # what heads write, of what they read
FINAL_NORM = 0.16  # keeps the first logits small although embeddings are not
CONSTANT = 0.5  # share of a direction that all embeddings have in common; heads that look by position read it


def _basis(rows, cols):
    """Orthonormal rows."""
    return torch.linalg.qr(torch.randn(cols, rows))[0].T


class _Circuits:
    """Writes the circuits' heads; places in the residual stream are sets of orthonormal directions."""

    def __init__(self, model):
        self.config = model.config
        self.layers = [layer.self_attn for layer in model.model.layers]
        self.width, self.dim = self.config.hidden_size, self.config.head_dim
        self.frequencies = self.config.rope_theta ** -(torch.arange(self.dim // 2) / (self.dim // 2))
        slow = [i for i in range(self.dim // 2) if self.frequencies[i] < 0.006]  # turn by less than a radian over a prompt
        self.slow = slow[:-1] + [i + self.dim // 2 for i in slow[:-1]]
        self.slowest = slow[-1]
        half, size = self.dim // 2, len(self.slow)
        taken = _basis(6 + size + 4 * half, self.width)
        # common: in all embeddings; pointers, kinds, user: in those of these tokens; asked: the request's tokens get it;
        # missed: those of them that found no equal one in the household.
        self.common, self.pointers, self.kinds, self.user, self.asked, self.missed = taken[:6]
        self.before, self.pointer, self.kind, self.found, self.sort = taken[6:].split((size, half, half, half, half))
        self.taken = taken
        # What a normed embedding has along a direction that holds CONSTANT of its length, besides the common one.
        self.reach = CONSTANT * self.width ** 0.5 / (1 + 2 * CONSTANT ** 2) ** 0.5

    def code(self, rows):
        """Random directions of the embeddings' own part, apart from all places and shared directions."""
        code = torch.randn(rows, self.width)
        code = code - (code @ self.taken.T) @ self.taken
        return torch.linalg.qr(code.T)[0].T

    def head(self, layer, head, query, key, value, out, scale):
        """kv head `head` of a layer and its query heads; value and out may have fewer rows."""
        attention, dim = self.layers[layer], self.dim
        repeat, rows = attention.n_heads // attention.n_kv, slice(head * dim, head * dim + len(value))
        attention.v_proj.weight[rows] = value
        attention.k_proj.weight[head * dim:(head + 1) * dim] = key
        for q in range(head * repeat, (head + 1) * repeat):
            attention.q_proj.weight[q * dim:(q + 1) * dim] = query
            attention.o_proj.weight[:, q * dim:q * dim + len(out)] = scale / repeat * out.T

    def look(self, head, target, distance, pairs, sharp, value, out):
        """Layer 0: looks `distance` back, or with 0 at the nearest token that has `target`; writes its code to a place."""
        key, query = torch.zeros(self.dim), torch.zeros(self.dim)
        key[pairs] = 1
        half = [p + self.dim // 2 for p in pairs]
        query[pairs], query[half] = (self.frequencies[pairs] * distance).cos(), -(self.frequencies[pairs] * distance).sin()
        sharp = sharp / self.reach
        self.head(0, head, sharp * torch.outer(query, self.common), sharp * torch.outer(key, target), value, out, WRITE)

    def match(self, head, key, query, sharp, where, value, out):
        """Layer 1: looks for tokens whose `key` is this token's `query`, in the request (`where` 1) or in the household (-1) first."""
        q, k = torch.zeros(self.dim, self.width), torch.zeros(self.dim, self.width)
        q[self.slow], k[self.slow] = sharp * query, sharp * key
        q[self.slowest], k[self.slowest] = 0.8 * self.common, 0.8 * where * self.asked
        self.head(1, head, q, k, value, out, WRITE)


def _embedding(model, encoder, circuits):
    weight = model.model.embed_tokens.weight
    weight.normal_(std=EMBED_STD)
    weight.sub_((weight @ circuits.taken.T) @ circuits.taken)
    size = CONSTANT * EMBED_STD * circuits.width ** 0.5
    weight.add_(size * circuits.common)
    ids = encoder.functional
    weight[[ids[contract.pointer(i + 1)] for i in range(contract.MAX_ENTRIES)]] += size * circuits.pointers
    weight[[ids[f"<{kind['name']}>"] for kind in generate.BASE["kind"]] + [ids["<room>"]]] += size * circuits.kinds
    weight[encoder.user] += size * circuits.user


@torch.no_grad()
def initialise(model: Llama, encoder):
    """Fills the model; encoder: the vocabulary.Encoder of its tokenizer."""
    for name, p in model.named_parameters():
        if p.dim() == 2:
            p.zero_() if "o_proj" in name or "down_proj" in name else p.normal_(std=model.config.hidden_size ** -0.5)
    model.model.norm.weight.fill_(FINAL_NORM)
    c = _Circuits(model)
    _embedding(model, encoder, c)
    word, before, pointer, kind, copy = (c.code(n) for n in (len(c.slow), len(c.slow), c.dim // 2, c.dim // 2, c.dim))
    near = list(range(1, 6))
    c.look(0, c.common, 1, list(range(6)), 5.4, before, c.before)
    c.look(1, c.pointers, 0, near, 4.0, pointer, c.pointer)
    c.look(2, c.kinds, 0, near, 4.0, kind, c.kind)
    c.look(3, c.user, 0, [c.slowest], 9.0, c.user[None], c.asked[None])
    c.match(0, c.before, before, 2.4, 1, copy, copy)
    c.match(1, word, word, 3.2, -1, torch.cat((c.pointer, c.asked[None])), torch.cat((c.found, c.missed[None])))
    c.match(2, word, word, 3.2, -1, c.kind, c.sort)
    for layer in range(2, len(c.layers)):  # what the request's words found comes out as a pointer
        q, k = (torch.randn(c.dim, c.width) * c.width ** -0.5 for _ in range(2))
        q[c.slowest], k[c.slowest] = c.common, c.asked - c.missed
        c.head(layer, 0, q, k, c.found, pointer, 2 * WRITE)

# A start from which copying works on the first step. The specialist's crux is to copy names out of its prompt, and the
# circuit for that (a head that looks one token back, then a head that looks for "what came after this token before":
# an induction head, Olsson et al. 2022) is the slowest thing for a small model to find. Here it is put in by hand, in a
# few heads; everything else starts random or, where it writes to the residual stream, at zero. Training may undo it all.
"""Initial weights of the specialist."""

import torch

from model import Llama

EMBED_STD = 0.04
CONSTANT = 0.5  # share of a direction that all embeddings have in common; heads that look by position read it
MATCH_HEADS = 2  # kv heads a layer that carry the circuit


def _basis(rows, cols):
    """Orthonormal rows."""
    return torch.linalg.qr(torch.randn(cols, rows))[0].T


def _embedding(model, spaced):
    """Random vectors; a token " word" is its twin "word" plus one vector for the space; all share a direction."""
    weight = model.model.embed_tokens.weight
    width = weight.shape[1]
    common = _basis(1, width)[0]
    weight.normal_(std=EMBED_STD)
    space = torch.randn(width) * EMBED_STD * 0.5
    for token, twin in spaced:
        weight[token] = weight[twin] + space
    weight.add_(CONSTANT * EMBED_STD * width ** 0.5 * common)
    return common


def _look_back(attention, head, common, frequencies, code, place, scale):
    """kv head `head` (and its query heads) looks at the token before, and writes its code to `place`."""
    dim, repeat = attention.head_dim, attention.n_heads // attention.n_kv
    reach = CONSTANT * common.numel() ** 0.5 / (1 + CONSTANT ** 2) ** 0.5  # what a normed input has along `common`
    sharp = 5.4 / reach
    use = 6  # the fastest pairs tell neighbours apart
    key, query = torch.zeros(dim), torch.zeros(dim)
    key[:use] = 1
    query[:use], query[dim // 2:dim // 2 + use] = frequencies[:use].cos(), -frequencies[:use].sin()
    attention.k_proj.weight[head * dim:(head + 1) * dim] = sharp * torch.outer(key, common)
    attention.v_proj.weight[head * dim:head * dim + len(code)] = code
    for q in range(head * repeat, (head + 1) * repeat):
        attention.q_proj.weight[q * dim:(q + 1) * dim] = sharp * torch.outer(query, common)
        attention.o_proj.weight[:, q * dim:q * dim + len(code)] = scale / repeat * place.T


def _follow(attention, head, slow, code, place, sharp, copy, scale):
    """kv head `head` looks for tokens whose predecessor has this token's code, and copies them to the output."""
    dim, repeat = attention.head_dim, attention.n_heads // attention.n_kv
    key, query = torch.zeros(dim, code.shape[1]), torch.zeros(dim, code.shape[1])
    key[slow], query[slow] = sharp * place, sharp * code
    attention.k_proj.weight[head * dim:(head + 1) * dim] = key
    attention.v_proj.weight[head * dim:(head + 1) * dim] = copy
    for q in range(head * repeat, (head + 1) * repeat):
        attention.q_proj.weight[q * dim:(q + 1) * dim] = query
        attention.o_proj.weight[:, q * dim:(q + 1) * dim] = scale / repeat * copy.T


@torch.no_grad()
def initialise(model: Llama, spaced):
    """Fills the model; spaced: (id of " word", id of "word") pairs."""
    config = model.config
    width, dim = config.hidden_size, config.head_dim
    for name, p in model.named_parameters():
        if p.dim() == 2:
            p.zero_() if "o_proj" in name or "down_proj" in name else p.normal_(std=width ** -0.5)
    common = _embedding(model, spaced)
    frequencies = config.rope_theta ** -(torch.arange(dim // 2) / (dim // 2))
    slow_pairs = [i for i in range(dim // 2) if frequencies[i] < 0.006]  # turn by less than a radian over a prompt
    slow = slow_pairs + [i + dim // 2 for i in slow_pairs]
    size = len(slow)
    directions = _basis(2 * size * MATCH_HEADS, width)
    copies = _basis(dim * MATCH_HEADS, width)
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    for head in range(MATCH_HEADS):
        place = directions[(2 * head) * size:(2 * head + 1) * size]
        code = directions[(2 * head + 1) * size:(2 * head + 2) * size]
        code = code - torch.outer(code @ common, common)  # what all tokens share tells none apart
        _look_back(first, head, common, frequencies, code, place, 0.1)
        _follow(second, head, slow, code, place, 2.0, copies[head * dim:(head + 1) * dim], 0.6)

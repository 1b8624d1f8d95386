# The specialist's tokenizer: byte-level BPE in which every word carries the space before it, in the household, in the
# request and in copied text alike, so copying is always of the very same token. Digits stand alone (pre-tokenizer
# "smollm" in GGUF). What answers are built of, kinds and pointers are one id each.
"""Builds and uses the specialist's tokenizer (Hugging Face `tokenizers`)."""

import itertools

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import contract
import generate


def _texts(examples, seed):
    """Names and requests as prompts hold them, a space in front."""
    for catalogue, made in itertools.islice(generate.stream(seed, "train", per_home=6), examples // 6):
        yield "".join(f" {name}" + (f"@ {room}" if room else "") for _, name, room in contract.entries(catalogue))
        for example in made:
            yield " " + example["request"]


def build(size, examples=60000, seed=77):
    """Trains a tokenizer of exactly `size` ids: bytes, merges, functional and control tokens."""
    added = contract.functional_tokens(generate.BASE)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size - len(added) - len(contract.CONTROL), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(_texts(examples, seed), trainer)
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in added])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in contract.CONTROL])
    if tokenizer.get_vocab_size() != size:
        raise ValueError(f"too few examples for a vocabulary of {size}")
    return tokenizer


class Encoder:
    """Ids of prompts and answers."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.home, self.user, self.call, self.end = (tokenizer.token_to_id(t) for t in contract.CONTROL)
        self.functional = {t: tokenizer.token_to_id(t) for t in contract.functional_tokens(generate.BASE)}

    def plain(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prefix(self, catalogue, first=1):
        """Ids of the household; `first`: the number of its first entry (contract.home_block)."""
        return [self.home] + self.plain(contract.home_block(catalogue, first))

    def request(self, text):
        """Ids of an already normalised request with its marks."""
        return [self.user] + self.plain(" " + text) + [self.call]

    def answer(self, calls, catalogue, first=1):
        ids = []
        for piece in contract.pieces(calls, catalogue, first):
            ids += [self.functional[piece]] if piece in self.functional else self.plain(piece)
        return ids + [self.end]

    def decode(self, ids):
        """The answer's text in the model's own form (contract.expand); control tokens are left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

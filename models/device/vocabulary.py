# The specialist's tokenizer: byte-level BPE whose merges never join a space with a word until the word's own merges
# are done. So a word is cut into the same pieces with and without a space before it, and copying a name from the
# request or from the catalogue into JSON is the same act. Digits stand alone (pre-tokenizer "smollm" in GGUF).
"""Builds and uses the specialist's tokenizer (Hugging Face `tokenizers`)."""

import collections
import itertools
import json

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import contract
import generate

LETTER_MERGES = 960
SPACE = "\u0120"  # the byte-level alphabet's letter for a space


def _words(examples, seed):
    """Words, with their counts, of requests and household blocks."""
    counts = collections.Counter()
    for catalogue, made in itertools.islice(generate.stream(seed, "train", per_home=6), examples // 6):
        texts = [e["request"] for e in made] + [contract.home_block(catalogue).translate(str.maketrans(",;:@", "    "))]
        for text in texts:
            counts.update(text.split())
    return counts


def _base(vocab=None, merges=None):
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges) if vocab else models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def build(size, examples=60000, seed=77):
    """Trains a tokenizer of exactly `size` ids: bytes, merges, words with a space, functional and control tokens."""
    counts = _words(examples, seed)
    added = contract.functional_tokens(generate.BASE) + list(contract.CONTROL)
    draft = _base()
    trainer = trainers.BpeTrainer(vocab_size=256 + LETTER_MERGES, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    draft.train_from_iterator((w for w, n in sorted(counts.items()) for _ in range(n)), trainer)
    state = json.loads(draft.to_str())["model"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in state["merges"]]
    vocab = [t for t, _ in sorted(state["vocab"].items(), key=lambda item: item[1])]

    first = collections.Counter()
    for word, n in counts.items():
        first[draft.encode(word).tokens[0]] += n
    room = size - len(vocab) - len(added)
    for piece, _ in sorted(first.items(), key=lambda item: (-item[1], item[0]))[:room]:
        merges.append((SPACE, piece))
        vocab.append(SPACE + piece)
    tokenizer = _base({t: i for i, t in enumerate(vocab)}, merges)
    functional, control = added[:-len(contract.CONTROL)], added[-len(contract.CONTROL):]
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in functional])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in control])
    while tokenizer.get_vocab_size() < size:  # never in practice: more first pieces than room
        tokenizer.add_tokens([f"<unused{tokenizer.get_vocab_size()}>"])
    return tokenizer


class Encoder:
    """Ids of prompts and answers."""

    def __init__(self, tokenizer):
        self.tokenizer = tokenizer
        self.home, self.user, self.call, self.end = (tokenizer.token_to_id(t) for t in contract.CONTROL)
        self.functional = {t: tokenizer.token_to_id(t) for t in contract.functional_tokens(generate.BASE)}

    def plain(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prefix(self, catalogue):
        return [self.home] + self.plain(contract.home_block(catalogue))

    def request(self, text):
        """Ids of an already normalised request with its marks."""
        return [self.user] + self.plain(text) + [self.call]

    def answer(self, calls, catalogue):
        ids = []
        for piece in contract.pieces(calls, catalogue):
            ids += [self.functional[piece]] if piece in self.functional else self.plain(piece)
        return ids + [self.end]

    def decode(self, ids):
        """The answer's text; control tokens are left out."""
        return self.tokenizer.decode(ids, skip_special_tokens=True)

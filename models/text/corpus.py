# The text model's data: a folder of books (*.md or *.txt) becomes a tokenizer and token files. Three whole books are
# held out: neither the tokenizer nor the network ever sees them, so perplexity on them is honest.
# It knows nothing about networks; train.py and export.py use it.
"""Books to tokens.

Usage: corpus.py FOLDER --out work     (train.py calls it by itself)
"""

import argparse
import pathlib
import unicodedata

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

END = "<|endoftext|>"
# Whole books, by file stem: one to watch while training, two for the tables, of three authors. Wells and Stevenson
# have other books among the training texts, Carroll has none.
VALIDATION = ["robert-louis-stevenson--the-strange-case-of-dr-jekyll-and-mr-hyde"]
TEST = ["h-g-wells--the-time-machine", "lewis-carroll--alices-adventures-in-wonderland"]


def read_book(path):
    """A book's text without the title block above the first rule, NFC, with single blank lines."""
    text = unicodedata.normalize("NFC", path.read_text(encoding="utf-8"))
    head, rule, rest = text.partition("\n-------\n")
    lines = (rest if rule and len(head) < 1000 else text).replace("\r\n", "\n").split("\n")
    return "\n\n".join(" ".join(line.split()) for line in lines if line.strip()) + "\n"


def books(folder):
    """(training, validation, test): dictionaries of stem -> text. Missing held-out books are an error."""
    paths = sorted(p for p in pathlib.Path(folder).iterdir() if p.suffix in (".md", ".txt") and p.stem != "README")
    texts = {p.stem: read_book(p) for p in paths}
    missing = [name for name in VALIDATION + TEST if name not in texts]
    if missing:
        raise SystemExit(f"{folder}: held-out books are missing: {', '.join(missing)}")
    held = {name: texts.pop(name) for name in VALIDATION + TEST}
    return texts, {n: held[n] for n in VALIDATION}, {n: held[n] for n in TEST}


def build_tokenizer(texts, size):
    """Byte-level BPE of exactly `size` ids with GPT-2's pre-tokenizer; id 0 is the end of a text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, show_progress=False, special_tokens=[AddedToken(END, normalized=False)],
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    if tokenizer.get_vocab_size() != size:
        raise SystemExit(f"too little text for a vocabulary of {size}")
    return tokenizer


def tokens(tokenizer, texts):
    """All books behind each other, each begun by the end mark of the one before: uint16 (tokens,)."""
    end = tokenizer.token_to_id(END)
    return np.concatenate([np.array([end] + tokenizer.encode(t, add_special_tokens=False).ids, np.uint16) for t in texts])


def prepare(folder, out, vocab):
    """Writes tokenizer.json, train.bin, validation.bin and the held-out texts for `hearth perplexity` into `out`."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    train, validation, test = books(folder)
    tokenizer = build_tokenizer(train.values(), vocab)
    tokenizer.save(str(out / "tokenizer.json"))
    for name, texts in (("train", train), ("validation", validation)):
        ids = tokens(tokenizer, texts.values())
        ids.tofile(out / f"{name}.bin")
        print(f"{name}: {len(texts)} books, {sum(map(len, texts.values()))} characters, {len(ids)} tokens", flush=True)
    for name, text in test.items():
        (out / f"test-{name.split('--')[1]}.txt").write_text(text, encoding="utf-8")
    for name, text in validation.items():
        (out / "validation.txt").write_text(text, encoding="utf-8")
    # Calibration for an importance matrix: pieces of training books, so that the held-out ones stay unseen.
    pieces = [text[len(text) // 2:][:12000] for text in train.values()]
    (out / "calibration.txt").write_text("\n".join(pieces), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--out", default=str(pathlib.Path(__file__).with_name("work")))
    parser.add_argument("--vocab", type=int, default=4096)
    options = parser.parse_args()
    prepare(options.folder, options.out, options.vocab)

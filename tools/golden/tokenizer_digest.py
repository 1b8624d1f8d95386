#!/usr/bin/env python3
"""Digests of what Hugging Face tokenizers and SentencePiece make of 20,000 seeded strings per tokenizer family.

Usage: tokenizer_digest.py [--data FOLDER] [--out FOLDER] [--only FAMILY] [--dump FILE]
Needs: pip install -r tools/golden/requirements.txt. FOLDER of --data holds tokenizers/ (default ../shared/data).
Writes tokenizer_generator.json (what strings are made of; the C++ test makes the same ones from it with the same random
numbers) and tokenizer_digests.json (manifest, one 64-bit digest per 500 strings). --dump writes a family's texts and ids.
Strings hold code points assigned up to Unicode 14 only, without newer combining marks that the library's NFC does not know:
the tables compared are of different versions beyond.
"""
import argparse
import json
import pathlib
import sys
import unicodedata

import gguf
import sentencepiece
import tokenizers
import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

COUNT = 20000
BLOCK = 500
SEED = 20240607
MASK = (1 << 64) - 1

WORDS = ["the", " the", " of", "Hello", " world", "HELLO", "wOrLd", "don", "internationalization", "antidisestablishmentarianism",
         "camelCaseWord", "HTTPServer", "snake_case", "Zürich", "naïve", "Straße", "ÉCOLE", "crème", "İstanbul", "Αθήνα",
         "Москва", "ЁЖ", "עברית", "العربية", "हिन्दी", "ไทย", "日本語", "中文字符", "한국어", "ﬁne", "x", "a", "I", "Q",
         "aaaaaaaaaaaaaaaaaaaaaaa", "ABABABAB", "abcABCabc"]
CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'VE", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'", "''",
                "'\u017f", "\u2019s", "'x", "'l", "'r", "'v", " 's", "s'"]
SPACES = [" ", "  ", "   ", "          ", "\t", "\t\t", "\n", "\n\n", "\n\n\n", "\r\n", "\r", " \n", "\n ", " \n \n ", "\u00a0",
          "\u3000", "\u2003", "\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\u1680", "\u200b", "\ufeff", "\u200d", "\t \t"]
DIGITS = ["0", "7", "42", "365", "1024", "99999", "123456", "31415926", "1234567890123", "3.14", "1,000,000", "0x1F", "1e-9",
          "٣٤٥", "१२३", "Ⅷ", "½", "²", "①", "𝟘𝟙", "二", "2nd", "v2", "10%"]
PUNCTUATION = ["!", "?", ".", ",", "...", "!!!", "?!", "--", "---", "==", "=>", "->", "::", "//", "/", "\\", "(", ")", "[]", "{}",
               "<", ">", "</", "/>", "&&", "||", "#", "@", "$", "€", "£", "¥", "%", "^", "~", "`", "```", "\"", "_", "__", "*",
               "**", "+", "…", "—", "–", "“", "”", "«", "»", "。", "，", "、", "「", "」", "！", "～", "；", "¿", "¡", "§", "°",
               "/\n", "\n/", "./\r\n"]
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🇺🇸", "🇵🇹🇪🇸", "❤️", "☺", "🏳️‍🌈", "✅", "🦙", "⌚️", "1️⃣", "🤷🏻‍♀️", "\ufe0f",
         "\U0001f3fb", "🚀", "♥", "™", "©"]
MARKS = ["e\u0301", "\u0301", "a\u0308\u0301", "\u0308\u0301\u0327", "\u0327\u0301", "o\u0302\u0301", "\u1112\u1161\u11ab", "\u0e33",
         "\u0939\u093f", "\u0915\u094d\u0937", "\u05e9\u05c1\u05b8", "\u0644\u0651\u064e", "\u212b", "\u2126", "\u1e9b\u0323",
         "\u0958", "\u20dd", "\u0344", "!\u0301", " \u0301", "\n\u0301", "1\u0301", "A\u0301b", "\u304b\u3099", "\uf900",
         "\u0345", "\u093c\u094d"]
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user\n", "<s>", "</s>", "<unk>", "<|end|>", "<|user|>",
            "<|assistant|>", "<|system|>", "<|end|>  \n", "<|im_", "start|>", "<|", "|>", "<0x41>", "<0x0A>", "[INST]", "[/INST]",
            "<|eot_id|>", "\u2581", "\u2581\u2581", "\u2581the", "<|endoftext", "|endoftext|>", "<<s>>", "Ġ", "Ċ", "Ġthe"]
CODE = ["def f(x):\n    return x", "for (int i = 0; i < n; ++i) {\n", "#include <vector>\n", "import numpy as np\n", "a[i][j] += 1;",
        "https://example.com/path?q=1&r=%20", "user@example.org", "if (!ok) {\n\t\treturn;\n\t}\n", "<div class=\"x\">", "\\frac{a}{b}",
        "SELECT * FROM t WHERE id='7';", "    ", "        ", "/* c */", "// c\n", "0b1010", "x->y", "$HOME/.config", "{\"k\": [1, 2]}"]
FRAGMENTS = [WORDS, CONTRACTIONS, SPACES, DIGITS, PUNCTUATION, EMOJI, MARKS, SPECIALS, CODE]
# Ranges by script or kind: letters of several scripts, marks, symbols, other numbers.
SCRIPTS = [[[0x61, 0x7A]], [[0x41, 0x5A], [0x61, 0x7A]], [[0x20, 0x7E]], [[0xA1, 0xFF], [0x100, 0x24F]], [[0x391, 0x3A1], [0x3A3, 0x3C9]],
           [[0x400, 0x4FF]], [[0x5D0, 0x5EA], [0x621, 0x64A]], [[0x904, 0x939], [0x93E, 0x94D], [0x966, 0x96F]],
           [[0xE01, 0xE3A], [0xE40, 0xE4E]], [[0x3041, 0x3096], [0x30A1, 0x30FA]], [[0x4E00, 0x9FA5]], [[0xAC00, 0xD7A3]],
           [[0x300, 0x36F]], [[0x1100, 0x1112], [0x1161, 0x1175], [0x11A8, 0x11C2]], [[0x1F300, 0x1F5FF], [0x1F600, 0x1F64F]],
           [[0x2160, 0x2188], [0x2460, 0x249B], [0x660, 0x669], [0xB2, 0xB3]], [[0x2190, 0x22FF]], [[0x1E00, 0x1EFF]],
           [[0x1C4, 0x1CC], [0x2B0, 0x2B8], [0x10A0, 0x10C5], [0x10D0, 0x10FA]], [[0x1, 0x1F], [0x7F, 0x9F]]]
# [text, times]: what stresses scanners and merges.
FIXED = [["", 1], ["a", 3000], [" ", 3000], ["\n", 1000], [" \n", 700], ["ab", 1500], ["0", 1000], ["é", 500], ["中", 800],
         ["中A", 400], ["\u0301", 400], ["\u0301\u0327", 300], ["'", 500], ["'s", 300], ["Aa", 500], ["A", 1000], ["!", 1000],
         [" a", 800], ["a ", 800], ["\t", 500], ["\u3000", 300], ["👩‍👩‍👧‍👦", 50], ["\u2581", 500], ["<", 500], ["<s>", 60],
         ["<|endoftext|>", 40], ["<|end|> \n", 40], ["/\n", 200], ["1a", 300], ["\r\n", 300], ["x\u00a0", 200]]


class Rng:
    """xoshiro256** seeded by splitmix64, as src/base/rng.h."""

    def __init__(self, seed):
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & MASK
            z = seed
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
            self.state.append(z ^ (z >> 31))

    def next(self):
        s = self.state
        product = (s[1] * 5) & MASK
        result = (((product << 7) | (product >> 57)) * 9) & MASK
        shifted = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = ((s[3] << 45) | (s[3] >> 19)) & MASK
        return result

    def below(self, bound):
        reject_below = ((1 << 64) - bound) % bound
        bits = self.next()
        while bits < reject_below:
            bits = self.next()
        return bits % bound


def same_in_both(point):
    """Whether the library's NFC, whose tables are older than Unicode 12, knows the code point as Python's does."""
    library = normalizers.NFC()
    text = chr(point)
    probes = [text, unicodedata.normalize("NFD", text), text + "\u0334", "\u0345" + text]
    return all(library.normalize_str(probe) == unicodedata.normalize("NFC", probe) for probe in probes)


def assigned_ranges():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit(f"this Python has Unicode {unicodedata.unidata_version}; run it with one that has 14.0.0 (Python 3.11)")
    ranges = []
    for point in range(0x110000):
        if unicodedata.category(chr(point)) in ("Cn", "Cs", "Co") or not same_in_both(point):
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return ranges


def from_ranges(rng, ranges):
    low, high = ranges[rng.below(len(ranges))]
    return chr(low + rng.below(high - low + 1))


def piece(rng, data):
    fragments, scripts = data["fragments"], data["scripts"]
    kind = rng.below(len(fragments) + len(scripts) + 1)
    if kind < len(fragments):
        text = fragments[kind][rng.below(len(fragments[kind]))]
        return text * (1 + rng.below(6)) if rng.below(4) == 0 else text
    ranges = scripts[kind - len(fragments)] if kind < len(fragments) + len(scripts) else data["assigned"]
    return "".join(from_ranges(rng, ranges) for _ in range(1 + rng.below(8)))


def strings(data):
    """The 20,000 texts, in order."""
    rng = Rng(data["seed"])
    out = [text * times for text, times in data["fixed"]]
    while len(out) < data["count"]:
        text = ""
        for _ in range(1 + rng.below(12)):
            if rng.below(3) == 0:
                text += " "
            text += piece(rng, data)
        out.append(text)
    return out


def fnv(values):
    digest = 0xCBF29CE484222325
    for value in values:
        for byte in value.to_bytes(4, "little"):
            digest = ((digest ^ byte) * 0x100000001B3) & MASK
    return digest


def read_gguf(data, name):
    reader = gguf.GGUFReader(data / "tokenizers/gguf" / f"ggml-vocab-{name}.gguf")

    def get(key):
        field = reader.fields.get("tokenizer.ggml." + key)
        return field.contents() if field else None

    return get("tokens"), get("token_type"), get("scores"), get("merges")


CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def case_words(suffix):
    lead = r"[^\r\n\p{L}\p{N}]?"
    return lead + UPPER + "*" + LOWER + "+" + suffix + "|" + lead + UPPER + "+" + LOWER + "*" + suffix


REGEXES = {
    "llama-bpe": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL],
    "qwen2": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL],
    "qwen35": [CONTRACTION + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + TAIL],
    "gpt-4o": [case_words(CONTRACTION + "?") + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL],
    "tekken": [case_words("") + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL],
    "deepseek-v3": [r"\p{N}{1,3}", "[一-龥\u3040-ゟ゠-ヿ]+",
                    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
                    + TAIL],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\uD7FF]+"],
}


def byte_level(data, vocabulary, pre, *, nfc=False, ignore_merges=False, drop_merges=0):
    """A byte-level BPE with the tokens of a GGUF file. drop_merges = n leaves out every n-th merge, so that whole words that
    are tokens cannot be merged from their parts and ignore_merges matters."""
    tokens, types, _, merges = read_gguf(data, vocabulary)
    last = max(i for i, kind in enumerate(types) if kind == 1)
    vocab = {text: i for i, text in enumerate(tokens) if types[i] == 1 or i < last}
    pairs = [tuple(merge.split(" ")) for i, merge in enumerate(merges) if not drop_merges or i % drop_merges]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=pairs, ignore_merges=ignore_merges))
    steps = [pre_tokenizers.Split(Regex(regex), "isolated") for regex in REGEXES.get(pre, [])]
    if pre in ("smollm", "deepseek-coder"):
        steps.append(pre_tokenizers.Digits(individual_digits=True))
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre in ("gpt-2", "smollm", "mpt")))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    if nfc:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    # The library gives added tokens the next free ids, so they are added in the order of theirs.
    for i, text in enumerate(tokens):
        if types[i] in (3, 4) and not text.startswith("[PAD"):
            token = AddedToken(text, special=types[i] == 3, normalized=False)
            tokenizer.add_special_tokens([token]) if types[i] == 3 else tokenizer.add_tokens([token])
            if tokenizer.token_to_id(text) != i:
                sys.exit(f"{vocabulary}: {text!r} has id {tokenizer.token_to_id(text)}, not {i}")
    return tokenizer


def sentencepiece_like(data, vocabulary, structure):
    """BPE with byte fallback over a SentencePiece vocabulary, merges as transformers derives them from the scores."""
    from transformers.convert_slow_tokenizer import generate_merges
    tokens, types, scores, _ = read_gguf(data, vocabulary)
    vocab = {text: i for i, text in enumerate(tokens)}
    kept = {text: scores[i] for i, text in enumerate(tokens) if types[i] == 1}
    normal = {text: i for text, i in vocab.items() if types[i] == 1}
    merges = generate_merges(normal, kept)
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if structure == "legacy":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme=structure, split=False)
    plain = ("<unk>", "<s>", "<|endoftext|>")
    for i, text in enumerate(tokens):
        if types[i] in (2, 3, 4) and not text.startswith("[PAD"):
            rstrip = vocabulary == "phi-3" and text not in plain
            token = AddedToken(text, special=types[i] != 4, normalized=False, rstrip=rstrip)
            tokenizer.add_special_tokens([token]) if types[i] != 4 else tokenizer.add_tokens([token])
    return tokenizer


def from_library(tokenizer):
    """Text i is read without special tokens if i is even, with them if it is odd."""

    def encode(texts):
        ids = [None] * len(texts)
        for parity, as_text in ((0, True), (1, False)):
            tokenizer.encode_special_tokens = as_text
            for i, item in zip(range(parity, len(texts), 2), tokenizer.encode_batch(texts[parity::2], add_special_tokens=False)):
                ids[i] = item.ids
        return ids

    return encode


def families(data):
    def folder(name):
        return Tokenizer.from_file(str(data / "tokenizers" / name / "tokenizer.json"))

    def processor(name):
        return sentencepiece.SentencePieceProcessor(model_file=str(data / "tokenizers/mistral" / name))

    return {
        "gpt-2": lambda: from_library(folder("gpt2")),
        "smollm": lambda: from_library(folder("smollm2")),
        "qwen2": lambda: from_library(byte_level(data, "qwen2", "qwen2", nfc=True)),
        "llama-bpe": lambda: from_library(byte_level(data, "qwen2", "llama-bpe", ignore_merges=True, drop_merges=7)),
        "dbrx": lambda: from_library(byte_level(data, "qwen2", "llama-bpe", drop_merges=7)),
        "gpt-4o": lambda: from_library(byte_level(data, "qwen2", "gpt-4o")),
        "tekken": lambda: from_library(byte_level(data, "qwen2", "tekken", ignore_merges=True, drop_merges=7)),
        "qwen35": lambda: from_library(byte_level(data, "qwen2", "qwen35", nfc=True)),
        "deepseek-v3": lambda: from_library(byte_level(data, "gpt-2", "deepseek-v3")),
        "deepseek-coder": lambda: from_library(byte_level(data, "deepseek-coder", "deepseek-coder")),
        "mpt": lambda: from_library(byte_level(data, "mpt", "mpt", nfc=True)),
        "llama-spm": lambda: from_library(sentencepiece_like(data, "llama-spm", "legacy")),
        "llama-spm-first": lambda: from_library(sentencepiece_like(data, "llama-spm", "first")),
        "phi-3": lambda: from_library(sentencepiece_like(data, "phi-3", "legacy")),
        "mistral-v1": lambda: processor("tokenizer.model.v1").encode,
        "mistral-v3": lambda: processor("mistral_instruct_tokenizer_240323.model.v3").encode,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=pathlib.Path, default=root.parent / "shared/data")
    parser.add_argument("--out", type=pathlib.Path, default=root / "tests/golden")
    parser.add_argument("--only")
    parser.add_argument("--dump", type=pathlib.Path)
    arguments = parser.parse_args()

    data = {"seed": SEED, "count": COUNT, "block": BLOCK, "fragments": FRAGMENTS, "scripts": SCRIPTS, "fixed": FIXED,
            "assigned": assigned_ranges()}
    # json.dumps puts each of the ranges on a line of its own if told to indent; one line per member is readable and small.
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in data.items()]
    (arguments.out / "tokenizer_generator.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    texts = strings(data)
    digests_path = arguments.out / "tokenizer_digests.json"
    old = json.loads(digests_path.read_text()) if digests_path.exists() else {"families": {}}
    result = {} if not arguments.only else old["families"]
    for name, make in families(arguments.data).items():
        if arguments.only and name != arguments.only:
            continue
        ids = make()(texts)
        blocks = [fnv(value for item in ids[i:i + BLOCK] for value in [*item, 0xFFFFFFFF]) for i in range(0, COUNT, BLOCK)]
        result[name] = [f"{block:016x}" for block in blocks]
        print(name, sum(map(len, ids)), "ids", flush=True)
        if arguments.dump:
            arguments.dump.write_text("".join(json.dumps([text, item]) + "\n" for text, item in zip(texts, ids)))
    manifest = {"made_by": "tools/golden/tokenizer_digest.py", "seed": SEED, "count": COUNT, "block": BLOCK,
                "tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__,
                "transformers": transformers.__version__, "unicode": unicodedata.unidata_version,
                "digest": "FNV-1a 64 over each id as 4 little-endian bytes, ffffffff after each text",
                "special_tokens": "parsed in texts of odd index; never by sentencepiece (mistral-*)"}
    lines = [f"{json.dumps(name)}: {json.dumps(blocks, separators=(',', ':'))}" for name, blocks in result.items()]
    digests_path.write_text('{\n"manifest": ' + json.dumps(manifest, indent=1) + ',\n"families": {\n' + ",\n".join(lines) + "\n}\n}\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes seed inputs for the fuzz targets of text's tokenizers: small valid files of each container, and the configuration files
of a folder.

Usage: make_corpus_text.py FOLDER, which gets one folder per target. Python standard library only.
"""
import json
import pathlib
import struct
import sys

MERGES = ["a b", "ab a", "Ġ a"]
VOCABULARY = ["a", "b", "ab", "aba", "Ġ", "Ġa", "<|im_end|>", "Ã", "©"]
TEXT = "ab aba <|im_end|> don't \u00e9 12345\n\n \t!!\u4e2d\u0301".encode()
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def tokenizer_json(pre, normalizer=None, **model):
    return json.dumps({
        "version": "1.0", "normalizer": normalizer, "pre_tokenizer": pre,
        "added_tokens": [{"id": 6, "content": "<|im_end|>", "special": True, "rstrip": True, "lstrip": True, "normalized": True},
                         {"id": 11, "content": "<x>", "special": False, "single_word": True}],
        "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<|im_end|>", "type_id": 0}},
                                                                    {"Sequence": {"id": "A", "type_id": 0}}]},
        "model": {"type": "BPE", "vocab": {text: i for i, text in enumerate(VOCABULARY)}, "merges": MERGES, **model}}).encode()


def sentencepiece_json():
    pieces = ["<unk>", "▁", "a", "b", "ab", "▁a", "▁ab"] + [f"<0x{byte:02X}>" for byte in range(256)]
    normalizer = {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
                                                      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    return json.dumps({"normalizer": normalizer, "added_tokens": [{"id": 0, "content": "<unk>", "special": True}],
                       "model": {"vocab": {text: i for i, text in enumerate(pieces)}, "byte_fallback": True, "unk_token": "<unk>",
                                 "merges": [["▁", "a"], ["a", "b"], ["▁a", "b"]]}}).encode()


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def piece(text, score, kind):
    return field(1, field(1, text.encode()) + varint(2 << 3 | 5) + struct.pack("<f", score) + varint(3 << 3) + varint(kind))


def model():
    pieces = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("▁", -4, 1), ("a", -5, 1), ("b", -6, 1), ("ab", -1, 1), ("▁a", -2, 1),
              ("▁▁", 0, 4), ("<0x41>", 0, 6)]
    trainer = varint(3 << 3) + varint(2) + varint(40 << 3) + varint(0) + varint(41 << 3) + varint(1)
    normalizer = field(1, b"identity") + varint(3 << 3) + varint(1) + varint(4 << 3) + varint(0)
    return b"".join(piece(*item) for item in pieces) + field(2, trainer) + field(3, normalizer)


def gguf(entries):
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    out = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries))
    for key, value in entries.items():
        if isinstance(value, str):
            out += text(key) + struct.pack("<I", 8) + text(value)
        elif isinstance(value, int):
            out += text(key) + struct.pack("<II", 4, value)
        elif isinstance(value[0], str):
            out += text(key) + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        else:
            kind, letter = (6, "f") if isinstance(value[0], float) else (5, "i")
            out += text(key) + struct.pack("<IIQ", 9, kind, len(value)) + struct.pack(f"<{len(value)}{letter}", *value)
    return out + b"\0" * (-len(out) % 32)


def ggufs():
    prefix = "tokenizer.ggml."
    common = {prefix + "bos_token_id": 6, prefix + "eos_token_id": 6}
    yield gguf({prefix + "model": "gpt2", prefix + "pre": "qwen2", prefix + "tokens": VOCABULARY, prefix + "merges": MERGES,
                prefix + "token_type": [1] * 6 + [3, 1, 1], **common})
    pieces = ["<unk>", "▁", "a", "b", "ab", "▁a", "<s>"]
    yield gguf({prefix + "model": "llama", prefix + "tokens": pieces, prefix + "token_type": [2, 1, 1, 1, 1, 1, 3],
                prefix + "scores": [0.0, -4.0, -5.0, -6.0, -1.0, -2.0, 0.0], prefix + "unknown_token_id": 0, **common})


def folders():
    """Behind the byte of the small vocabulary the files, separated by NUL: tokenizer_config.json, special_tokens_map.json,
    config.json, generation_config.json, chat_template.json, chat_template.jinja."""
    def token(text, **flags):
        return {"content": text, "lstrip": False, "rstrip": False, "special": True, **flags}

    config = {"added_tokens_decoder": {"4": token("<s>"), "5": token("<|im_end|>", rstrip=True), "9": token("<x>", special=False, lstrip=True)},
              "bos_token": "<s>", "eos_token": token("<|im_end|>"), "add_bos_token": True, "add_eos_token": False,
              "chat_template": [{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": "t"}]}
    special = {"unk_token": "a", "pad_token": {"content": "b"}, "eos_token": "<s>"}
    model = {"vocab_size": 16, "bos_token_id": 4, "eos_token_id": [5, 4]}
    generation = {"eos_token_id": [5, 99]}
    wrapped = {"chat_template": "{{ wrapped }}"}
    whole = [json.dumps(part).encode() for part in (config, special, model, generation, wrapped)] + [b"{{ jinja }}"]
    # Each id is less than the largest gap behind the one before, but only the first is allowed.
    gaps = {"added_tokens_decoder": {str(50000 * i): token(f"<{i}>") for i in range(1, 4)}}
    for settings in (b"\x00", b"\x01", b"\x08"):
        yield settings + b"\0".join(whole)
        yield settings + json.dumps(gaps).encode()
        yield settings + b"\0\0" + json.dumps({"text_config": {"vocab_size": 300}}).encode()


def seeds():
    regex = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
    yield b"\0" + tokenizer_json(byte_level(True), {"type": "NFC"})
    yield b"\0" + tokenizer_json(sequence({"type": "Digits", "individual_digits": True}, byte_level(True)))
    yield b"\0" + tokenizer_json(sequence(split(regex), byte_level(False)), ignore_merges=True)
    yield b"\0" + sentencepiece_json()
    yield b"\x01" + model()
    for file in ggufs():
        yield b"\x02" + file
    for folder in folders():
        yield b"\x04" + folder
    for settings in range(16):
        yield b"\x03" + bytes([settings, 4, 0x81, 0, 1, 5, 0x8A, 2, 3, 9, 11, 60, 120, 62, 200, 2, 0, 1, settings]) + TEXT


def main():
    folder = pathlib.Path(sys.argv[1]) / "text_tokenizer_fuzz"
    folder.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds()):
        (folder / f"seed-{i:02}").write_bytes(seed)


if __name__ == "__main__":
    main()

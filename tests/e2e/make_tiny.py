#!/usr/bin/env python3
"""Writes tiny random models of the Llama family for tests: a GGUF file with mixed weight types, the same with so many layers that
its memory can be told from the program's (about 65 MB), or a Hugging Face folder.

Usage: make_tiny.py gguf OUT.gguf | make_tiny.py large OUT.gguf | make_tiny.py folder OUT_FOLDER [SEED]
Python standard library only. The weights are random, so the text they make is nonsense; their shapes and files are real.
"""
import json
import pathlib
import random
import struct
import sys

DIM, FFN, HEADS, KV_HEADS, HEAD_DIM, CONTEXT = 256, 256, 2, 1, 32, 512
LARGE_FFN, LARGE_LAYERS = 8192, 16
# GGUF tensor type -> (values per block, bytes per block)
F32, F16, Q4_0, Q8_0, Q4_K, Q6_K, BF16 = 0, 1, 2, 8, 12, 14, 30
BLOCKS = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q8_0: (32, 34), Q4_K: (256, 144), Q6_K: (256, 210), BF16: (1, 2)}
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9


class Gguf:
    """Serialises a GGUF file and remembers where every length, count, type and offset lies (for targeted damage)."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, int, object]] = []
        self.tensors: list[tuple[str, list[int], int, bytes]] = []  # name, shape (outermost first), type, data
        self.fields: list[tuple[int, int]] = []                     # (offset, width) of structural numbers
        self.header_bytes = 0

    def set(self, key: str, kind: int, value: object) -> None:
        self.entries = [entry for entry in self.entries if entry[0] != key] + [(key, kind, value)]

    def to_bytes(self) -> bytes:
        out = bytearray(b"GGUF")
        self.fields = []

        def number(form: str, value) -> None:
            self.fields.append((len(out), struct.calcsize(form)))
            out.extend(struct.pack("<" + form, value))

        def text(value) -> None:
            data = value if isinstance(value, bytes) else value.encode()
            number("Q", len(data))
            out.extend(data)

        def scalar(kind: int, value) -> None:
            if kind == STRING:
                text(value)
            else:
                number({UINT32: "I", INT32: "i", FLOAT32: "f", BOOL: "B"}[kind], value)

        number("I", 3)
        number("Q", len(self.tensors))
        number("Q", len(self.entries))
        for key, kind, value in self.entries:
            text(key)
            if isinstance(value, list):
                number("I", ARRAY)
                number("I", kind)
                number("Q", len(value))
                for item in value:
                    scalar(kind, item)
            else:
                number("I", kind)
                scalar(kind, value)
        offset = 0
        for name, shape, kind, data in self.tensors:
            text(name)
            number("I", len(shape))
            for length in reversed(shape):
                number("Q", length)
            number("I", kind)
            number("Q", offset)
            offset += len(data) + -len(data) % 32
        out.extend(bytes(-len(out) % 32))
        self.header_bytes = len(out)
        for _, _, _, data in self.tensors:
            out.extend(data + bytes(-len(data) % 32))
        return bytes(out)

# Small, but with what templates are made of: a macro, a namespace, filters, tests, tools, a condition.
CHAT_TEMPLATE = (
    "{%- macro say(role, text) -%}<{{ role|upper }}>{{ text|trim }}\n{%- endmacro -%}"
    "{%- set ns = namespace(turns=0) -%}"
    "{%- if tools is defined and tools -%}{{ say('tools', tools|tojson) }}{%- endif -%}"
    "{%- for m in messages -%}"
    "{%- if m.role == 'user' -%}{%- set ns.turns = ns.turns + 1 -%}{%- endif -%}"
    "{{ say(m['role'], m.content ~ '') }}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}<{{ 'a' ~ ns.turns }}>{%- endif -%}")


def random_blocks(rng: random.Random, kind: int, count: int, scale: float) -> bytes:
    """`count` values of a weight type: random codes, and scales that give them about the standard deviation `scale`."""
    elems, _ = BLOCKS[kind]
    assert count % elems == 0
    half = lambda value: struct.pack("<e", value)
    if kind == F32:
        return struct.pack(f"<{count}f", *(rng.gauss(0, scale) for _ in range(count)))
    if kind == F16:
        return struct.pack(f"<{count}e", *(rng.gauss(0, scale) for _ in range(count)))
    if kind == BF16:
        return b"".join(struct.pack("<f", rng.gauss(0, scale))[2:] for _ in range(count))
    out = bytearray()
    for _ in range(count // elems):
        if kind == Q4_0:
            out += half(scale / 4.6) + rng.randbytes(16)
        elif kind == Q8_0:
            out += half(scale / 74) + rng.randbytes(32)
        elif kind == Q4_K:
            out += half(scale / 150) + half(scale / 20) + rng.randbytes(12) + rng.randbytes(128)
        else:
            out += rng.randbytes(128) + rng.randbytes(64) + rng.randbytes(16) + half(scale / 1400)
    return bytes(out)


def sentencepiece_tokens() -> tuple[list[str], list[float], list[int]]:
    """Tokens, scores and types (1 normal, 2 unknown, 3 control, 6 byte) of a small SentencePiece vocabulary."""
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    pieces = ["\u2581", *"etaoinshrdlucmfwypvbgk", "\u2581t", "he", "\u2581the", "in", "er", "hi"]
    tokens += pieces
    kinds += [1] * len(pieces)
    return tokens, [0.0] * 259 + [-float(i) for i in range(len(pieces))], kinds


def tensor_table(vocab: int, ffn: int, layers: int) -> list[tuple[str, list[int], int]]:
    q, kv = HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    table = [("token_embd.weight", [vocab, DIM], Q8_0), ("output_norm.weight", [DIM], F32)]
    for layer in range(layers):
        table += [(f"blk.{layer}.{name}.weight", shape, kind) for name, shape, kind in
                  [("attn_norm", [DIM], F32), ("attn_q", [q, DIM], Q4_K), ("attn_k", [kv, DIM], F32), ("attn_v", [kv, DIM], Q4_0),
                   ("attn_output", [DIM, q], Q8_0), ("ffn_norm", [DIM], F32), ("ffn_gate", [ffn, DIM], Q4_K),
                   ("ffn_up", [ffn, DIM], Q6_K), ("ffn_down", [DIM, ffn], Q4_0)]]
    return table


def make_gguf(seed: int = 1, ffn: int = FFN, layers: int = 1) -> Gguf:
    rng = random.Random(seed)
    tokens, scores, kinds = sentencepiece_tokens()
    file = Gguf()
    file.set("general.architecture", STRING, "llama")
    file.set("general.name", STRING, "tiny random")
    for key, value in [("block_count", layers), ("context_length", CONTEXT), ("embedding_length", DIM),
                       ("feed_forward_length", ffn), ("attention.head_count", HEADS),
                       ("attention.head_count_kv", KV_HEADS), ("attention.key_length", HEAD_DIM),
                       ("attention.value_length", HEAD_DIM), ("rope.dimension_count", HEAD_DIM),
                       ("vocab_size", len(tokens))]:
        file.set("llama." + key, UINT32, value)
    file.set("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5)
    file.set("llama.rope.freq_base", FLOAT32, 10000.0)
    file.set("tokenizer.ggml.model", STRING, "llama")
    file.set("tokenizer.ggml.tokens", STRING, tokens)
    file.set("tokenizer.ggml.scores", FLOAT32, scores)
    file.set("tokenizer.ggml.token_type", INT32, kinds)
    for key, value in [("bos", 1), ("eos", 2), ("unknown", 0)]:
        file.set(f"tokenizer.ggml.{key}_token_id", UINT32, value)
    file.set("tokenizer.ggml.add_bos_token", BOOL, 1)
    file.set("tokenizer.chat_template", STRING, CHAT_TEMPLATE)
    for name, shape, kind in tensor_table(len(tokens), ffn, layers):
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if name.endswith("norm.weight"):
            data = struct.pack(f"<{count}f", *(1 + rng.gauss(0, 0.1) for _ in range(count)))
        else:
            repeats = ffn // FFN if ".ffn_" in name else 1  # of a larger model: random numbers take time
            data = random_blocks(rng, kind, count // repeats, 0.06) * repeats
        file.tensors.append((name, shape, kind, data))
    return file


def byte_level_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in byte order."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    stand_in = {byte: chr(byte) for byte in kept}
    spare = 0
    for byte in range(256):
        if byte not in stand_in:
            stand_in[byte] = chr(256 + spare)
            spare += 1
    return [stand_in[byte] for byte in range(256)]


def tokenizer_json() -> dict:
    vocab = {token: i for i, token in enumerate(byte_level_alphabet())}
    merges = []
    for left, right in [("\u0120", "t"), ("h", "e"), ("\u0120t", "he"), ("i", "n"), ("h", "i")]:
        merges.append(f"{left} {right}")
        vocab[left + right] = len(vocab)
    end = len(vocab)
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = {"id": end, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
             "normalized": False, "special": True}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added], "normalizer": None,
            "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level,
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                      "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "vocab": vocab,
                      "merges": merges}}


def make_folder(seed: int = 1) -> dict[str, bytes]:
    """File name -> content of a Hugging Face model folder, float types only."""
    rng = random.Random(seed)
    tokenizer = tokenizer_json()
    end = tokenizer["added_tokens"][0]["id"]
    dim, ffn, vocab, q, kv = 64, 96, end + 1, HEADS * HEAD_DIM, KV_HEADS * HEAD_DIM
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": dim, "intermediate_size": ffn,
              "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS,
              "head_dim": HEAD_DIM, "max_position_embeddings": CONTEXT, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "rope_scaling": None, "hidden_act": "silu", "vocab_size": vocab, "tie_word_embeddings": False,
              "attention_bias": False, "mlp_bias": False, "bos_token_id": end, "eos_token_id": end,
              "torch_dtype": "bfloat16"}
    layer = "model.layers.0."
    tensors = [("model.embed_tokens.weight", [vocab, dim], "BF16"), ("lm_head.weight", [vocab, dim], "F16"),
               ("model.norm.weight", [dim], "BF16"), (layer + "input_layernorm.weight", [dim], "F32"),
               (layer + "post_attention_layernorm.weight", [dim], "BF16"),
               (layer + "self_attn.q_proj.weight", [q, dim], "F16"), (layer + "self_attn.k_proj.weight", [kv, dim], "F32"),
               (layer + "self_attn.v_proj.weight", [kv, dim], "BF16"),
               (layer + "self_attn.o_proj.weight", [dim, q], "BF16"),
               (layer + "mlp.gate_proj.weight", [ffn, dim], "BF16"), (layer + "mlp.up_proj.weight", [ffn, dim], "F16"),
               (layer + "mlp.down_proj.weight", [dim, ffn], "F32")]
    kinds = {"F32": F32, "F16": F16, "BF16": BF16}
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name, shape, dtype in tensors:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        block = random_blocks(rng, kinds[dtype], count, 0.1)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(block)]}
        data += block
    body = json.dumps(header, separators=(",", ":")).encode()
    body += b" " * (-len(body) % 8)
    settings = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
                "add_bos_token": False, "add_prefix_space": False,
                "added_tokens_decoder": {str(end): {key: value for key, value in tokenizer["added_tokens"][0].items() if key != "id"}},
                "chat_template": CHAT_TEMPLATE}
    generation = {"bos_token_id": end, "eos_token_id": [end], "temperature": 0.7, "top_p": 0.9}
    return {"config.json": json.dumps(config, indent=1).encode(),
            "model.safetensors": struct.pack("<Q", len(body)) + body + bytes(data),
            "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False).encode(),
            "tokenizer_config.json": json.dumps(settings).encode(),
            "generation_config.json": json.dumps(generation).encode()}


def write_folder(folder: pathlib.Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def main() -> int:
    if len(sys.argv) not in (3, 4) or sys.argv[1] not in ("gguf", "large", "folder"):
        print(__doc__, file=sys.stderr)
        return 2
    out = pathlib.Path(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) == 4 else 1
    if sys.argv[1] == "gguf":
        out.write_bytes(make_gguf(seed).to_bytes())
    elif sys.argv[1] == "large":
        out.write_bytes(make_gguf(seed, LARGE_FFN, LARGE_LAYERS).to_bytes())
    else:
        write_folder(out, make_folder(seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())

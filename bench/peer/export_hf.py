#!/usr/bin/env python3
"""Writes a random-weight GGUF file of bench/make_model.py as a Hugging Face folder, for peers that do not read GGUF.

Usage: export_hf.py MODEL.gguf FOLDER     needs: gguf, numpy, safetensors, tokenizers

Weights are decoded to float16, so that a peer's own four-bit quantiser starts from the same model. The tokenizer is a stand-in of the
right size: benchmarks feed token ids.
"""
import json
import pathlib
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

ARCHITECTURES = {"qwen3": ("Qwen3ForCausalLM", "qwen3"), "llama": ("LlamaForCausalLM", "llama")}
NAMES = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
         "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
         "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm", "ffn_gate": "mlp.gate_proj",
         "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
OUTSIDE = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}


def hf_name(name):
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, layer, kind, suffix = name.split(".")
    return f"model.layers.{layer}.{NAMES[kind]}.{suffix}"


def rotated_rows(weights, heads):
    """Undoes the order in which GGUF keeps the q and k rows of this architecture: pairs (i, i + half) instead of (2i, 2i + 1)."""
    rows, cols = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, cols).swapaxes(1, 2).reshape(rows, cols)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    reader = gguf.GGUFReader(sys.argv[1])
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)

    def field(key):
        return reader.fields[key].contents()

    arch = field("general.architecture")
    of = lambda key: field(f"{arch}.{key}")
    tensors = {}
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float16)
        if arch == "llama" and (".attn_q.weight" in tensor.name or ".attn_k.weight" in tensor.name):
            values = rotated_rows(values, of("attention.head_count" if "attn_q" in tensor.name else "attention.head_count_kv"))
        tensors[hf_name(tensor.name)] = np.ascontiguousarray(values)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    class_name, model_type = ARCHITECTURES[arch]
    vocab = of("vocab_size")
    config = {
        "architectures": [class_name], "model_type": model_type, "vocab_size": vocab, "hidden_size": of("embedding_length"),
        "intermediate_size": of("feed_forward_length"), "num_hidden_layers": of("block_count"),
        "num_attention_heads": of("attention.head_count"), "num_key_value_heads": of("attention.head_count_kv"),
        "head_dim": of("attention.key_length"), "max_position_embeddings": of("context_length"),
        "rms_norm_eps": of("attention.layer_norm_rms_epsilon"), "rope_theta": of("rope.freq_base"), "hidden_act": "silu",
        "tie_word_embeddings": "lm_head.weight" not in tensors, "torch_dtype": "float16", "attention_bias": False,
        "bos_token_id": vocab - 2, "eos_token_id": vocab - 1,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    tokenizer = Tokenizer(models.WordLevel({f"t{i}": i for i in range(vocab)}, unk_token="t0"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": f"t{vocab - 2}", "eos_token": f"t{vocab - 1}"}))


if __name__ == "__main__":
    main()

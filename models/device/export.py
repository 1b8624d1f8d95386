#!/usr/bin/env python3
# Writes the trained specialist as a Hugging Face folder and as one GGUF file: Q8_0 matrices, F32 norms, tokenizer,
# chat template and the contract's version in the metadata. Rows of q and k are put in the order that GGUF readers of
# this architecture rotate (adjacent pairs). It trusts train.py's checkpoint and checks nothing: check_export.py does.
"""Exports the specialist.

Usage: export.py --run work/final [--gguf device.gguf] [--hf work/final/hf]
"""

import argparse
import json
import pathlib

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

import contract
import generate

CHAT_TEMPLATE = (
    "{%- for m in messages -%}"
    "{%- if m['role'] == 'system' -%}<|home|>{{ m['content'] }}"
    "{%- elif m['role'] == 'user' -%}<|user|> {{ m['content'] }}<|call|>"
    "{%- else -%}{{ m['content'] }}<|end|>{%- endif -%}"
    "{%- endfor -%}")
NAME = "hearth device specialist"


def load_run(folder):
    """(config dict, state dict of float32 tensors, tokenizer.json as a dict) of a training run."""
    folder = pathlib.Path(folder)
    config = json.loads((folder / "config.json").read_text())
    state = torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
    return config, state, json.loads((folder / "tokenizer.json").read_text())


def token_ids(tokenizer):
    """content -> id of everything, in id order."""
    ids = dict(tokenizer["model"]["vocab"])
    ids.update({t["content"]: t["id"] for t in tokenizer["added_tokens"]})
    return dict(sorted(ids.items(), key=lambda item: item[1]))


def write_hf(folder, config, state, tokenizer):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    ids = token_ids(tokenizer)
    full = dict(config, architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu", tie_word_embeddings=True,
                head_dim=config["hidden_size"] // config["num_attention_heads"], attention_bias=False, mlp_bias=False,
                bos_token_id=ids[contract.HOME], eos_token_id=ids[contract.END], torch_dtype="float32",
                initializer_range=0.02, use_cache=True)
    (folder / "config.json").write_text(json.dumps(full, indent=2) + "\n")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, indent=1) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": contract.HOME, "eos_token": contract.END,
         "add_bos_token": False, "clean_up_tokenization_spaces": False, "chat_template": CHAT_TEMPLATE,
         "model_max_length": config["max_position_embeddings"]}, indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(
        {"do_sample": False, "eos_token_id": ids[contract.END], "max_new_tokens": 64}, indent=2) + "\n")
    save_file({k: v.contiguous() for k, v in state.items()}, str(folder / "model.safetensors"), {"format": "pt"})


def interleave(weight, n_heads):
    """Rows from Hugging Face's order (i, i + half) to adjacent pairs: (heads, 2, half) to (heads, half, 2)."""
    rows, cols = weight.shape
    return weight.reshape(n_heads, 2, rows // n_heads // 2, cols).swapaxes(1, 2).reshape(rows, cols)


LAYER_NAMES = {
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}


def gguf_name(name):
    """model.layers.3.mlp.up_proj.weight -> blk.3.ffn_up.weight."""
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    _, _, index, rest = name.split(".", 3)
    return f"blk.{index}.{LAYER_NAMES[rest.removesuffix('.weight')]}.weight"


def write_tokenizer(writer, tokenizer):
    ids = token_ids(tokenizer)
    control = set(contract.CONTROL)
    added = {t["content"] for t in tokenizer["added_tokens"]}
    types = [gguf.TokenType.CONTROL if t in control else gguf.TokenType.USER_DEFINED if t in added
             else gguf.TokenType.NORMAL for t in ids]
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(list(ids))
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ids[contract.HOME])
    writer.add_eos_token_id(ids[contract.END])
    writer.add_pad_token_id(ids[contract.END])
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def write_gguf(path, config, state, tokenizer):
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_type("model")
    writer.add_name(NAME)
    writer.add_license("apache-2.0")
    writer.add_description("Household commands to JSON tool calls; the contract is in models/device/README.md of hearth")
    writer.add_uint32("hearth.device.contract", generate.BASE["version"])
    writer.add_string("hearth.device.prompt", "<|home|>HOME<|user|> REQUEST<|call|>")
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    write_tokenizer(writer, tokenizer)
    for name, tensor in state.items():
        data = tensor.float().numpy()
        if "q_proj" in name:
            data = interleave(data, config["num_attention_heads"])
        elif "k_proj" in name:
            data = interleave(data, config["num_key_value_heads"])
        if data.ndim == 1:
            writer.add_tensor(gguf_name(name), data.astype(np.float32))
        else:
            packed = gguf.quants.quantize(np.ascontiguousarray(data), gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(gguf_name(name), packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default=str(here / "work"))
    parser.add_argument("--gguf", default=str(here / "device.gguf"))
    parser.add_argument("--hf", help="folder for the Hugging Face form (default: hf in the run's folder)")
    args = parser.parse_args()
    config, state, tokenizer = load_run(args.run)
    write_hf(args.hf or pathlib.Path(args.run) / "hf", config, state, tokenizer)
    write_gguf(args.gguf, config, state, tokenizer)
    print(f"{args.gguf}: {pathlib.Path(args.gguf).stat().st_size} bytes")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# Writes a checkpoint of train.py as a Hugging Face folder; `hearth convert` makes the GGUF of it. Safe while training
# goes on: the checkpoint is replaced as a whole. It checks nothing: check_export.py does.
"""Exports the text model.

Usage: export.py --run work/final --hf work/text-hf
"""

import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import save_file

import corpus


def main():
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default=str(here / "work"))
    parser.add_argument("--hf", help="folder to write (default: hf in the run's folder)")
    args = parser.parse_args()
    run = pathlib.Path(args.run)
    folder = pathlib.Path(args.hf or run / "hf")
    folder.mkdir(parents=True, exist_ok=True)
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    config = json.loads((run / "config.json").read_text())
    full = dict(config, architectures=["LlamaForCausalLM"], model_type="llama", hidden_act="silu",
                tie_word_embeddings=True, head_dim=config["hidden_size"] // config["num_attention_heads"],
                attention_bias=False, mlp_bias=False, bos_token_id=0, eos_token_id=0, torch_dtype="float32")
    (folder / "config.json").write_text(json.dumps(full, indent=2) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": corpus.END, "eos_token": corpus.END,
         "add_bos_token": False, "model_max_length": config["max_position_embeddings"]}, indent=2) + "\n")
    shutil.copyfile(run / "tokenizer.json", folder / "tokenizer.json")
    save_file({k: v.contiguous() for k, v in state["model"].items()}, str(folder / "model.safetensors"), {"format": "pt"})
    curve = state["curve"]
    print(f"{folder}: step {state['step']}, {state['seconds'] / 60:.0f} minutes of training"
          + (f", held-out loss {curve[-1][1]}" if curve else ""))


if __name__ == "__main__":
    main()

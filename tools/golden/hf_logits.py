#!/usr/bin/env python3
"""Makes tests/golden/models: tiny random models saved by Hugging Face transformers, and the logits it computes with them.

    pip install -r tools/golden/requirements.txt
    python tools/golden/hf_logits.py [NAME...]

Each case is a folder as people download them (config.json, model.safetensors) and one golden-*.safetensors per prompt:
  ids    int32 (tokens)           the prompt
  logits float32 (tokens, vocab)  computed in float64 throughout, then rounded
  error  float64 (1)              largest |float32 - float64| over all logits, the worst of transformers' own float32 paths
                                  (eager and fused attention, one prefill and token by token)
  context int32 (1)               context to open the session with
A correct float32 implementation differs from `logits` by as much as transformers' float32 does, up to the order of its sums:
tests allow 4 * error. Weights, norms and biases are random and far from their usual values, so that a tensor that is left out,
swapped or scaled wrongly moves logits by much more than that. Everything is seeded; manifest.json records versions and SHA-256.
"""
import contextlib
import hashlib
import json
import math
import pathlib
import sys
import zlib

import numpy
import safetensors
import safetensors.numpy
import torch
import transformers
from transformers import AutoModelForCausalLM

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "models"
SEED = 20261123
VOCAB = 96
MAX_BYTES = 300_000

# Sizes differ between the axes wherever the architecture lets them, so that a transposition or a swap cannot pass.
COMMON = dict(vocab_size=VOCAB, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=64)


def spread(low: float, high: float, n: int) -> list[float]:
    return [round(low * (high / low) ** (j / (n - 1)), 4) for j in range(n)]


# name -> (class, configuration, [(prompt length, context)], stored type, "old" = write config.json as transformers 4 did)
CASES = {
    "llama3-rope": ("Llama", dict(hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=6,
                                  num_key_value_heads=2, rms_norm_eps=1e-5,
                                  rope_parameters=dict(LLAMA3_ROPE, rope_theta=5000.0)),
                    [(100, 256)], torch.bfloat16, "old"),
    "llama-biased": ("Llama", dict(hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=3,
                                   num_key_value_heads=3, head_dim=24, attention_bias=True, mlp_bias=True,
                                   rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
                     [(40, 256)], torch.float32, "new"),
    "smollm2-tied": ("Llama", dict(hidden_size=48, intermediate_size=128, num_hidden_layers=3, num_attention_heads=3,
                                   num_key_value_heads=1, tie_word_embeddings=True,
                                   rope_parameters=dict(rope_type="default", rope_theta=100000.0)),
                     [(100, 256)], torch.bfloat16, "old"),
    "mistral-window": ("Mistral", dict(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                                       num_key_value_heads=2, head_dim=16, sliding_window=24,
                                       rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
                       [(150, 256)], torch.bfloat16, "old"),
    "qwen2": ("Qwen2", dict(hidden_size=48, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                            num_key_value_heads=2, tie_word_embeddings=True,
                            rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
              [(100, 256)], torch.float16, "old"),
    "qwen2-yarn-window": ("Qwen2", dict(hidden_size=32, intermediate_size=64, num_hidden_layers=4, num_attention_heads=2,
                                        num_key_value_heads=1, use_sliding_window=True, sliding_window=20,
                                        max_window_layers=2,
                                        rope_parameters=dict(rope_type="yarn", rope_theta=10000.0, factor=4.0,
                                                             original_max_position_embeddings=32)),
                          [(100, 128)], torch.bfloat16, "new"),
    "qwen3": ("Qwen3", dict(hidden_size=40, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                            num_key_value_heads=2, head_dim=16,
                            rope_parameters=dict(rope_type="default", rope_theta=1000000.0)),
              [(100, 256)], torch.bfloat16, "old"),
    "gemma3": ("Gemma3Text", dict(hidden_size=40, intermediate_size=72, num_hidden_layers=8, num_attention_heads=2,
                                  num_key_value_heads=1, head_dim=16, sliding_window=24, query_pre_attn_scalar=24,
                                  rope_parameters=dict(
                                      sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                                      full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0))),
               [(150, 256)], torch.bfloat16, "old"),
    "gemma3-softcap": ("Gemma3Text", dict(hidden_size=32, intermediate_size=48, num_hidden_layers=3,
                                          num_attention_heads=4, num_key_value_heads=2, head_dim=8, sliding_window=16,
                                          query_pre_attn_scalar=8, attn_logit_softcapping=5.0,
                                          final_logit_softcapping=3.0,
                                          layer_types=["full_attention", "sliding_attention", "full_attention"]),
                       [(70, 256)], torch.float32, "new"),
    "phi3": ("Phi3", dict(hidden_size=48, intermediate_size=80, num_hidden_layers=3, num_attention_heads=4,
                          num_key_value_heads=4, sliding_window=40,
                          rope_parameters=dict(rope_type="default", rope_theta=10000.0)),
             [(100, 256)], torch.bfloat16, "old"),
    "phi4-mini-longrope": ("Phi3", dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
                                        num_key_value_heads=2, tie_word_embeddings=True,
                                        original_max_position_embeddings=64,
                                        rope_parameters=dict(rope_type="longrope", rope_theta=10000.0,
                                                             partial_rotary_factor=0.75,
                                                             short_factor=spread(1.0, 1.5, 6),
                                                             long_factor=spread(1.0, 20.0, 6))),
                           [(60, 64), (100, 256)], torch.bfloat16, "old"),
    "smollm3": ("SmolLM3", dict(hidden_size=48, intermediate_size=96, num_hidden_layers=5, num_attention_heads=4,
                                num_key_value_heads=1, no_rope_layer_interval=4,
                                rope_parameters=dict(rope_type="default", rope_theta=50000.0)),
                [(100, 256)], torch.bfloat16, "new"),
}


@contextlib.contextmanager
def float64_throughout():
    """transformers casts norms, softmax and rotation angles to torch.float32 by name; here that name means float64."""
    kept = torch.float32, torch.float, torch.Tensor.float, torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.float32 = torch.float = torch.float64
    torch.Tensor.float = torch.Tensor.double
    try:
        yield
    finally:
        torch.float32, torch.float, torch.Tensor.float = kept[:3]
        torch.set_default_dtype(kept[3])


def randomise(model: torch.nn.Module, generator: torch.Generator) -> None:
    """Every parameter random; matrices keep the size of what passes through them, attention is far from uniform."""
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            centre = 0.0 if "gemma" in model.config.model_type else 1.0
            value = centre + 0.3 * noise
        elif parameter.dim() == 1:
            value = 0.5 * noise
        elif "embed" in name:
            value = noise if "gemma" not in model.config.model_type else noise / math.sqrt(parameter.shape[1])
        else:
            value = 1.3 * noise / math.sqrt(parameter.shape[1])
        parameter.data.copy_(value)


def old_style(config: dict) -> dict:
    """config.json as transformers 4 wrote it, which is what most published folders hold."""
    rope = config.pop("rope_parameters")
    local = None
    if "full_attention" in rope:
        local = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
        config["sliding_window_pattern"] = 6
        config.pop("layer_types", None)
    config["rope_theta"] = rope.pop("rope_theta")
    if local is not None:
        config["rope_local_base_freq"] = local
    if "partial_rotary_factor" in rope:
        config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    if rope.get("rope_type", "default") == "default":
        rope = None
    elif rope["rope_type"] == "longrope":
        config["original_max_position_embeddings"] = rope.pop("original_max_position_embeddings")
        rope.pop("factor", None)
        rope["type"] = rope.pop("rope_type")
    config["rope_scaling"] = rope
    config["torch_dtype"] = config.pop("dtype", None)
    return config


def load(folder: pathlib.Path, dtype: torch.dtype, attention: str = "eager") -> torch.nn.Module:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation=attention)
    return model.eval()


@torch.no_grad()
def prefill(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    return model(ids[None], use_cache=False).logits[0]


@torch.no_grad()
def stepwise(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    cache, rows = None, []
    for position in range(len(ids)):
        out = model(ids[None, position:position + 1], past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        rows.append(out.logits[0, 0])
    return torch.stack(rows)


def write_prompt(folder: pathlib.Path, length: int, context: int, generator: torch.Generator) -> dict:
    ids = torch.randint(3, VOCAB, (length,), generator=generator)
    model = load(folder, torch.float64)
    with float64_throughout():
        rotary = model.model.rotary_emb
        model.model.rotary_emb = type(rotary)(model.config)  # its frequencies were computed in float32
        exact = prefill(model, ids)
    assert exact.dtype == torch.float64
    model = load(folder, torch.float32)
    # transformers switches longrope's factors while a sequence grows, which no cache survives: only whole prefills there.
    grows_past = getattr(model.config, "original_max_position_embeddings", None) or context
    tries = [prefill(model, ids), prefill(load(folder, torch.float32, "sdpa"), ids)]
    if length <= grows_past:
        tries.append(stepwise(model, ids))
    error = max((t.double() - exact).abs().max().item() for t in tries)
    path = folder / f"golden-{length}.safetensors"
    safetensors.numpy.save_file({
        "ids": ids.numpy().astype(numpy.int32),
        "logits": exact.numpy().astype(numpy.float32),
        "error": numpy.array([error]),
        "context": numpy.array([context], dtype=numpy.int32),
    }, path)
    return {"prompt": length, "context": context, "float32_error": error, "logit_std": exact.std().item()}


def make(name: str) -> dict:
    family, kwargs, prompts, dtype, style = CASES[name]
    generator = torch.Generator().manual_seed(SEED + zlib.crc32(name.encode()))
    stem = family.removesuffix("Text")
    config = getattr(transformers, f"{family}Config")(**{**COMMON, **kwargs})
    model = getattr(transformers, f"{stem}ForCausalLM")(config)
    randomise(model, generator)
    folder = OUT / name
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.iterdir():
        stale.unlink()
    model.to(dtype).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    saved = json.loads((folder / "config.json").read_text())
    if style == "old":
        (folder / "config.json").write_text(json.dumps(old_style(saved), indent=2) + "\n")
    report = [write_prompt(folder, length, context, generator) for length, context in prompts]
    for path in folder.iterdir():
        path.chmod(0o644)
        assert path.stat().st_size <= MAX_BYTES, (path, path.stat().st_size)
    return {"prompts": report, "sha256": {p.name: hashlib.sha256(p.read_bytes()).hexdigest()
                                          for p in sorted(folder.iterdir())}}


def main() -> None:
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    manifest_path = OUT / "manifest.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {"cases": {}}
    manifest.update(script="tools/golden/hf_logits.py", seed=SEED, licence="Apache-2.0 (random weights)",
                    versions={"torch": torch.__version__, "transformers": transformers.__version__,
                              "safetensors": safetensors.__version__, "numpy": numpy.__version__})
    for name in sys.argv[1:] or CASES:
        manifest["cases"][name] = make(name)
        print(name, json.dumps(manifest["cases"][name]["prompts"]))
    manifest["cases"] = dict(sorted(manifest["cases"].items()))
    manifest_path.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()

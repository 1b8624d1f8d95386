#!/usr/bin/env python3
"""Measures openvino-genai on a GGUF file, which it reads itself: one JSON request in, one JSON object out.

Usage: openvino_peer.py '{"mode": "speed", "model": "x.gguf", "threads": 2, "prompt": 512, "gen": 64}'

Only from an empty context: its pipeline does not tell a fill from a prompt. Prefill is its own time to the first token, decode its own
time per output token. Needs openvino-genai and numpy.
"""
import json
import resource
import sys
import time

import numpy as np
import openvino
import openvino_genai


def generate(pipeline, prompt, count, seed):
    """Metrics of one run over token ids that share no prefix with another seed's."""
    ids = np.array([[256 + (i + seed * 1009) * 7919 % 30000 for i in range(prompt)]], dtype=np.int64)
    config = openvino_genai.GenerationConfig()
    config.max_new_tokens = config.min_new_tokens = count
    config.ignore_eos = True
    inputs = openvino_genai.TokenizedInputs(openvino.Tensor(ids), openvino.Tensor(np.ones_like(ids)))
    return pipeline.generate(inputs, config).perf_metrics


def main():
    if len(sys.argv) != 2 or not sys.argv[1].startswith("{"):
        sys.exit(__doc__)
    request = json.loads(sys.argv[1])
    start = time.perf_counter()
    pipeline = openvino_genai.LLMPipeline(request["model"], "CPU", INFERENCE_NUM_THREADS=request["threads"])
    load = time.perf_counter() - start
    generate(pipeline, 32, 2, 1)  # warm up
    metrics = generate(pipeline, request["prompt"], request["gen"] + 1, 2)
    print(json.dumps({
        "engine": f"openvino-genai {openvino_genai.__version__.split('-')[0]}", "load_s": load,
        "prefill_tokens_per_s": 1000 * request["prompt"] / metrics.get_ttft().mean,
        "decode_tokens_per_s": 1000 / metrics.get_tpot().mean,
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    main()

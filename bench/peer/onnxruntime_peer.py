#!/usr/bin/env python3
"""Measures onnxruntime-genai on a folder that its model builder wrote: one JSON request in, one JSON object out.

Usage: onnxruntime_peer.py '{"mode": "speed", "model": "FOLDER", "threads": 2, "prompt": 512, "gen": 64}'
       onnxruntime_peer.py '{"mode": "convert", "model": "x.gguf", "out": "FOLDER"}'

It reads no GGUF: "convert" writes the file as a Hugging Face folder (export_hf.py) and builds four-bit weights of blocks of 32 with int8
activations from that, as near to Q4_0 as it has. Needs onnxruntime-genai and, to convert, torch, transformers, onnx, onnx_ir and what
export_hf.py needs.
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def convert(request):
    out = pathlib.Path(request["out"])
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        subprocess.run([sys.executable, str(HERE / "export_hf.py"), request["model"], f"{folder}/hf"], check=True)
        subprocess.run([sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", f"{folder}/hf", "-o", f"{folder}/onnx", "-p", "int4",
                        "-e", "cpu", "--extra_options", "int4_block_size=32", "int4_accuracy_level=4"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | {"HF_HUB_OFFLINE": "1"})
        os.rename(f"{folder}/onnx", out)
    return {}


def generate(runtime, model, prompt, count, seed):
    """Seconds for the prompt and for so many tokens after the first."""
    params = runtime.GeneratorParams(model)
    params.set_search_options(max_length=prompt + count + 8, min_length=prompt + count + 8, do_sample=False)
    generator = runtime.Generator(model, params)
    start = time.perf_counter()
    generator.append_tokens([256 + (i + seed * 1009) * 7919 % 30000 for i in range(prompt)])
    generator.generate_next_token()
    first = time.perf_counter()
    for _ in range(count):
        generator.generate_next_token()
    return first - start, time.perf_counter() - first


def speed(request):
    import onnxruntime_genai as runtime
    start = time.perf_counter()
    config = runtime.Config(request["model"])
    config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": request["threads"]}}}}))
    model = runtime.Model(config)
    load = time.perf_counter() - start
    generate(runtime, model, 32, 2, 1)  # warm up
    prefill, decode = generate(runtime, model, request["prompt"], request["gen"], 2)
    return {"engine": f"onnxruntime-genai {runtime.__version__}", "load_s": load, "prefill_tokens_per_s": request["prompt"] / prefill,
            "decode_tokens_per_s": request["gen"] / decode,
            "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    if len(sys.argv) != 2 or not sys.argv[1].startswith("{"):
        sys.exit(__doc__)
    request = json.loads(sys.argv[1])
    print(json.dumps(convert(request) if request["mode"] == "convert" else speed(request)))


if __name__ == "__main__":
    main()

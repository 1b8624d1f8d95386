#!/usr/bin/env python3
"""Compares hearth with llama.cpp on the same random-weight files, interleaved, and writes a Markdown table.

Usage: run.py [--hearth build/release/hearth] [--models qwen3-0.6b:Q4_K_M,qwen3-0.6b:Q8_0] [--rounds 5] [--threads 2]
              [--prompt 512] [--gen 64] [--depth 0] [--work build/bench] [--out docs/benchmarks.md] [--cpu-variant haswell]

Each round runs one side and then the other, so that a machine that drifts drifts for both; the table gives medians and the
median of the per-round ratios. Needs Node with bench/peer's packages installed (bench/run.sh does that); without them only
hearth is measured and the table says so.
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
KEYS = ("prefill_tokens_per_s", "decode_tokens_per_s")


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hearth", default="build/release/hearth")
    p.add_argument("--models", default="qwen3-0.6b:Q4_K_M,qwen3-0.6b:Q8_0,qwen3-0.6b:Q4_0,llama3.2-1b:Q4_K_M,smollm2-135m:Q8_0")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--prompt", type=int, default=512)
    p.add_argument("--gen", type=int, default=64)
    p.add_argument("--depth", type=int, default=0)
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench"))
    p.add_argument("--out", type=pathlib.Path, default=None)
    p.add_argument("--cpu-variant", default="", help="hold llama.cpp to this build of its CPU library (e.g. haswell: AVX2)")
    return p.parse_args()


def last_json(text):
    for line in reversed(text.strip().splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise ValueError("no JSON object on stdout")


def run(command, what):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"run.py: {what} failed with status {done.returncode}: {done.stderr.strip()[-400:]}")
    try:
        return last_json(done.stdout)
    except ValueError:
        return json.loads(done.stdout)


def hearth_once(args, model):
    return run([args.hearth, "bench", str(model), "--prompt", str(args.prompt), "--gen", str(args.gen), "--depth",
                str(args.depth), "--threads", str(args.threads), "--repeat", "1", "--json"], "hearth bench")


def peer_folder(args):
    """bench/peer, or a copy whose prebuilt package holds only the wanted CPU library."""
    folder = HERE / "peer"
    if not (folder / "node_modules" / "node-llama-cpp").is_dir() or not shutil.which("node"):
        return None
    if not args.cpu_variant:
        return folder
    copy = (args.work / f"peer-{args.cpu_variant}").resolve()
    if not copy.is_dir():
        shutil.copytree(folder, copy, symlinks=True)
        for library in copy.rglob("libggml-cpu-*.so"):
            if library.stem != f"libggml-cpu-{args.cpu_variant}":
                library.unlink()
    return copy


def peer_once(args, folder, model):
    numbers = [args.prompt, args.gen, args.depth, args.threads, 1]
    return run(["node", str(folder / "llama_cpp.mjs"), str(model.resolve()), *map(str, numbers)], "llama.cpp")


def measure(args, folder, shape, kind):
    model = args.work / f"{shape}-{kind}.gguf"
    if not model.exists():
        subprocess.run([sys.executable, str(HERE / "make_model.py"), shape, kind, str(model)], check=True)
    ours, theirs = [], []
    for number in range(args.rounds):
        ours.append(hearth_once(args, model))
        line = f"{model.stem} round {number + 1}: hearth {ours[-1][KEYS[0]]:.1f} / {ours[-1][KEYS[1]]:.1f}"
        if folder:
            theirs.append(peer_once(args, folder, model))
            line += f", llama.cpp {theirs[-1][KEYS[0]]:.1f} / {theirs[-1][KEYS[1]]:.1f} tok/s (prefill / decode)"
        print(f"{line}; load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return ours, theirs


def row(shape, kind, ours, theirs):
    cells = [shape, kind]
    for key in KEYS:
        mine = [r[key] for r in ours]
        cells.append(f"{statistics.median(mine):.1f}")
        if theirs:
            other = [r[key] for r in theirs]
            ratio = statistics.median(m / o for m, o in zip(mine, other))
            cells += [f"{statistics.median(other):.1f}", f"{ratio:.2f}"]
        else:
            cells += ["–", "–"]
    memory = [f"{statistics.median(r['peak_rss_bytes'] for r in side) / 2**20:.0f}" if side else "–" for side in (ours, theirs)]
    return "| " + " | ".join(cells + memory) + " |"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def main():
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    folder = peer_folder(args)
    if not folder:
        print("run.py: bench/peer has no node_modules (run bench/run.sh); measuring hearth alone", file=sys.stderr)
    rows, engine, system = [], "", ""
    for spec in args.models.split(","):
        shape, kind = spec.split(":")
        ours, theirs = measure(args, folder, shape, kind)
        rows.append(row(shape, kind, ours, theirs))
        if theirs:
            engine, system = theirs[0]["engine"], theirs[0]["system"]
    lines = [
        f"Processor: {processor()}; {args.threads} threads; prompt {args.prompt}, generated {args.gen} at depth {args.depth}; "
        f"{args.rounds} interleaved rounds, medians, ratio = median of the rounds' ratios; random weights of the real shapes.",
        "", f"Peer: {engine}. {system}" if engine else "Peer: not installed.", "",
        "| shape | type | prefill tok/s | llama.cpp | ratio | decode tok/s | llama.cpp | ratio | peak MiB | llama.cpp |",
        "|---|---|---|---|---|---|---|---|---|---|", *rows,
    ]
    table = "\n".join(lines) + "\n"
    print(table)
    if args.out:
        begin, end = "<!-- bench/run.py begin -->", "<!-- bench/run.py end -->"
        text = args.out.read_text(encoding="utf-8") if args.out.exists() else f"# Benchmarks\n\n{begin}\n{end}\n"
        if begin not in text:
            text += f"\n{begin}\n{end}\n"
        head, rest = text.split(begin, 1)
        tail = rest.split(end, 1)[1]
        args.out.write_text(f"{head}{begin}\n{table}{end}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()

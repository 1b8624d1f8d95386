#!/usr/bin/env python3
"""Measures hearth and its peers on the same random-weight files of real shapes, interleaved, and keeps every result as JSON.

Usage: run.py [--quick | --suite speed,depth,...] [--models qwen3-0.6b:Q4_K_M,...] [--rounds N] [--isa avx2|native] [--estimate]
              [--peer-libraries FOLDER] [--peer-python PYTHON] [--report-only] [--out docs/benchmarks.md]

Suites:
  speed       prefill of 512 and decode of 64 tokens from an empty context, all shapes and types
  depth       the same with 2,048 and 8,192 tokens in the context (the peer's 8,192 with the smallest model only: it takes minutes),
              hearth alone with 32,768, and how fast the context was filled
  batch       eight sequences decoded together against one
  threads     one thread, two, and two while another process keeps one core busy; all held to two cores
  first_token from the start of a process, with a warm file cache, to the first token after a prompt of 16
  memory      peak resident memory with a context of 2,048
  quantize    float16 to Q4_K_M
  fit         a 14B model: what doctor predicts, whether it runs (once; 9 GB of disk)
  specialist  the model in the box, and a four-bit form of it
  peers       openvino-genai and onnxruntime-genai where --peer-python has them

Without --suite all of them run; --estimate says how long that takes. --quick runs a few models of some suites twice, in some minutes:
a look at a change, not numbers to publish; its results lie apart (WORK/results-quick) and are printed only.

Each round runs one side and then the other in fresh processes, so that a machine that drifts drifts for both. A case's results lie under
WORK/results/ISA and replace the ones of before; --report-only makes the tables and plots from what lies there. --isa avx2 holds both
sides to AVX2, native lets each choose (the suite peers always does). Without a peer only hearth is measured, and the tables say so.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import time

import make_model
import report
import sides

HERE = pathlib.Path(__file__).resolve().parent
TYPES = ("Q4_K_M", "Q4_0", "Q6_K", "Q8_0")
SMALLEST = "qwen3-0.6b"
MODELS = {
    "speed": [*(f"{SMALLEST}:{kind}" for kind in (*TYPES, "Q5_K_M", "IQ4_XS")),
              *(f"{shape}:{kind}" for shape in ("llama3.2-1b", "smollm2-135m", "qwen3-4b") for kind in TYPES)],
    "depth": [f"{SMALLEST}:Q4_K_M", f"{SMALLEST}:Q4_0", "llama3.2-1b:Q4_K_M", "smollm2-135m:Q8_0", "qwen3-4b:Q4_K_M"],
    "batch": [f"{SMALLEST}:Q4_K_M", f"{SMALLEST}:Q4_0"],
    "threads": [f"{SMALLEST}:Q4_K_M", "smollm2-135m:Q8_0"],
    "first_token": ["llama3.2-1b:Q4_K_M"],
    "memory": ["llama3.2-1b:Q4_K_M"],
    "quantize": [f"{SMALLEST}:F16"],
    "fit": ["qwen3-14b:Q4_K_M"],
    "specialist": ["device:as shipped", "device:Q4_0"],
    "peers": [f"{SMALLEST}:Q4_0", f"{SMALLEST}:Q4_K_M", "llama3.2-1b:Q4_0"],
}
QUICK = {"speed": [f"{SMALLEST}:Q4_K_M", f"{SMALLEST}:Q4_0", "smollm2-135m:Q8_0"], "depth": [f"{SMALLEST}:Q4_K_M"], "batch": [f"{SMALLEST}:Q4_K_M"],
         "threads": ["smollm2-135m:Q8_0"], "specialist": ["device:as shipped"]}
ROUNDS = {"speed": 5, "depth": 3, "batch": 5, "threads": 5, "first_token": 7, "memory": 3, "quantize": 3, "fit": 2, "specialist": 5, "peers": 3}
REMOVED_BYTES = 2 << 30  # model files above this are removed once measured: together they would fill a small disk
LARGE = "qwen3-4b"  # takes most of the time: fewer rounds
# For estimates only, two threads: matrix operations per second, weight bytes per second, and seconds per token and earlier token of one
# layer and query head of 64 dimensions.
ASSUMED = {"hearth": (330e9, 24e9, 0.1e-9), "llama.cpp": (110e9, 13e9, 6e-9)}


@dataclasses.dataclass
class Case:
    """What one file of results holds: one request to several sides, round after round."""
    suite: str
    shape: str
    kind: str
    request: dict
    sides: list
    rounds: int
    label: str = ""  # part of the file's name where a model is measured in several ways
    isa: str = "native"

    @property
    def name(self):
        return "-".join(part for part in (self.suite, self.shape, self.kind.replace(" ", "_"), self.label) if part)


def arguments(given=None):
    """`given`: instead of the command line's."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--hearth", default="build/release/hearth")
    p.add_argument("--hearth-flags", default="", help="more options for `hearth bench`, e.g. '--kv f16'")
    p.add_argument("--suite", default="all", help="comma-separated, or 'all'")
    p.add_argument("--quick", action="store_true", help="a look in some minutes: few suites, small models, two rounds, depth 2,048")
    p.add_argument("--models", default="", help="SHAPE:TYPE,... instead of the suite's own")
    p.add_argument("--depths", default="2048,8192,32768", help="of the depth suite")
    p.add_argument("--rounds", type=int, default=0, help="instead of the suite's own")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--prompt", type=int, default=512)
    p.add_argument("--gen", type=int, default=64)
    p.add_argument("--isa", choices=("avx2", "native"), default="avx2")
    p.add_argument("--work", type=pathlib.Path, default=pathlib.Path("build/bench"))
    p.add_argument("--out", type=pathlib.Path, default=None, help="Markdown file whose marked blocks are rewritten")
    p.add_argument("--peer-libraries", default="", help="folder of llama.cpp's shared libraries instead of the npm package's")
    p.add_argument("--peer-python", default="python3", help="a Python that has the other peers")
    p.add_argument("--estimate", action="store_true", help="say how long it would take and stop")
    p.add_argument("--report-only", action="store_true")
    args = p.parse_args(given)
    args.suites = list(MODELS) if args.suite == "all" else args.suite.split(",")
    args.results = args.work / ("results-quick" if args.quick else "results")
    for suite in args.suites:
        if suite not in MODELS:
            p.error(f"no suite {suite}; there are {', '.join(MODELS)}")
    if args.quick:
        args.suites = [suite for suite in args.suites if suite in QUICK]
        args.rounds, args.depths, args.out = args.rounds or 2, "2048", None
        if not args.suites:
            p.error(f"--quick has no form of suite {args.suite}; it has {', '.join(QUICK)}")
    return args


def cases_of(suite, args, hearth, peer, others=()):
    both = [side for side in (hearth, peer) if side]
    rounds = args.rounds or ROUNDS[suite]
    speed = {"mode": "speed", "threads": args.threads, "prompt": args.prompt, "gen": args.gen, "depth": 0}
    for spec in args.models.split(",") if args.models else (QUICK if args.quick else MODELS)[suite]:
        shape, kind = spec.split(":")
        times = rounds if args.rounds or shape != LARGE else min(rounds, 3)
        one = lambda request, who=both, label="", times=times: Case(suite, shape, kind, request, who, times, label, args.isa)
        if suite == "speed":
            yield one(speed | {"profile": True})
        elif suite == "depth":
            for depth in map(int, args.depths.split(",")):
                if shape not in make_model.SHAPES or depth >= make_model.SHAPES[shape]["context"]:
                    continue
                with_peer = depth <= 2048 or depth <= 8192 and shape == SMALLEST and kind == "Q4_K_M"
                if depth > 8192 and shape != SMALLEST or depth > 2048 and shape == LARGE:
                    continue
                yield one(speed | {"depth": depth, "gen": min(args.gen, 32), "profile": True}, both if with_peer else [hearth], str(depth),
                          times if depth <= 8192 else 1)
        elif suite == "batch":
            yield one(speed | {"prompt": 0, "sequences": 8})
        elif suite == "threads":
            variants = [sides.Variant(side, threads, taken) for threads, taken in ((1, False), (2, False), (2, True)) for side in both]
            yield one(speed | {"prompt": 64, "threads": 2}, variants)
        elif suite == "first_token":
            yield one({"mode": "first_token", "threads": args.threads, "prompt": 16})
        elif suite == "memory":
            yield one(speed | {"gen": 32, "depth": 2048 - args.prompt - 64, "ctx": 2048})
        elif suite == "quantize":
            yield one({"mode": "quantize", "threads": args.threads, "type": "Q4_K_M"})
        elif suite == "fit":
            yield one(speed | {"prompt": 128, "gen": 16}, [hearth])
        elif suite == "specialist":
            yield one(speed | {"prompt": 64, "gen": 256, "repeat": 5}, [hearth])
        elif suite == "peers":
            yield one(speed, [hearth, *([peer] if peer else []), *others])


def matrix_weights(shape):
    s = make_model.SHAPES[shape]
    q, kv = s["heads"] * s["head"], s["kv_heads"] * s["head"]
    return s["layers"] * s["dim"] * (2 * q + 2 * kv + 3 * s["ffn"])


def estimate(case, side, work):
    """Seconds of one round of one side, roughly."""
    if case.shape not in make_model.SHAPES:
        return 3
    path = model_path(case.shape, case.kind, work)
    s, weights = make_model.SHAPES[case.shape], matrix_weights(case.shape)
    size = path.stat().st_size if path.exists() else (weights + s["vocab"] * s["dim"]) * (2 if case.kind == "F16" else 0.6)
    gops, bytes_s, attention = ASSUMED.get(side.name.split(",")[0], ASSUMED["llama.cpp"])
    start = 1 + size / 0.7e9
    if case.request["mode"] == "first_token":
        return start
    if case.request["mode"] == "quantize":
        return (weights + s["vocab"] * s["dim"]) * (30e-9 if side.name == "hearth" else 60e-9)
    prompt, gen, depth = (case.request[key] for key in ("prompt", "gen", "depth"))
    attend = attention * s["layers"] * s["heads"] * s["head"] / 64
    fill = depth * (2 * weights / gops + attend * depth / 2)
    prefill = prompt * (2 * weights / gops + attend * depth)
    steps = gen * (3 if case.request.get("sequences", 1) > 1 else 1) * (2 if case.request.get("profile") and side.name == "hearth" else 1)
    return start + fill + prefill + steps * (size / bytes_s + attend * depth)


def model_path(shape, kind, work):
    return work / f"{shape}-{kind}.gguf"


def prepared_model(case, work):
    """The file to measure, made where it is missing; of the sides the first is hearth."""
    if case.shape == "device":
        shipped = HERE.parent / "models" / "device" / "device.gguf"
        if case.kind == "as shipped":
            return shipped
        path = work / f"device-{case.kind}.gguf"
        if not path.exists():
            case.sides[0].start("convert", shipped, path, "--type", case.kind.lower())
        return path
    path = model_path(case.shape, case.kind, work)
    if not path.exists():
        tell(f"making {path.name}")
        subprocess.run([sys.executable, str(HERE / "make_model.py"), case.shape, case.kind, str(path)], check=True)
    return path


def request_for(side, case, model, work):
    request = case.request | {"model": str(model.resolve())}
    if side.name == "onnxruntime-genai":
        folder = work / f"{case.shape}-{case.kind}-onnx"
        if not folder.exists():
            tell(f"converting {model.name} for {side.name}")
            side.measure({"mode": "convert", "model": request["model"], "out": str(folder.resolve())})
        request["model"] = str(folder.resolve())
    if request["mode"] == "quantize":
        out = work / f"quantized-{side.name}.gguf"
        out.unlink(missing_ok=True)
        request["out"] = str(out.resolve())
    return request


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def tell(text, passing=False):
    """A line on stderr; one that is soon out of date only where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="" if passing else "\n", file=sys.stderr, flush=True)
    elif not passing:
        print(text, file=sys.stderr, flush=True)


def measure(case, args, where):
    """Runs the rounds; what failed is left out and told. The file is written after each round, so that a stop loses one."""
    minutes = case.rounds * sum(estimate(case, side, args.work) for side in case.sides) / 60
    tell(f"{where} {case.name}: {case.rounds} rounds of {', '.join(side.name for side in case.sides)}; about {minutes:.1f} minutes")
    model = prepared_model(case, args.work)
    result = {"suite": case.suite, "shape": case.shape, "type": case.kind, "label": case.label, "request": case.request, "isa": case.isa,
              "processor": processor(), "commit": subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty"], capture_output=True,
                                                                 text=True, check=False).stdout.strip(),
              "model_bytes": model.stat().st_size, "rounds": [], "failed": {}}
    if case.suite == "fit":
        result["doctor"] = case.sides[0].doctor()
    path = args.results / case.isa / f"{case.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    warm = case.request["mode"] == "first_token"  # the first start packs weights and fills the file cache: not a round
    for number in range(-1 if warm else 0, case.rounds):
        answers, line = {}, []
        for side in case.sides:
            if side.name in result["failed"]:
                continue
            tell(f"{where} {case.name} round {max(number + 1, 0)} of {case.rounds}: measuring {side.name}", passing=True)
            try:
                answers[side.name] = side.measure(request_for(side, case, model, args.work))
                line.append(f"{side.name} {report.short(answers[side.name])}")
            except sides.Failed as error:
                result["failed"][side.name] = str(error)
                tell(f"{where} {case.name}: {side.name} is left out: {error}")
        if number >= 0:
            result["rounds"].append({"load_average": os.getloadavg()[0], "sides": answers})
            tell(f"{where} {case.name} round {number + 1} of {case.rounds}: {'; '.join(line)}; load average {os.getloadavg()[0]:.1f}")
        part = path.with_suffix(".part")
        part.write_text(json.dumps(result, indent=1), encoding="utf-8")
        part.replace(path)
    if result["model_bytes"] > REMOVED_BYTES:
        tell(f"removing {model.name} and its packed copy")
        model.unlink()
        shutil.rmtree(args.work / "home", ignore_errors=True)


def main():
    args = arguments()
    args.results.mkdir(parents=True, exist_ok=True)
    if not args.report_only:
        cases, peer = [], None
        for suite in args.suites:
            here = argparse.Namespace(**vars(args) | ({"isa": "native"} if suite == "peers" else {}))  # not all can be held to AVX2
            hearth = sides.Hearth(args.hearth, args.work, here.isa, args.hearth_flags.split())
            peer = sides.llama_cpp(args.peer_libraries, here.isa)
            others = sides.other_peers(args.peer_python) if suite == "peers" else []
            if suite == "peers" and len(others) < 2:
                print(f"run.py: {args.peer_python} lacks openvino-genai or onnxruntime-genai; left out", file=sys.stderr)
            cases += cases_of(suite, here, hearth, peer, others)
        if not peer:
            print("run.py: bench/peer has no node_modules (bench/run.sh installs them); measuring hearth without llama.cpp", file=sys.stderr)
        for suite in args.suites:
            seconds = sum(case.rounds * estimate(case, side, args.work) for case in cases if case.suite == suite for side in case.sides)
            print(f"{suite}: {sum(case.suite == suite for case in cases)} cases, about {seconds / 60:.1f} minutes", file=sys.stderr)
        if args.estimate:
            return
        start = time.time()
        for number, case in enumerate(cases, 1):
            measure(case, args, f"[{number} of {len(cases)}]")
        print(f"measured in {(time.time() - start) / 60:.1f} minutes", file=sys.stderr)
    text = report.update(args.results, args.out)
    if not args.out:
        print(text)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("run.py: stopped; finished rounds are kept")

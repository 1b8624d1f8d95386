#!/usr/bin/env python3
# What quantisation, activation rounding and KV formats cost, in perplexity and in KL divergence from the float32 model,
# measured by the built binary alone. It computes nothing itself and knows no formats but by their names.
"""Tables of quality: every weight type plain, with an importance matrix and with error feedback; KV formats; activations.

Usage: quality.py --model NAME=FILE --text HELD_OUT.txt [--text ...] --calibration TRAINING.txt [--out docs/benchmarks.md]

FILE is the model in float32 or float16 (GGUF or a Hugging Face folder). The texts must be unseen by the model; the calibration
text must not be among them. The tables stand in --out between "<!-- bench/quality.py NAME begin -->" and its end, or are printed.
"""
import argparse
import hashlib
import json
import math
import os
import pathlib
import subprocess
import tempfile

TYPES = "q8_0,q6_k,q5_k_m,q4_k_m,q4_k_s,q4_0,q3_k_m,iq4_nl,iq4_xs,mxfp4"
PLAIN, IMPORTANCE, FEEDBACK = "plain", "importance matrix", "error feedback"


def inputs_key(args, model):
    """Tells runs apart whose files must not be mixed: by the binary, the model, the calibration text and how much of it is read."""
    key = hashlib.sha256(f"{args.chunks} {args.parse_special}\n".encode())
    for root in filter(None, (args.hearth, model, args.calibration)):
        root = pathlib.Path(root).resolve()
        for path in sorted(root.iterdir()) if root.is_dir() else [root]:
            state = path.stat()
            key.update(f"{path} {state.st_size} {state.st_mtime_ns}\n".encode())
    return key.hexdigest()[:12]


class Bench:
    def __init__(self, args, name, model):
        self.args, self.name, self.model = args, name, model
        self.special = ["--parse-special"] if args.parse_special else []
        self.work = pathlib.Path(args.work) / f"{name}-{inputs_key(args, model)}"
        self.work.mkdir(parents=True, exist_ok=True)

    def hearth(self, *arguments):
        environment = os.environ | {"HEARTH_NO_CHECK": "1", "HEARTH_HOME": str(self.work / "home")}
        if self.args.verbose:
            print("hearth", *arguments, flush=True)
        result = subprocess.run([self.args.hearth, *map(str, arguments)], capture_output=True, text=True, env=environment)
        if result.returncode != 0:
            raise SystemExit(f"hearth {' '.join(map(str, arguments))}\n{result.stderr.strip()}")
        return result.stdout

    def measure(self, model, *options):
        """Figures over all texts: sums weighted by the tokens scored, the largest of the 99.9 % quantiles."""
        tokens, loss, kld, same, tail = 0, 0.0, 0.0, 0.0, 0.0
        for text in self.args.text:
            limit = ["--tokens", self.args.tokens] if self.args.tokens else []
            context = ["--ctx", self.args.ctx] if self.args.ctx else []
            got = json.loads(self.hearth("perplexity", model, text, "--base", self.model, "--json", *limit, *context, *self.special, *options))
            n = got["scored"]
            tokens, loss = tokens + n, loss + n * math.log(got["ppl"])
            kld, same, tail = kld + n * got["kld_mean"], same + n * got["top1_agreement"], max(tail, got["kld_p999"])
        return {"ppl": math.exp(loss / tokens), "kld": kld / tokens, "p999": tail, "same": same / tokens, "tokens": tokens}

    def quantised(self, kind, how, imatrix):
        out = self.work / f"{kind}-{how.split()[0]}.gguf"
        if not out.exists():
            options = {PLAIN: [], IMPORTANCE: ["--imatrix", imatrix],
                       FEEDBACK: ["--calibrate", self.args.calibration, "--chunks", self.args.chunks, *self.special]}[how]
            part = out.with_suffix(".part")
            self.hearth("quantize", self.model, part, "--type", kind, "--force", *options)
            part.rename(out)
        return out

    def imatrix(self):
        out = self.work / "imatrix.gguf"
        if not out.exists():
            self.hearth("imatrix", self.model, self.args.calibration, "-o", out, "--chunks", self.args.chunks, *self.special)
        return out

    def weights_table(self):
        """Weight types, computed in float32, so that only the weights differ from the base."""
        base = self.measure(self.model, "--reference", "--kv", "f32")
        yield f"Weights alone (`--reference --kv f32`), {base['tokens']} tokens; the float32 model has PPL {base['ppl']:.3f}."
        yield ""
        ways = [PLAIN] + ([IMPORTANCE] if not self.args.no_imatrix else []) + ([FEEDBACK] if not self.args.no_feedback else [])
        yield "| type | MB | " + " | ".join(f"{w}: PPL | KL mean | KL 99.9% | top-1" for w in ways) + " |"
        yield "|---" * (2 + 4 * len(ways)) + "|"
        imatrix = self.imatrix() if IMPORTANCE in ways else None
        for kind in self.args.types.split(","):
            cells = []
            for way in ways:
                file = self.quantised(kind, way, imatrix)
                if not cells:
                    cells.append(f"{file.stat().st_size / 1e6:.2f}")
                r = self.measure(file, "--reference", "--kv", "f32")
                cells += [f"{r['ppl']:.3f}", f"{r['kld']:.5f}", f"{r['p999']:.4f}", f"{100 * r['same']:.2f}%"]
            yield f"| {kind} | " + " | ".join(cells) + " |"

    def numerics_table(self):
        """The fast path and the KV formats against float32 on the same weights."""
        yield "Activations and KV cache, each against float32 arithmetic on the same file:"
        yield ""
        yield "| file | what differs | KL mean | KL 99.9% | top-1 |"
        yield "|---|---|---|---|---|"
        rows = [("int8 activations", ["--kv", "f32"])]
        rows += [(f"KV {kv}", ["--reference", "--kv", kv]) for kv in self.args.kv.split(",") if kv]
        rows += [("int8 activations, KV as loaded", [])]
        files = [("float32", self.model)] + [(t, self.quantised(t, PLAIN, None)) for t in self.args.numerics.split(",") if t]
        saved = self.model
        for label, file in files:
            self.model = file  # the base is the same file in float32
            for what, options in rows:
                if label == "float32" and "activations" in what:
                    continue  # computed in float32 anyway
                r = self.measure(file, *options)
                yield f"| {label} | {what} | {r['kld']:.6f} | {r['p999']:.5f} | {100 * r['same']:.2f}% |"
        self.model = saved

    def tables(self):
        lines = [f"### {self.name}", ""] + list(self.weights_table()) + [""] + list(self.numerics_table())
        return "\n".join(lines) + "\n"


def put(path, name, text):
    """Replaces what stands between the markers of `name`, or appends it."""
    begin, end = f"<!-- bench/quality.py {name} begin -->\n", f"<!-- bench/quality.py {name} end -->\n"
    old = path.read_text() if path.exists() else ""
    if begin in old and end in old:
        head, rest = old.split(begin, 1)
        tail = rest.split(end, 1)[1]
    else:
        head, tail = old + ("\n" if old else ""), ""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(head + begin + text + end + tail)
    part.rename(path)


def main():
    root = pathlib.Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearth", default=str(root / "build/release/hearth"))
    parser.add_argument("--model", required=True, help="NAME=FILE")
    parser.add_argument("--text", action="append", required=True)
    parser.add_argument("--calibration")
    parser.add_argument("--types", default=TYPES)
    parser.add_argument("--numerics", default="q8_0,q4_k_m,q4_0", help="types whose fast path is compared with float32")
    parser.add_argument("--kv", default="f16,int8")
    parser.add_argument("--tokens", type=int, default=0, help="of each text; default: all")
    parser.add_argument("--ctx", type=int, default=0)
    parser.add_argument("--parse-special", action="store_true", help="the texts hold control tokens")
    parser.add_argument("--chunks", type=int, default=64, help="of 512 tokens, for the importance matrix and error feedback")
    parser.add_argument("--no-imatrix", action="store_true")
    parser.add_argument("--no-feedback", action="store_true")
    parser.add_argument("--work", default=str(pathlib.Path(tempfile.gettempdir()) / "hearth-quality"), 
                        help="kept between runs: one folder for each binary, model and calibration text")
    parser.add_argument("--out", help="a Markdown file")
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    name, _, model = args.model.partition("=")
    if not model:
        parser.error("--model takes NAME=FILE")
    if not args.calibration and not (args.no_imatrix and args.no_feedback):
        parser.error("--calibration is needed, or --no-imatrix and --no-feedback")
    text = Bench(args, name, model).tables()
    if args.out:
        put(pathlib.Path(args.out), name, text)
    print(text)


if __name__ == "__main__":
    main()

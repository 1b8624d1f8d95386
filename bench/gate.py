#!/usr/bin/env python3
"""Fails when this tree is more than a tenth slower than the revision it branched from, on the same machine at the same time.

Usage: gate.py [--base REF] [--models qwen3-0.6b:Q4_K_M,smollm2-135m:Q8_0] [--rounds 7] [--threads 2] [--allow 0.10]

The base (default: the merge base with main; where that is this commit, the commit before it, or this commit itself when there are
changes not yet committed) is built in a git worktree under build/gate. Rounds alternate between the two binaries, each first in every
other round; what is compared are medians, by `hearth bench --compare`. Exit status 1: slower, or something that the base measures is
missing; 2: could not be measured or compared.
"""
import argparse
import pathlib
import subprocess
import sys

import sides

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent


def output(*command):
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def base_revision(asked):
    if asked:
        return output("git", "rev-parse", "--verify", f"{asked}^{{commit}}")
    head = output("git", "rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        if subprocess.run(["git", "rev-parse", "-q", "--verify", main], cwd=ROOT, capture_output=True, check=False).returncode == 0:
            base = output("git", "merge-base", "HEAD", main)
            if base != head:
                return base
            break
    return head if output("git", "status", "--porcelain", "-uno") else output("git", "rev-parse", "HEAD^")


def build(folder):
    subprocess.run(["cmake", "--preset", "release"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", "release", "--target", "hearth"], cwd=folder, check=True, stdout=sys.stderr)
    return folder / "build" / "release" / "hearth"


def base_tree(revision):
    folder = ROOT / "build" / "gate" / "base"
    if folder.exists():
        subprocess.run(["git", "-C", str(folder), "checkout", "-q", "--detach", revision], check=True)
    else:
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(folder), revision], cwd=ROOT, check=True)
    return folder


def race(binaries, model, rounds, threads, folder):
    """Files of results, a run per line, of binaries {"base": ..., "new": ...} on one model."""
    results = {name: folder / f"{name}-{model.stem}.jsonl" for name in binaries}
    for path in results.values():
        path.unlink(missing_ok=True)
    for number in range(rounds):
        for name in sorted(binaries, reverse=number % 2 == 1):
            line = ""
            for depth in (0, 1024):
                out, _, _ = sides.run([binaries[name], "bench", model, "--prompt", 256, "--gen", 32, "--depth", depth, "--repeat", 1, "--threads",
                                       threads, "--json"], {"HEARTH_HOME": str(folder / f"home-{name}"), "HEARTH_NO_CHECK": "1"})
                line += out
            with results[name].open("a", encoding="utf-8") as file:
                file.write(line)
        print(f"{model.stem}: round {number + 1} of {rounds}", file=sys.stderr)
    return results["base"], results["new"]


def verdict(judge, base, new, allow):
    """Whether `new` is fast enough, with the table on stdout."""
    done = subprocess.run([str(judge), "bench", "--compare", str(base), str(new), "--fail-below", str(1 - allow)], check=False,
                          stdout=subprocess.PIPE, text=True)
    print(done.stdout, end="", flush=True)
    if done.returncode not in (0, 1) or not done.stdout:  # without a table nothing was compared: that is no verdict
        sys.exit(2)
    return done.returncode == 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--base", default="")
    p.add_argument("--models", default="qwen3-0.6b:Q4_K_M,smollm2-135m:Q8_0")
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--allow", type=float, default=0.10)
    args = p.parse_args()
    revision = base_revision(args.base)
    print(f"base: {output('git', 'log', '-1', '--format=%h %s', revision)}", file=sys.stderr)
    folder = ROOT / "build" / "gate"
    folder.mkdir(parents=True, exist_ok=True)
    binaries = {"new": build(ROOT), "base": build(base_tree(revision))}
    fast_enough = True
    for spec in args.models.split(","):
        shape, kind = spec.split(":")
        model = ROOT / "build" / "bench" / f"{shape}-{kind}.gguf"
        if not model.exists():
            model.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable, str(HERE / "make_model.py"), shape, kind, str(model)], check=True)
        print(f"{shape} {kind}, base against this tree", flush=True)
        fast_enough &= verdict(binaries["new"], *race(binaries, model, args.rounds, args.threads, folder), args.allow)
    sys.exit(0 if fast_enough else 1)


if __name__ == "__main__":
    try:
        main()
    except (sides.Failed, subprocess.CalledProcessError) as error:
        print(f"gate.py: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit("gate.py: stopped")

#!/usr/bin/env python3
# Measures the specialist as it ships: every request goes through the hearth binary, with its quantised weights, tokenizer and
# check. Exact match on the generator's splits, and on foreign requests (CLINC150 validation and SLURP devel, never used in
# training or tuning) how well it tells its own business from all other. Standard library only.
"""Evaluates the specialist inside a hearth binary.

Usage: evaluate.py --hearth build/release/hearth [--intents FOLDER] [--homes 60] [--json FILE]

FOLDER holds clinc150/{val,oos_val}.jsonl and slurp/devel.jsonl.
"""

import argparse
import collections
import itertools
import json
import math
import pathlib
import subprocess
import tempfile

import contract
import generate

# Which foreign intents are this household's business, decided from the intents' names before any result was seen.
# INSIDE can be answered from the default catalogue without a device's name, or with one that it has in most cases.
# EITHER names devices that the default catalogue may or may not have, so both answers can be right: reported apart.
# Everything else must be escalated. A request INSIDE with a schedule or a condition is rightly escalated by the
# contract ("turn off the lights at ten"), but counts as a false escalation here all the same.
CLINC_INSIDE = {"timer", "change_volume", "next_song", "play_music"}
CLINC_EITHER = {"smart_home"}
SLURP_INSIDE = {"audio_volume_up", "audio_volume_down", "audio_volume_mute", "audio_volume_other", "play_music", "play_radio",
                "play_podcasts", "play_audiobook", "iot_hue_lighton", "iot_hue_lightoff", "iot_hue_lightup",
                "iot_hue_lightdim", "iot_hue_lightchange", "iot_cleaning", "iot_coffee"}
SLURP_EITHER = {"iot_wemo_on", "iot_wemo_off"}


def wilson(right, count):
    """95 % interval of a share, in percent."""
    if not count:
        return (0.0, 100.0)
    z, p = 1.96, right / count
    middle, half = p + z * z / (2 * count), z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count))
    return tuple(round(100 * (middle + s * half) / (1 + z * z / count), 1) for s in (-1, 1))


def share(right, count):
    return {"percent": round(100 * right / max(count, 1), 1), "right": right, "of": count, "wilson95": wilson(right, count)}


def to_toml(catalogue):
    """A catalogue as TOML; strings of names hold no character that JSON and TOML write differently."""
    def table(name, entry):
        nested = {k: v for k, v in entry.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        lines = [f"[[{name}]]"] + [f"{k} = {json.dumps(v)}" for k, v in entry.items() if k not in nested]
        return "\n".join(lines + [table(f"{name}.{k}", e) for k, v in nested.items() for e in v])

    head = f"version = {catalogue['version']}\nrooms = {json.dumps(catalogue['rooms'])}\n"
    return head + "\n".join(table(name, entry) for name in ("kind", "device", "tool") for entry in catalogue[name]) + "\n"


def answers(hearth, catalogue, requests):
    """The binary's answers to requests about one household, in one process: a chat with the specialist, a line each."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "home.toml"
        path.write_text(to_toml(catalogue))
        lines = "".join(f" {contract.normalise(r)}\n" for r in requests)  # the space: no line is a chat command
        done = subprocess.run([hearth, "chat", "--catalogue", path], input=lines, capture_output=True, text=True, check=True)
    out = done.stdout.splitlines()
    if len(out) != len(requests):
        raise RuntimeError(f"{len(requests)} requests, {len(out)} answers: {done.stderr.strip()[:300]}")
    return out


def exact(hearth, split, homes, per_home=8, seed=990001):
    """Exact match over homes * per_home requests of a split, with what was wrong by tool."""
    right, wrong, tools = 0, collections.Counter(), collections.Counter()
    for catalogue, examples in itertools.islice(generate.stream(seed, split, per_home), homes):
        for example, answer in zip(examples, answers(hearth, catalogue, [e["request"] for e in examples])):
            name = "several" if len(example["calls"]) > 1 else example["calls"][0].get("reason", example["calls"][0]["tool"])
            tools[name] += 1
            hit = answer == contract.answer_text(example["calls"], catalogue)
            right += hit
            wrong[name] += not hit
    return dict(share(right, sum(tools.values())), wrong={t: f"{wrong[t]} of {tools[t]}" for t in sorted(tools)})


def foreign(hearth, rows, inside, either):
    """Escalation counts over (request, intent) rows against the default catalogue."""
    rows = [(text, intent) for text, intent in rows if contract.normalise(text)]
    counts = collections.Counter()
    by_intent = collections.defaultdict(collections.Counter)
    for (_, intent), answer in zip(rows, answers(hearth, generate.BASE, [text for text, _ in rows])):
        escalated = answer.startswith('{"tool":"escalate"')
        counts["invalid"] += '"invalid"' in answer
        counts["inside" if intent in inside else "either" if intent in either else "outside", escalated] += 1
        by_intent[intent][escalated] += 1
    caught, missed, false = counts["outside", True], counts["outside", False], counts["inside", True]
    return {
        "out_of_scope_escalated (recall)": share(caught, caught + missed),
        "precision": share(caught, caught + false),
        "false_escalation": share(false, false + counts["inside", False]),
        "either_escalated": share(counts["either", True], counts["either", True] + counts["either", False]),
        "failed the check, so escalated": share(counts["invalid"], len(rows)),
        "worst_outside": [f"{i}: {c[False]} of {sum(c.values())} let through" for i, c in sorted(
            ((i, c) for i, c in by_intent.items() if i not in inside | either), key=lambda x: -x[1][False])[:12] if c[False]],
        "inside_by_intent": {i: f"{c[True]} of {sum(c.values())} escalated" for i, c in sorted(by_intent.items()) if i in inside},
    }


def read_rows(folder):
    folder = pathlib.Path(folder)

    def lines(name):
        with open(folder / name, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    clinc = [(r["text"], r["intent"]) for name in ("clinc150/val.jsonl", "clinc150/oos_val.jsonl") for r in lines(name)]
    slurp = [(r["sentence"], f"{r['scenario']}_{r['action']}" if not r["intent"].startswith(r["scenario"]) else r["intent"])
             for r in lines("slurp/devel.jsonl")]
    return clinc, slurp


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearth", required=True, help="the binary, with the model to be measured inside")
    parser.add_argument("--intents", help="folder with clinc150/ and slurp/; left out, only the generated splits are measured")
    parser.add_argument("--homes", type=int, default=60, help="households a generated split, 8 requests each")
    parser.add_argument("--json", help="also write the results here")
    args = parser.parse_args()
    results = {}
    for split in generate.SPLITS:
        results[split] = exact(args.hearth, split, args.homes)
        print(split, json.dumps(results[split]), flush=True)
    if args.intents:
        clinc, slurp = read_rows(args.intents)
        for name, rows, inside, either in (("clinc150", clinc, CLINC_INSIDE, CLINC_EITHER), ("slurp", slurp, SLURP_INSIDE, SLURP_EITHER)):
            results[name] = foreign(args.hearth, rows, inside, either)
            print(name, json.dumps(results[name], indent=1), flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

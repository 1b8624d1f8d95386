#!/usr/bin/env python3
# Measures the specialist: exact match on the generator's splits, and on foreign requests (CLINC150 validation and SLURP
# devel, never used in training or tuning) how well it tells its own business from all other. Greedy answers are really
# generated and checked against the catalogue there, as a host would; what fails the check counts as escalated.
"""Evaluates a training run of the specialist.

Usage: evaluate.py --run work/final [--intents FOLDER] [--homes 120] [--json FILE]

FOLDER holds clinc150/{val,oos_val}.jsonl and slurp/devel.jsonl.
"""

import argparse
import collections
import json
import math
import pathlib

import torch

import contract
import evaluate_packed
import export
import generate
import vocabulary
from model import Config, Llama

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


def expanded(raw, catalogue):
    """The JSON answer, or None where the model pointed at nothing."""
    try:
        return contract.expand(raw, catalogue)
    except ValueError:
        return None


@torch.no_grad()
def answers(model, encoder, catalogue, requests, limit=64, batch=64):
    """Greedy answers (JSON; None without an end or with a wrong pointer) to requests that share one household."""
    prefix = torch.tensor([encoder.prefix(catalogue)])
    n = prefix.shape[1]
    caches = [[] for _ in model.model.layers]
    model(prefix, torch.arange(n)[None], torch.full((n, n), float("-inf")).triu(1)[None, None], caches)
    groups = collections.defaultdict(list)
    for i, request in enumerate(requests):
        groups[len(encoder.request(contract.normalise(request)))].append(i)
    out = [None] * len(requests)
    for length, members in sorted(groups.items()):
        for at in range(0, len(members), batch):
            chunk = members[at:at + batch]
            mine = [[t.expand(len(chunk), -1, -1, -1) for t in layer] for layer in caches]
            ids = torch.tensor([encoder.request(contract.normalise(requests[i])) for i in chunk])
            mask = torch.cat((torch.zeros(length, n), torch.full((length, length), float("-inf")).triu(1)), 1)[None, None]
            position, made, open_rows = n, [[] for _ in chunk], set(range(len(chunk)))
            while open_rows and len(made[0]) < limit:
                logits = model(ids, torch.arange(position, position + ids.shape[1]).expand(len(chunk), -1), mask, mine)
                position += ids.shape[1]
                ids = logits[:, -1:].argmax(-1)
                mask = torch.zeros(1, 1, 1, position + 1)
                for row, token in enumerate(ids[:, 0].tolist()):
                    made[row].append(token)
                    if token == encoder.end:
                        open_rows.discard(row)
            for row, i in enumerate(chunk):
                if row not in open_rows:
                    out[i] = expanded(encoder.decode(made[row][:made[row].index(encoder.end)]), catalogue)
    return out


def foreign(model, encoder, rows, inside, either):
    """Escalation counts over (request, intent) rows against the default catalogue."""
    made = answers(model, encoder, generate.BASE, [text for text, _ in rows])
    counts = collections.Counter()
    by_intent = collections.defaultdict(collections.Counter)
    for (text, intent), answer in zip(rows, made):
        error = "no answer" if answer is None else contract.validate(answer, generate.BASE, text)
        escalated = error is not None or answer.startswith('{"tool":"escalate"')
        counts["invalid"] += error is not None
        group = "inside" if intent in inside else "either" if intent in either else "outside"
        counts[group, escalated] += 1
        by_intent[intent][escalated] += 1
    caught, missed = counts["outside", True], counts["outside", False]
    false = counts["inside", True]
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
    here = pathlib.Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", default=str(here / "work"))
    parser.add_argument("--intents", help="folder with clinc150/ and slurp/; left out, only the generated splits are measured")
    parser.add_argument("--homes", type=int, default=120, help="households a generated split, 8 requests each")
    parser.add_argument("--json", help="also write the results here")
    args = parser.parse_args()
    config, state, _ = export.load_run(args.run)
    model = Llama(Config(**config))
    model.load_state_dict(state)
    encoder = vocabulary.Encoder(vocabulary.Tokenizer.from_file(str(pathlib.Path(args.run) / "tokenizer.json")))
    results = {}
    for split in generate.SPLITS:
        right, count, wrong, tools, _ = evaluate_packed.exact(model, encoder, split, args.homes)
        results[split] = dict(share(right, count), wrong={t: f"{wrong[t]} of {tools[t]}" for t in sorted(tools)})
        print(split, json.dumps(results[split]), flush=True)
    if args.intents:
        clinc, slurp = read_rows(args.intents)
        for name, rows, inside, either in (("clinc150", clinc, CLINC_INSIDE, CLINC_EITHER), ("slurp", slurp, SLURP_INSIDE, SLURP_EITHER)):
            results[name] = foreign(model, encoder, rows, inside, either)
            print(name, json.dumps(results[name], indent=1), flush=True)
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()

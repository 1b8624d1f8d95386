"""Tables and plots from the JSON that bench/run.py keeps. Ratios are ratios of medians over the rounds of one interleaved run.

update(RESULTS, MARKDOWN) rewrites the blocks between `<!-- bench NAME begin -->` and `<!-- bench NAME end -->` in the Markdown file
(adding those it lacks at its end), the plots beside it, and returns the text of all blocks. Measures nothing.
"""
import json
import statistics

import plot

PEER = "llama.cpp"
ISAS = {"avx2": "both sides held to AVX2", "native": "each side with the best instructions it finds"}
SHORT = (("prefill_tokens_per_s", "prefill"), ("decode_tokens_per_s", "decode"), ("fill_tokens_per_s", "fill"), ("batch_tokens_per_s", "batch"),
         ("first_token_s", "first token s"), ("quantize_s", "quantize s"))


def short(answer):
    return ", ".join(f"{label} {answer[key]:.2f}" for key, label in SHORT if answer.get(key))


def load(folder):
    """Results of one ISA by suite, in a steady order."""
    suites = {}
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        suites.setdefault(result["suite"], []).append(result)
    order = ["qwen3-0.6b", "llama3.2-1b", "smollm2-135m", "qwen3-4b", "qwen3-14b", "device"]
    kinds = ["Q4_K_M", "Q4_0", "Q5_K_M", "Q6_K", "Q8_0", "IQ4_XS"]
    rank = lambda items, item: items.index(item) if item in items else len(items)
    for results in suites.values():
        results.sort(key=lambda r: (rank(order, r["shape"]), rank(kinds, r["type"]), r["request"].get("depth", 0)))
    return suites


def values(result, side, key):
    return [answer[key] for answer in (r["sides"].get(side, {}) for r in result["rounds"]) if answer.get(key) is not None]


def median(result, side, key):
    found = values(result, side, key)
    return statistics.median(found) if found else None


def ratio(result, key, side=PEER):
    ours, theirs = median(result, "hearth", key), median(result, side, key)
    return ours / theirs if ours and theirs else None


def cell(value, digits=1, scale=1.0, unit=""):
    return "–" if value is None else f"{value * scale:,.{digits}f}{unit}"


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows)]) + "\n"


def pair(result, key, digits=1, scale=1.0):
    """Ours, theirs, ratio."""
    return [cell(median(result, "hearth", key), digits, scale), cell(median(result, PEER, key), digits, scale), cell(ratio(result, key), 2)]


def noise(results, key):
    """The largest median distance from the median, of all cases and sides, as a share."""
    worst = 0.0
    for result in results:
        for side in ("hearth", PEER):
            found = values(result, side, key)
            if len(found) > 1:
                middle = statistics.median(found)
                worst = max(worst, statistics.median(abs(v - middle) for v in found) / middle)
    return worst


def speed_table(results):
    head = ["shape", "type", "prefill tok/s", PEER, "ratio", "of int8 peak", "decode tok/s", PEER, "ratio", "of read bandwidth", "peak MiB", PEER]
    rows = []
    for r in results:
        share = lambda key: cell(median(r, "hearth", key), 0, 100, "%")
        rows.append([r["shape"], r["type"], *pair(r, "prefill_tokens_per_s"), share("prefill_int8_peak_share"), *pair(r, "decode_tokens_per_s"),
                     share("decode_bandwidth_share"), *pair(r, "peak_rss_bytes", 0, 2**-20)[:2]])
    return table(head, rows) + f"\nNoise (the worst case's median distance from the median): prefill {noise(results, 'prefill_tokens_per_s'):.1%}, " \
                               f"decode {noise(results, 'decode_tokens_per_s'):.1%}.\n"


def depth_table(results):
    head = ["shape", "type", "in the context", "filled at tok/s", PEER, "ratio", "prefill there", PEER, "ratio", "decode tok/s", PEER, "ratio",
            "of read bandwidth"]
    return table(head, [[r["shape"], r["type"], f"{r['request']['depth']:,}", *pair(r, "fill_tokens_per_s"), *pair(r, "prefill_tokens_per_s"),
                         *pair(r, "decode_tokens_per_s", 2), cell(median(r, "hearth", "decode_bandwidth_share"), 0, 100, "%")] for r in results])


def batch_table(results):
    rows = []
    for r in results:
        row = [r["shape"], r["type"]]
        for side in ("hearth", PEER):
            one, all_of_them = median(r, side, "decode_tokens_per_s"), median(r, side, "batch_tokens_per_s")
            row += [cell(one), cell(all_of_them), cell(all_of_them / one if one and all_of_them else None, 2)]
        rows.append(row + [cell(ratio(r, "batch_tokens_per_s"), 2)])
    return table(["shape", "type", "one tok/s", f"{results[0]['request']['sequences']} together", "times", f"{PEER} one", "together", "times",
                  "ratio together"], rows)


def threads_table(results):
    head = ["shape", "type", "engine"]
    for what in ("decode", "prefill"):
        head += [f"{what}: one thread tok/s", "two", "times", "two, a core taken", "over one thread's"]
    rows = []
    for r in results:
        for side in ("hearth", PEER):
            row = [r["shape"], r["type"], side]
            for what in ("decode", "prefill"):
                one, two, taken = (median(r, side + variant, f"{what}_tokens_per_s") for variant in (", one thread", "", ", a core taken"))
                times = lambda value, one=one: cell(value / one if value and one else None, 2)
                row += [cell(one), cell(two), times(two), cell(taken), times(taken)]
            if side == "hearth" or any(values(r, side, "decode_tokens_per_s")):
                rows.append(row)
    return table(head, rows) + "\nA core is taken by another process that computes all the time on one of the two; with an equal share of that core for each, " \
                               "1.5 times one thread's speed would be what can be had.\n"


def single_table(key, what, digits, scale=1.0, memory=False):
    def make(results):
        head = ["shape", "type", f"hearth {what}", f"{PEER} {what}", "hearth's share of it", *(["hearth peak MiB", f"{PEER} peak MiB"] if memory else [])]
        more = lambda r: pair(r, "process_rss_bytes", 0, 2**-20)[:2] if memory else []
        return table(head, [[r["shape"], r["type"], *pair(r, key, digits, scale), *more(r)] for r in results])
    return make


def fit_table(results):
    text = ""
    for r in results:
        get = lambda key: median(r, "hearth", key)
        failed = r["failed"].get("hearth")
        text += f"`hearth doctor`:\n\n```\n{r.get('doctor', '').strip()}\n```\n\n"
        text += f"{r['shape']} {r['type']}, a file of {r['model_bytes'] / 1e9:.1f} GB: " + (
            f"refused: {failed}\n" if failed else
            f"loaded in {cell(values(r, 'hearth', 'load_s')[0])} s the first time, which packs the weights, and in "
            f"{cell(values(r, 'hearth', 'load_s')[-1])} s after that; peak memory {cell(get('peak_rss_bytes'), 1, 1e-9)} GB, prefill {cell(get('prefill_tokens_per_s'))} tok/s, "
            f"decode {cell(get('decode_tokens_per_s'), 2)} tok/s ({cell(get('decode_bandwidth_share'), 0, 100, '%')} of the read bandwidth).\n")
    return text


def specialist_table(results):
    return table(["model", "type", "prefill tok/s", "decode tok/s", "peak MiB"],
                 [["the specialist in the box", r["type"], cell(median(r, "hearth", "prefill_tokens_per_s"), 0),
                   cell(median(r, "hearth", "decode_tokens_per_s"), 0), cell(median(r, "hearth", "peak_rss_bytes"), 1, 2**-20)] for r in results])


def peers_table(results):
    rows = []
    for r in results:
        for side in dict.fromkeys(name for one in r["rounds"] for name in one["sides"]):
            get = lambda key: median(r, side, key)
            engines = [one["sides"][side].get("engine", side) for one in r["rounds"] if side in one["sides"]]
            rows.append([r["shape"], r["type"], engines[0], cell(get("prefill_tokens_per_s")), cell(ratio(r, "prefill_tokens_per_s", side), 2),
                         cell(get("decode_tokens_per_s")), cell(ratio(r, "decode_tokens_per_s", side), 2), cell(get("load_s")),
                         cell(get("peak_rss_bytes"), 0, 2**-20)])
        rows += [[r["shape"], r["type"], f"{side}: {why[:80]}", *["–"] * 6] for side, why in r["failed"].items()]
    return table(["shape", "type", "engine", "prefill tok/s", "hearth's over it", "decode tok/s", "hearth's over it", "load s", "peak MiB"], rows)


TABLES = {"speed": ("Prefill and decode from an empty context", speed_table), "depth": ("With a long context", depth_table),
          "batch": ("Sequences decoded together", batch_table),
          "threads": ("Threads, and a core that another process takes", threads_table),
          "first_token": ("From the start of the process to the first token, warm file cache", single_table("first_token_s", "ms", 0, 1000.0)),
          "memory": ("Peak memory with a context of 2,048", single_table("peak_rss_bytes", "MiB", 0, 2**-20)),
          "quantize": ("Float16 to Q4_K_M", single_table("quantize_s", "s", 1, memory=True)),
          "fit": ("A 14B model", fit_table), "specialist": ("The specialist in the box", specialist_table),
          "peers": ("Other engines", peers_table)}


def conditions(results, isa):
    """The line above a table: machine, settings, peer."""
    first = results[0]
    request = first["request"]
    told = [one["sides"] for r in results for one in r["rounds"]]
    engine = next((s[PEER].get("engine", PEER) for s in told if PEER in s), None)
    numbers = f"prompt {request['prompt']}, generated {request['gen']}; " if "gen" in request else ""
    kv = next((s["hearth"]["kv"] for s in told if "kv" in s.get("hearth", {})), None)
    loads = [one["load_average"] for r in results for one in r["rounds"]]
    failed = sorted({side for r in results for side in r["failed"]})
    return (f"{first['processor']}, {request['threads']} threads, {ISAS[isa] if any(PEER in s for s in told) else 'AVX2' if isa == 'avx2' else 'its best instructions'}; {numbers}{max(len(r['rounds']) for r in results)} interleaved rounds, "
            f"medians{'' if first['shape'] == 'device' else '; random weights of the real shapes'}. hearth {first['commit']}{f' (KV {kv})' if kv else ''}"
            f"{f' against {engine}' if engine else ', no peer'}; load average {statistics.median(loads or [0]):.1f}."
            + (f" Left out where they failed: {', '.join(failed)}." if failed else ""))


def plots(suites, isa):
    """File name -> SVG."""
    out = {}
    label = "AVX2" if isa == "avx2" else "best instructions"
    names = ["prefill", "decode"]
    rows = [(f"{r['shape']} {r['type']}", [ratio(r, f"{name}_tokens_per_s") for name in names]) for r in suites.get("speed", [])]
    if any(value for _, both in rows for value in both):
        out[f"ratios-{isa}.svg"] = plot.bars(f"hearth's speed over {PEER}'s ({label}, 2 threads)", "times", names, rows, reference=1)
    depth = [r for r in suites.get("depth", []) if (r["shape"], r["type"]) == ("qwen3-0.6b", "Q4_K_M")]
    if depth:
        start = [r for r in suites.get("speed", []) if (r["shape"], r["type"]) == ("qwen3-0.6b", "Q4_K_M")]
        series = {}
        for side in ("hearth", PEER):
            points = [(r["request"]["depth"], median(r, side, "decode_tokens_per_s")) for r in start + depth]
            series[side] = [(x, value) for x, value in points if value]
        out[f"depth-{isa}.svg"] = plot.lines(f"decode with a long context, 0.6B Q4_K_M ({label}, 2 threads)", "tokens in the context", "tok/s",
                                             {name: values for name, values in series.items() if values})
    profile = [r for r in suites.get("speed", []) if (r["shape"], r["type"]) == ("qwen3-0.6b", "Q4_K_M")] + depth
    parts = [(r, {p["part"]: p["us_per_token"] for p in r["rounds"][-1]["sides"].get("hearth", {}).get("decode_profile", [])})
             for r in profile if r["rounds"]]
    parts = [(r, p) for r, p in parts if p][:4]
    if parts:
        names = sorted({name for _, p in parts for name in p}, key=lambda name: -max(p.get(name, 0) for _, p in parts))[:7]
        out[f"profile-{isa}.svg"] = plot.bars(f"where the time of a decoded token goes, 0.6B Q4_K_M ({label})", "microseconds",
                                              [f"depth {r['request']['depth']:,}" for r, _ in parts], [(n, [p.get(n) for _, p in parts]) for n in names])
    return out


def blocks(results):
    """Name -> Markdown of all results, and file name -> SVG."""
    texts, files = {}, {}
    for isa in ISAS:
        suites = load(results / isa) if (results / isa).is_dir() else {}
        for suite, (title, make) in TABLES.items():
            found = [r for r in suites.get(suite, []) if r["rounds"]]
            if found:
                texts[f"{suite} {isa}"] = f"### {title}\n\n{conditions(found, isa)}\n\n{make(found)}"
        made = plots(suites, isa)
        if made:
            texts[f"plots {isa}"] = "".join(f"![{name.removesuffix('.svg')}](plots/{name})\n" for name in made)
        files |= made
    return texts, files


def update(results, markdown=None):
    texts, files = blocks(results)
    if markdown:
        document = markdown.read_text(encoding="utf-8") if markdown.exists() else "# Benchmarks\n"
        for name, text in texts.items():
            begin, end = f"<!-- bench {name} begin -->", f"<!-- bench {name} end -->"
            if begin not in document or end not in document:
                document = f"{document.rstrip()}\n\n{begin}\n{end}\n"
            head, rest = document.split(begin, 1)
            document = f"{head}{begin}\n{text}{end}{rest.split(end, 1)[1]}"
        markdown.write_text(document, encoding="utf-8")
        folder = markdown.parent / "plots"
        folder.mkdir(exist_ok=True)
        for name, svg in files.items():
            (folder / name).write_text(svg, encoding="utf-8")
    return "\n".join(texts.values())

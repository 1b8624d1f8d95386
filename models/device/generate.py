#!/usr/bin/env python3
# The specialist's data generator: an endless, seeded stream of (household, request, calls). Households are random,
# requests come from the productions of phrases.py and outside.py, the calls are right by construction.
# 15 in 100 productions and 15 in 100 naming words never reach the training split. Standard library only.
"""Generates examples for the specialist.

Usage: generate.py [--split train|heldout|names|both] [--seed N] [--count N] [--text]   prints JSON lines.

Splits: train; heldout = every example rests on a held-out production; names = training productions,
households whose device names hold words never seen in training; both = both at once.
"""

import argparse
import json
import random
import re

import contract
import names
import outside
import phrases
from outcomes import escalation
from surface import Home, expand, number_words

SPLITS = ("train", "heldout", "names", "both")
BASE = contract.load_catalogue()
KIND_COUNTS = {  # how many devices of a kind a random household has: weights of 0, 1, 2, ...
    "light": (4, 14, 20, 18, 14, 10, 8, 6, 4, 2), "switch": (15, 22, 22, 16, 10, 6, 4),
    "climate": (15, 50, 25, 10), "blind": (18, 32, 26, 14, 10), "lock": (18, 34, 28, 12, 8),
    "media": (15, 32, 28, 16, 9), "vacuum": (20, 70, 10), "sensor": (35, 35, 20, 10),
    "scene": (15, 20, 25, 20, 12, 8),
}
ON_OFF = {"light": "state", "switch": "state", "climate": "mode", "media": "action"}
IN_SCOPE = (("light", 21), ("switch", 9), ("climate", 10), ("blind", 9), ("lock", 7), ("media", 20), ("timer", 9),
            ("timer_control", 4), ("vacuum", 7), ("scene", 5), ("state", 13))


def is_held(production):
    """Whether a production is kept out of training."""
    return names.held_out("production:" + production, 15)


class Absent(Exception):
    """The household has nothing that the chosen production could speak of; another one is drawn."""


class Generator:
    """A stream of examples; the same seed and split give the same stream on every machine."""

    def __init__(self, seed, split="train"):
        if split not in SPLITS:
            raise ValueError(f"unknown split {split!r}")
        self.rng = random.Random(f"hearth-device:{split}:{seed}")
        self.held_productions = split in ("heldout", "both")
        self.held_names = split in ("names", "both")
        self.used = []  # primary productions of the example being made

    def pick(self, lines, primary=True):
        """One production; held-out ones are taken only, and always, where the split wants them."""
        want = self.held_productions and primary
        fitting = [p for p in lines if is_held(p) == want]
        if not fitting:
            raise Absent
        line = self.rng.choice(fitting)
        if primary:
            self.used.append(line)
        return line

    def home(self):
        """A random catalogue with the default's kinds and tools."""
        rng = self.rng
        if not self.held_names and rng.random() < 0.12:
            share = rng.choice((0.5, 0.8, 1, 1))
            devices = [d for d in BASE["device"] if rng.random() < share]
            if rng.random() < 0.5:
                rng.shuffle(devices)
            return Home(dict(BASE, device=devices), rng)
        common = rng.random() < 0.5
        rooms = rng.sample(names.ROOMS[:12] if common else names.ROOMS, rng.randint(2, 7))
        devices, taken = [], set(names.ROOMS) | {k.get("group", "") for k in BASE["kind"]}
        scale = rng.choice((0.5, 1, 1, 1.3))
        for kind, weights in KIND_COUNTS.items():
            for _ in range(round(rng.choices(range(len(weights)), weights)[0] * scale)):
                name = names.device_name(kind, rooms, rng, self.held_names and rng.random() < 0.8)
                if name in taken or len(name) > 40 or name in Home.BARE.get(kind, ()):
                    continue
                taken.add(name)
                device = {"name": name, "kind": kind}
                room = next((r for r in rooms if r in name), None)
                if room is None and kind not in ("scene", "vacuum") and rng.random() < 0.4:
                    room = rng.choice(rooms)
                if room is not None and kind != "scene":
                    device["room"] = room
                devices.append(device)
        return Home(dict(BASE, rooms=rooms, device=devices), rng)

    # ---- slots ----

    def percent(self, low=0, high=100):
        rng = self.rng
        roll = rng.random()
        v = rng.choice(range(10, 101, 10)) if roll < 0.45 else rng.choice(range(5, 100, 5)) if roll < 0.65 \
            else rng.randint(low, high)
        special = {100: ("full", "max", "maximum", "the maximum", "full power", "one hundred percent"), 50: ("half", "halfway"),
                   25: ("a quarter",), 75: ("three quarters",), 0: ("zero", "zero percent")}
        if v in special and rng.random() < 0.25:
            return v, rng.choice(special[v])
        text = str(v) if rng.random() < 0.6 else number_words(v)
        return v, text + rng.choice((" percent", " percent", "%" if text.isdigit() else " percent", "", " per cent"))

    def level(self):
        """A volume: like a percentage, more often a bare number."""
        v, text = self.percent()
        if self.rng.random() < 0.5 and text.split()[0].isdigit():
            text = str(v)
        return v, text

    def degrees(self, low=5, high=30):
        rng = self.rng
        t = rng.randint(max(low, 16), min(high, 25)) if rng.random() < 0.5 and low < 17 else rng.randint(low, high)
        text = str(t) if rng.random() < 0.65 else number_words(t)
        return t, text + rng.choice(("", "", " degrees", " degrees", " degrees celsius", " celsius", " c"))

    def duration(self):
        """(arguments, words) of a countdown."""
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice((({"minutes": 30}, "half an hour"), ({"hours": 1, "minutes": 30}, "an hour and a half"),
                               ({"minutes": 1, "seconds": 30}, "a minute and a half"), ({"hours": 1}, "an hour"),
                               ({"minutes": 15}, "a quarter of an hour"), ({"minutes": 1}, "a minute"),
                               ({"seconds": 30}, "half a minute"), ({"minutes": 45}, "three quarters of an hour"),
                               ({"hours": 2, "minutes": 30}, "two and a half hours"),
                               ({"hours": 1, "minutes": 30}, "one and a half hours")))
        ranges = {"hours": (1, 24), "minutes": (1, 180), "seconds": (1, 900)}
        units = rng.choices((("minutes",), ("seconds",), ("hours",), ("hours", "minutes"), ("minutes", "seconds"),
                             ("hours", "minutes", "seconds")), (54, 12, 12, 12, 8, 2))[0]
        values, words = {}, []
        for unit in units:
            low, high = ranges[unit]
            n = rng.choice((1, 2, 3, 5, 10, 15, 20, 30, 45)) if rng.random() < 0.5 else rng.randint(low, min(high, 60))
            if rng.random() < 0.08:
                n = rng.randint(low, high)
            n = min(n, high)
            values[unit] = n
            short = {"hours": ("hours", "hour", "hr"), "minutes": ("minutes", "minute", "min"),
                     "seconds": ("seconds", "second", "sec")}[unit]
            name = short[2] if rng.random() < 0.08 else short[1] if n == 1 or rng.random() < 0.1 else short[0]
            words.append(f"{n if rng.random() < 0.6 else number_words(n)} {name}")
        return values, rng.choice((" ", " and ", " and ")).join(words)

    def word(self):
        return self.rng.choice(outside.COMMON) if self.rng.random() < 0.85 else names.pseudo_word(self.rng, False)

    def title(self):
        return " ".join(self.word() for _ in range(self.rng.choice((1, 1, 2, 2, 3, 4))))

    def query(self):
        """Something to play, as the user says it."""
        line = self.pick(outside.QUERIES, primary=False)
        artist = self.rng.choice(names.PEOPLE + [self.word(), self.word()])
        if self.rng.random() < 0.6:
            artist += " " + self.word()
        return expand(line, self.rng).replace("{title}", self.title()).replace("{artist}", artist) \
            .replace("{genre}", self.rng.choice(outside.GENRES)).replace("{w}", self.word())

    # ---- in scope: each returns (words, calls, takes politeness) ----

    def finish(self, line, slots):
        plain = not line.startswith("!")
        text = expand(line.lstrip("! "), self.rng)
        for key, value in slots.items():
            text = text.replace("{" + key + "}", value)
        return text, plain

    def tool_clause(self, home, tool, text_ok=True):
        rng = self.rng
        if tool == "timer":
            return self.timer(text_ok)
        if tool == "state":
            return self.state(home)
        if tool == "media":
            return self.media(home, text_ok)
        keys = [k for k in phrases.TOOLS if k[0] == tool]
        if tool in ON_OFF and rng.random() < (0.85 if tool == "switch" else 0.3):
            key = (tool, ON_OFF[tool], rng.choice(("on", "off")))
            lines = (phrases.ON if key[2] == "on" else phrases.OFF) + phrases.TOOLS.get(key, [])
        else:
            key = rng.choice(keys)
            lines = phrases.TOOLS[key]
        if tool == "timer_control":
            text, plain = self.finish(self.pick(lines), {})
            return text, [{"tool": tool, "action": key[2]}], plain
        bare = phrases.BARE.get(key)
        if tool == "switch" and rng.random() < 0.07 and key[2] == "on":
            return self.chore(home)
        if bare and rng.random() < 0.25:
            device, lines = home.only(tool), bare
            refs = [(device, "")]
        elif tool == "scene":
            device = home.device("scene")["name"]
            refs = [(device, device)]
        else:
            line_room = tool == "vacuum" and key[1] == "room"
            refs = home.references(tool, several=not line_room and rng.random() < 0.1)
        value, slots = key[2], {}
        if key[1] == "room":
            value = home.room()
            slots["r"] = value
        elif value is None:
            value, slots = self.value(tool, key[1], home)
        slots["d"] = slots["s"] = " and ".join(r[1] for r in refs)
        text, plain = self.finish(self.pick(lines), slots)
        name = "scene" if tool == "scene" else "device"
        return text, [dict({"tool": tool, name: d}, **({} if tool == "scene" else {key[1]: value})) for d, _ in refs], plain

    def value(self, tool, key, home):
        rng = self.rng
        if key == "temperature":
            v, text = self.degrees()
            return v, {"t": text}
        if key == "color":
            c = rng.choice(("red", "orange", "yellow", "green", "blue", "purple", "pink", "white", "warm", "cool"))
            return c, {"c": rng.choice((c + " white", c)) if c in ("warm", "cool") else c}
        if key == "mode":
            m = rng.choice(("heat", "cool", "auto"))
            return m, {"m": rng.choice({"heat": ("heat", "heating"), "cool": ("cool", "cooling"),
                                       "auto": ("auto", "automatic")}[m])}
        if key == "scene":
            return None, {}
        v, text = self.percent()
        return v, {"v": text}

    def chore(self, home):
        """"Make me a coffee" where a coffee maker is."""
        what = self.rng.choice(("coffee", "kettle"))
        fitting = [d for d in home.devices("switch") if what in d["name"] or (what == "coffee" and "espresso" in d["name"])]
        if len(fitting) != 1:
            raise Absent
        text, plain = self.finish(self.pick(phrases.CHORES[what]), {})
        return text, [{"tool": "switch", "device": fitting[0]["name"], "state": "on"}], plain

    def timer(self, text_ok=True):
        values, words = self.duration()
        call = dict({"tool": "timer"}, **values)
        slots, lines = {"u": words, "w": ""}, phrases.TOOLS[("timer", "set", None)]
        if text_ok and self.rng.random() < 0.25:
            thing = self.rng.choice(outside.WORDS["food"]) if self.rng.random() < 0.5 else \
                " ".join(self.word() for _ in range(self.rng.choice((1, 1, 2))))
            call["name"] = thing
            if self.rng.random() < 0.3:
                lines, slots["n"] = phrases.NAMED_TIMERS, thing
            else:
                slots["w"] = self.rng.choice((" for ", " for the ", " for the ", " for my ", " called ", " named ")) + thing
        text, plain = self.finish(self.pick(lines), slots)
        return text, [call], plain

    def state(self, home):
        rng = self.rng
        kind = rng.choices(("light", "switch", "climate", "blind", "lock", "media", "vacuum", "sensor"),
                           (18, 12, 14, 12, 16, 8, 8, 14))[0]
        pools = [phrases.STATE[""]]
        if kind in ("light", "switch", "media", "climate"):
            pools += [phrases.STATE["power"]] * (3 if kind in ("light", "switch") else 1)
        pools += [phrases.STATE[kind]] * 2 if kind in phrases.STATE else []
        (device, words), = home.references(kind, several=False, asking=True)
        text, plain = self.finish(self.pick(rng.choice(pools)), {"d": words})
        return text, [{"tool": "state", "device": device}], plain

    def media(self, home, text_ok=True):
        rng = self.rng
        call, roll = {"tool": "media"}, rng.random()
        if roll < 0.12:  # a player itself: on and off
            key = rng.choice(("on", "off"))
            (call["device"], words), = home.references("media", several=False)
            text, plain = self.finish(self.pick(phrases.ON if key == "on" else phrases.OFF), {"d": words})
            return text, [dict(call, action=key)], plain
        key = rng.choice([k for k in phrases.TOOLS if k[0] == "media"])
        if roll < 0.35:
            key = ("media", "query", None) if text_ok else ("media", "step", rng.choice(("up", "down")))
        if key[1] == "query" and not text_ok:
            raise Absent
        slots, lines, value = {"e": ""}, phrases.TOOLS[key], key[2]
        if key[1] == "query":
            value = self.query()
            slots["q"] = value
        elif value is None:
            value, slots["v"] = self.level()
        if rng.random() < 0.35:
            (call["device"], words), = home.references("media", several=False)
            if key in phrases.PLAYERS and rng.random() < 0.5:
                lines, slots["d"] = phrases.PLAYERS[key], words
            else:
                on = " in the " if words.startswith("the room ") else rng.choice((" on ", " on ", " on ", " with ", " from ")
                                                                               if key[1] == "query" else (" on ", " on ", " of "))
                slots["e"] = on + words
        text, plain = self.finish(self.pick(lines), slots)
        return text, [dict(call, **{key[1]: value})], plain

    # ---- whole examples ----

    def clause(self, home, text_ok=True):
        tools, weights = zip(*IN_SCOPE)
        for _ in range(60):
            mark = len(self.used)
            try:
                return self.tool_clause(home, self.rng.choices(tools, weights)[0], text_ok)
            except Absent:
                del self.used[mark:]
        raise Absent

    def several(self, home):
        """Two to four requests in one sentence; text arguments would be ambiguous and stay out, but for the last."""
        n = self.rng.choices((2, 3, 4), (76, 19, 5))[0]
        parts = [self.clause(home, text_ok=i == n - 1) for i in range(n)]
        text, calls = parts[0][0], list(parts[0][1])
        for words, more, _ in parts[1:]:
            text = expand(self.pick(phrases.JOINS, primary=False), self.rng).replace("{x}", text).replace("{y}", words)
            calls += more
        if len(calls) > contract.MAX_CALLS:
            raise Absent
        return text, calls, parts[0][2] and not any(k in c for c in calls for k in ("query", "name"))

    def polite(self, text, calls):
        line = self.pick(phrases.POLITE, primary=False)
        if any(k in call for call in calls for k in ("query", "name")):
            # A suffix would read as a part of the free text: "play jazz now".
            if not line.endswith("{x}") and "please" not in line:
                return text
        return expand(line, self.rng).replace("{x}", text)

    def noisy(self, text, calls):
        """Typing and hearing errors, never inside text that must be copied."""
        rng = self.rng
        if any(k in call for call in calls for k in ("query", "name")):
            return text
        if rng.random() < 0.10:
            text = text.replace("'", "")
        if rng.random() < 0.12:
            spots = [m for m in re.finditer(r"[a-z]{4,}", text)]
            if spots:
                m = rng.choice(spots)
                w, i = m.group(), rng.randrange(1, len(m.group()) - 1)
                w = rng.choice((w[:i] + w[i + 1:], w[:i] + w[i] + w[i:], w[:i] + w[i + 1] + w[i] + w[i + 2:],
                                w[:i] + rng.choice("abcdefghijklmnopqrstuvwxyz") + w[i + 1:]))
                text = text[:m.start()] + w + text[m.end():]
        if rng.random() < 0.05:
            text = text.replace(",", "")
        return text

    def example(self, home):
        """One example: {"request", "calls", "productions"}; the request is in normal form."""
        for _ in range(200):
            self.used = []
            try:
                roll = self.rng.random()
                if roll < 0.20:
                    text, calls, plain = escalation(self, home)
                elif roll < 0.40:
                    text, calls, plain = self.several(home)
                else:
                    text, calls, plain = self.clause(home)
            except (Absent, LookupError):
                continue
            if plain and self.rng.random() < 0.45:
                text = self.polite(text, calls)
            request = contract.normalise(self.noisy(text, calls))
            if not request or len(request.encode()) > 200:
                continue
            return {"request": request, "calls": calls, "productions": list(self.used)}
        raise RuntimeError("no production fits this household")


def stream(seed, split="train", per_home=1):
    """Endless (catalogue, [examples]) pairs."""
    generator = Generator(seed, split)
    while True:
        home = generator.home()
        yield home.catalogue, [generator.example(home) for _ in range(per_home)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SPLITS, default="train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--text", action="store_true", help="prompts and answers as the model sees them, no JSON: for "
                        "`hearth perplexity --parse-special` and the like")
    args = parser.parse_args()
    source = stream(args.seed, args.split)
    for _ in range(args.count):
        catalogue, (example,) = next(source)
        if args.text:
            print(contract.prompt(catalogue, example["request"]) + "".join(contract.pieces(example["calls"], catalogue)),
                  end="<|end|>")
            continue
        print(json.dumps({"prompt": contract.prompt(catalogue, example["request"]),
                          "answer": contract.answer_text(example["calls"], catalogue)}))


if __name__ == "__main__":
    main()

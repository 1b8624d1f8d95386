# Requests that the specialist must hand on: out of scope, about devices the household lacks, or asking of a
# device what it cannot do. Works on the generator's own clauses, so near misses look like the real thing.
"""Escalations of the specialist's generator."""

import re

import names
import outside
import phrases
from surface import expand, number_words, stems

_SLOT = re.compile(r"\{(\w+)\}")


def escalation(generator, home):
    """(words, calls, takes politeness) of a request whose one right answer is to escalate."""
    roll = generator.rng.random()
    if roll < 0.62:
        return outside_request(generator)
    maker, reason = (unknown_device, "unknown_device") if roll < 0.83 else (unsupported, "unsupported")
    text, _, plain = maker(generator, home)
    if generator.rng.random() < 0.1:  # beside something that could have been done
        other = generator.clause(home, text_ok=False)[0]
        first, second = (text, other) if generator.rng.random() < 0.5 else (other, text)
        join = generator.pick(phrases.JOINS, primary=False)
        text = join.replace("{x}", first).replace("{y}", second)
    return text, answer(reason), plain


def answer(reason):
    return [{"tool": "escalate", "reason": reason}]


def fill(generator, line):
    """Fills the slots of a line of outside.py."""
    rng = generator.rng

    def slot(match):
        key = match.group(1)
        if key in outside.WORDS:
            return rng.choice(outside.WORDS[key])
        if key == "w":
            return generator.word()
        if key == "ww":
            return " ".join(generator.word() for _ in range(rng.randint(2, 5)))
        if key == "n2":
            return str(rng.randint(10, 99))
        if key == "n":
            n = rng.choice((rng.randint(1, 20), rng.randint(1, 100), rng.randint(1, 999)))
            return str(n) if rng.random() < 0.6 else number_words(n)
        if key == "clock":
            hour = rng.randint(1, 12)
            return rng.choice((f"{hour} am", f"{hour} pm", f"{hour}", f"{number_words(hour)}", f"{hour}:{rng.choice((15, 30, 45))}",
                               f"{number_words(hour)} am", f"{number_words(hour)} thirty pm", f"half past {number_words(hour)}"))
        raise KeyError(key)

    return _SLOT.sub(slot, expand(line, rng))


def outside_request(generator):
    """Anything that is no business of the household's."""
    rng = generator.rng
    if rng.random() < 0.25:
        text = fill(generator, generator.pick(outside.FRAMES))
    else:
        text = fill(generator, generator.pick(outside.SUBJECTS[rng.choice(list(outside.SUBJECTS))]))
    roll = rng.random()
    if roll < 0.05:
        text += rng.choice((" and ", ", ", " because ", " but ", " when ", " so ")) + \
            fill(generator, generator.pick(outside.FRAMES, primary=False))
    elif roll < 0.12:
        text = fill(generator, generator.pick(outside.OPENERS, primary=False)).replace("{x}", text)
    elif roll < 0.16:  # beside something that could have been done
        home = generator.home()
        other = generator.clause(home, text_ok=False)[0]
        text = rng.choice((f"{other} and {text}", f"{text} and {other}", f"{other}, {text}", f"{other} and then {text}"))
    return text, answer("out_of_scope"), rng.random() < 0.5


def unknown_device(generator, home):
    """A clause of the usual kind about a device that another household has and this one has not."""
    rng = generator.rng
    for _ in range(40):
        other = generator.home()
        mark = len(generator.used)
        text, calls, plain = generator.clause(other, text_ok=False)
        for call in calls:
            name = call.get("device") or call.get("scene")
            room = call.get("room")
            if room and room not in home.catalogue["rooms"] and not any(room in d["name"] for d in home.catalogue["device"]):
                return text, None, plain
            if name and not known(home, other, name, text):
                return text, None, plain
        del generator.used[mark:]
    raise LookupError("unknown device")


def known(home, other, name, text):
    """Whether the words for `other`'s device could mean something in `home`."""
    device = next((d for d in other.catalogue["device"] if d["name"] == name), None)
    if device is None or len(other.devices(device["kind"])) == 1:  # a group, or maybe just "the vacuum"
        kind = device["kind"] if device else next(k for k, g in other.groups.items() if g == name)
        if home.devices(kind):
            return True
        if device is None:
            return False
    said = stems(text)
    for d in home.catalogue["device"]:
        if stems(d["name"]) & stems(name) & said - _COMMON:
            return True
        if d["kind"] == device["kind"] and d.get("room") and d["room"] in text:
            return True
        if stems(d["name"]) <= said:
            return True
    noun = stems(name) & said
    return not noun or bool(noun <= _GENERIC)


# Shared by many names: these words alone do not make two devices the same.
_COMMON = frozenset().union(*(stems(r) for r in names.ROOMS)) | frozenset(
    ("light", "lamp", "door", "blind", "curtain", "speaker", "tv", "sensor", "fan", "plug", "heater", "strip", "shade",
     "shutter", "window", "radio", "machine", "maker", "thermostat", "gate"))
_GENERIC = frozenset(("light", "blind", "lock", "vacuum", "robot", "temperature", "heat", "heating", "thermostat"))


def unsupported(generator, home):
    """A device of this household, asked for what it cannot do."""
    rng = generator.rng
    roll = rng.random()
    if roll < 0.30:
        tools = ("light", "switch", "climate", "blind", "lock", "vacuum", "scene")
        text, _, _ = generator.tool_clause(home, rng.choice(tools), text_ok=False)
        line = generator.pick(outside.SCHEDULES)
        plain = line.endswith("{x}") is False
        return fill(generator, line.replace("{x}", "\x00")).replace("\x00", text), None, plain
    if roll < 0.55:
        return out_of_range(generator, home)
    kind = rng.choice([k for k in outside.IMPOSSIBLE if k == "" or home.devices(k)])
    device = home.device(kind or rng.choice([k for k in home.groups if home.devices(k) and k != "scene"]))
    line = generator.pick(outside.IMPOSSIBLE[kind])
    words = home.one(device)[1]
    value = generator.percent()[1]
    text = fill(generator, line.lstrip("! ").replace("{d}", "\x00").replace("{v}", value))
    return text.replace("\x00", words), None, not line.startswith("!")


def out_of_range(generator, home):
    rng = generator.rng
    tool, key = rng.choice((("light", "brightness"), ("climate", "temperature"), ("blind", "position"),
                            ("media", "volume"), ("light", "color")))
    line = generator.pick(phrases.TOOLS[(tool, key, None)])
    slots = {"e": ""}
    if tool != "media":
        slots["d"] = home.references(tool, several=False)[0][1]
    if key == "color":
        slots["c"] = rng.choice(outside.BAD_COLORS)
    else:
        low, high = (31, 99) if key == "temperature" else (101, 300)
        n = rng.choice((rng.randint(low, high), rng.randint(low, high), high + rng.randint(1, 700)))
        if key == "temperature" and rng.random() < 0.15:
            n = rng.randint(0, 4)
        text = str(n) if n > 999 or rng.random() < 0.7 else number_words(n)
        if key == "temperature":
            slots["t"] = text + rng.choice(("", " degrees", " degrees", " fahrenheit", " degrees fahrenheit", " celsius"))
        else:
            slots["v"] = text + rng.choice(("", " percent", " percent"))
    text, plain = generator.finish(line, slots)
    return text, None, plain

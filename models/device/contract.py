# The contract between the specialist and its host, in its reference form: catalogue, request text, prompt,
# the pieces an answer is made of, and the check of an answer against the catalogue (README.md says it in words).
# Standard library only: the generator's tests and any host's tests can use it without machine-learning packages.
"""Reference implementation of the specialist's prompt and answer contract, version 2."""

import json
import pathlib
import re
import tomllib

HOME, USER, CALL, END = "<|home|>", "<|user|>", "<|call|>", "<|end|>"
CONTROL = (HOME, USER, CALL, END)
MAX_REQUEST_BYTES = 300
MAX_CALLS = 8
MAX_ENTRIES = 96  # devices and rooms of one household
DEFAULT_CATALOGUE = pathlib.Path(__file__).with_name("catalogue.toml")

_TO_SPACE = set(range(0x20)) | {0x7F} | set(b'<>|{}[]"\\@;^_~`')
_TABLE = bytes(0x20 if b in _TO_SPACE else b + 32 if 0x41 <= b <= 0x5A else b for b in range(256))
_NAME = re.compile(r"[a-z0-9][a-z0-9'-]*( [a-z0-9'-]+)*")


def load_catalogue(path=DEFAULT_CATALOGUE):
    """Reads and checks a catalogue; raises ValueError with one line that says what is wrong."""
    with open(path, "rb") as f:
        catalogue = tomllib.load(f)
    check_catalogue(catalogue)
    return catalogue


def check_catalogue(catalogue):
    kinds = {k["name"] for k in catalogue["kind"]}
    taken = {k["group"] for k in catalogue["kind"] if "group" in k}
    for device in catalogue["device"]:
        name = device["name"]
        if not _NAME.fullmatch(name) or len(name) > 40:
            raise ValueError(f"device name {name!r}: want lower-case words of at most 40 bytes in all")
        if name in taken:
            raise ValueError(f"device name {name!r} is used twice or is a group's name")
        taken.add(name)
        if device["kind"] not in kinds:
            raise ValueError(f"device {name!r}: unknown kind {device['kind']!r}")
        if "room" in device and device["room"] not in catalogue["rooms"]:
            raise ValueError(f"device {name!r}: unknown room {device['room']!r}")
    for room in catalogue["rooms"]:
        if not _NAME.fullmatch(room) or len(room) > 40:
            raise ValueError(f"room name {room!r}: want lower-case words of at most 40 bytes in all")
    if len(catalogue["device"]) > 64:
        raise ValueError("more than 64 devices")
    if len(catalogue["device"]) + len(catalogue["rooms"]) > MAX_ENTRIES:
        raise ValueError(f"more than {MAX_ENTRIES} devices and rooms")


def normalise(text):
    """The request as the model sees it, bytes in and bytes out for str or bytes input (returned as str)."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    raw = raw.replace(b"\xe2\x80\x99", b"'").translate(_TABLE)
    raw = b" ".join(part for part in raw.split(b" ") if part)
    return raw.rstrip(b".!?, ").decode("utf-8", "surrogateescape")


def pointer(number):
    """The token that stands for one entry of the household, in the prompt and in the answer."""
    return f"<{number}>"


def entries(catalogue):
    """The household's entries in the prompt's order, (kind, name, room or None); the n-th, from 1, is pointer n."""
    out = []
    for kind in catalogue["kind"]:
        for device in catalogue["device"]:
            if device["kind"] == kind["name"]:
                room = device.get("room")
                out.append((kind["name"], device["name"], None if room is None or room in device["name"] else room))
    return out + [("room", room, None) for room in catalogue["rooms"]]


def home_block(catalogue, first=1):
    """The catalogue's part of the prompt. Training numbers the entries from anywhere, modulo MAX_ENTRIES; a host from 1."""
    return "".join(f"<{kind}>{pointer((first - 1 + i) % MAX_ENTRIES + 1)} {name}" + (f"@ {room}" if room else "")
                   for i, (kind, name, room) in enumerate(entries(catalogue)))


def prompt(catalogue, text):
    """The whole prompt for a request in the user's own words."""
    return HOME + home_block(catalogue) + USER + " " + normalise(text) + CALL


def functional_tokens(catalogue):
    """The fragments of prompts and answers that are one token each, in the order of their ids.

    They follow from the catalogue's kinds and tools alone: `<kind>` per kind and `<room>`, `"group"` per group, `{"tool":"x"`
    per tool, `,"k":"v"` per enum value, `,"k":` per integer, device or room, `,"k":"` per text, and the pointers.
    """
    seen = {f"<{kind['name']}>": None for kind in catalogue["kind"]}
    seen["<room>"] = None
    seen.update({'"%s"' % kind["group"]: None for kind in catalogue["kind"] if "group" in kind})
    for tool in catalogue["tool"]:
        seen['{"tool":"%s"' % tool["name"]] = None
    for tool in catalogue["tool"]:
        for a in tool["argument"]:
            if a["type"] == "enum":
                for value in a["values"]:
                    seen[',"%s":"%s"' % (a["name"], value)] = None
            else:
                seen[',"%s":' % a["name"] + ('"' if a["type"] == "text" else "")] = None
    seen.update({pointer(i + 1): None for i in range(MAX_ENTRIES)})
    return list(seen)


def pieces(calls, catalogue, first=1):
    """The model's own form of an answer, split into the strings that are tokenised apart.

    calls: list of dicts with "tool" first. Calls follow each other without a separator; devices and rooms are pointers;
    a text keeps the space that stands before its first word in the request. `expand` makes JSON of the joined pieces.
    """
    arguments = {(tool["name"], a["name"]): a["type"] for tool in catalogue["tool"] for a in tool["argument"]}
    numbers = {}
    for i, (kind, name, _) in enumerate(entries(catalogue)):
        numbers["room" if kind == "room" else "device", name] = pointer((first - 1 + i) % MAX_ENTRIES + 1)
    out = []
    for call in calls:
        out.append('{"tool":"%s"' % call["tool"])
        for key, value in call.items():
            if key == "tool":
                continue
            kind = arguments[call["tool"], key]
            if kind == "integer":
                out += [',"%s":' % key, str(value)]
            elif kind == "enum":
                out.append(',"%s":"%s"' % (key, value))
            elif kind == "text":
                out += [',"%s":"' % key, " " + value, '"']
            else:
                out += [',"%s":' % key, numbers.get((kind, value), '"%s"' % value)]
        out.append("}")
    return out


def expand(raw, catalogue):
    """The JSON answer for the text that the model generated; ValueError for a pointer to nothing."""
    names = [name for _, name, _ in entries(catalogue)]

    def name(match):
        number = int(match.group(1))
        if not 1 <= number <= len(names):
            raise ValueError(f"pointer to entry {number} of {len(names)}")
        return '"%s"' % names[number - 1]

    out = re.sub(r"<([0-9]{1,9})>", name, raw).replace('":" ', '":"')
    return "[" + out.replace("}{", "},{") + "]" if "}{" in out else out


def answer_text(calls, catalogue):
    """The canonical JSON answer."""
    return expand("".join(pieces(calls, catalogue)), catalogue)


def _no_twice(pairs):
    if len({k for k, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _argument_error(argument, value, catalogue, request):
    kind = argument["type"]
    if kind == "integer":
        good = type(value) is int and argument["min"] <= value <= argument["max"]
    elif not isinstance(value, str):
        good = False
    elif kind == "enum":
        good = value in argument["values"]
    elif kind == "room":
        good = value in catalogue["rooms"]
    elif kind == "text":
        good = 1 <= len(value.encode()) <= argument["max_bytes"] and value in normalise(request)
    else:
        devices = [d for d in catalogue["device"] if d["kind"] in argument["kinds"]]
        names = {d["name"] for d in devices}
        if argument.get("groups"):
            present = {d["kind"] for d in devices}
            names |= {k["group"] for k in catalogue["kind"] if "group" in k and k["name"] in present}
        good = value in names
    return None if good else f"{argument['name']}: {value!r} will not do"


def _call_error(call, catalogue, request, alone):
    if not isinstance(call, dict) or "tool" not in call:
        return "a call is an object with a tool"
    tool = next((t for t in catalogue["tool"] if t["name"] == call["tool"]), None)
    if tool is None:
        return f"no tool {call['tool']!r}"
    if tool["name"] == "escalate" and not alone:
        return "escalate stands alone"
    arguments = {a["name"]: a for a in tool["argument"]}
    for name, argument in arguments.items():
        if argument.get("required") and name not in call:
            return f"{tool['name']} without {name}"
    for name, value in call.items():
        if name == "tool":
            continue
        if name not in arguments:
            return f"{tool['name']} has no {name}"
        error = _argument_error(arguments[name], value, catalogue, request)
        if error:
            return error
    if "exactly_one" in tool and sum(n in call for n in tool["exactly_one"]) != 1:
        return f"{tool['name']}: want one of {tool['exactly_one']}"
    if "at_least_one" in tool and not any(n in call for n in tool["at_least_one"]):
        return f"{tool['name']}: want some of {tool['at_least_one']}"
    return None


def validate(answer, catalogue, request):
    """None if the answer text is a valid answer to the request, else one line that says why not."""
    try:
        value = json.loads(answer, object_pairs_hook=_no_twice)
    except ValueError as e:
        return f"no JSON: {e}"
    calls = value if isinstance(value, list) else [value]
    if not 1 <= len(calls) <= MAX_CALLS:
        return "want 1 to 8 calls"
    for call in calls:
        error = _call_error(call, catalogue, request, alone=not isinstance(value, list))
        if error:
            return error
    return None

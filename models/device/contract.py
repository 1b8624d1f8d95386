# The contract between the specialist and its host, in its reference form: catalogue, request text, prompt,
# the pieces an answer is made of, and the check of an answer against the catalogue (README.md says it in words).
# Standard library only: the generator's tests and any host's tests can use it without machine-learning packages.
"""Reference implementation of the specialist's prompt and answer contract, version 1."""

import json
import pathlib
import re
import tomllib

HOME, USER, CALL, END = "<|home|>", "<|user|>", "<|call|>", "<|end|>"
CONTROL = (HOME, USER, CALL, END)
MAX_REQUEST_BYTES = 300
MAX_CALLS = 8
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


def normalise(text):
    """The request as the model sees it, bytes in and bytes out for str or bytes input (returned as str)."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    raw = raw.replace(b"\xe2\x80\x99", b"'").translate(_TABLE)
    raw = b" ".join(part for part in raw.split(b" ") if part)
    return raw.rstrip(b".!?, ").decode("utf-8", "surrogateescape")


def home_block(catalogue):
    """The catalogue's part of the prompt: kinds with their devices, then the rooms."""
    out = []
    for kind in catalogue["kind"]:
        entries = []
        for device in catalogue["device"]:
            if device["kind"] == kind["name"]:
                room = device.get("room", "")
                entries.append(device["name"] + (f"@{room}" if room and room not in device["name"] else ""))
        if entries:
            out.append(f"{kind['name']}:{','.join(entries)};")
    if catalogue["rooms"]:
        out.append(f"room:{','.join(catalogue['rooms'])};")
    return "".join(out)


def prompt(catalogue, text):
    """The whole prompt for a request in the user's own words."""
    return HOME + home_block(catalogue) + USER + normalise(text) + CALL


def functional_tokens(catalogue):
    """The fragments of answers that are one token each, in the order of their ids.

    They follow from the catalogue's tools alone: `{"tool":"x"` per tool, `,"k":"v"` per enum value,
    `,"k":` per integer and `,"k":"` per string argument.
    """
    seen = {}
    for tool in catalogue["tool"]:
        seen['{"tool":"%s"' % tool["name"]] = None
    for tool in catalogue["tool"]:
        for a in tool["argument"]:
            if a["type"] == "enum":
                for value in a["values"]:
                    seen[',"%s":"%s"' % (a["name"], value)] = None
            elif a["type"] == "integer":
                seen[',"%s":' % a["name"]] = None
            else:
                seen[',"%s":"' % a["name"]] = None
    return list(seen)


def pieces(calls, catalogue):
    """Splits an answer into the strings that are tokenised apart: functional tokens and plain text.

    calls: list of dicts with "tool" first. Joined, the pieces are the canonical JSON answer.
    """
    functional = set(functional_tokens(catalogue))
    out = ["["] if len(calls) > 1 else []
    for i, call in enumerate(calls):
        if i:
            out.append(",")
        out.append('{"tool":"%s"' % call["tool"])
        for key, value in call.items():
            if key == "tool":
                continue
            if isinstance(value, int):
                out += [',"%s":' % key, str(value)]
            elif ',"%s":"%s"' % (key, value) in functional:
                out.append(',"%s":"%s"' % (key, value))
            else:
                out += [',"%s":"' % key, value, '"']
        out.append("}")
    return out + (["]"] if len(calls) > 1 else [])


def answer_text(calls, catalogue):
    return "".join(pieces(calls, catalogue))


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

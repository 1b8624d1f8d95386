# How a device is called in a sentence: by name, by a part of it, by room, or as a group, and only in words that
# fit no other device of the household. Also numbers in words and the expansion of `[a|b]` choices.
# It knows households, not tools or splits.
"""Surface forms for the specialist's generator."""

import functools
import re

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
_TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
_CHOICE = re.compile(r"\[([^\[\]]*)\]")


def number_words(n):
    """English words of 0 <= n < 1000."""
    if n < 20:
        return _ONES[n]
    if n < 100:
        return _TENS[n // 10] + (" " + _ONES[n % 10] if n % 10 else "")
    return ("one" if n < 200 else _ONES[n // 100]) + " hundred" + (" " + number_words(n % 100) if n % 100 else "")


def expand(line, rng):
    """Takes one alternative of every `[a|b]` and closes up the spaces."""
    while "[" in line:
        line = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), line)
    return re.sub(r" +", " ", line).strip()


@functools.lru_cache(maxsize=100000)
def stems(text):
    """The words of a name without plural s and possessives, to see whether two names can be confused."""
    return frozenset(w[:-1] if len(w) > 3 and w.endswith("s") and not w.endswith("ss") else w
                     for w in text.replace("'s", "").split())


class Home:
    """A catalogue with the questions that the generator asks of it."""

    # Words for the whole kind; a device may not be called just so.
    BARE = {
        "light": ("lights", "light"), "blind": ("blinds", "blind"), "lock": ("locks", "lock", "door", "doors"),
        "climate": ("thermostats",), "switch": ("switches",), "media": ("players",), "vacuum": ("vacuums",),
    }
    # More words for the only device of a kind.
    SOLE = {
        "climate": ("thermostat", "temperature", "heat", "heating"),
        "blind": ("blinds", "curtains", "shades", "shutters", "curtain", "blind", "shutter"),
        "vacuum": ("vacuum", "robot", "vacuum cleaner", "robot vacuum", "hoover", "vacuum robot", "cleaner", "robot cleaner"),
        "light": ("light", "lights", "lamp"), "lock": ("door", "lock"),
    }

    def __init__(self, catalogue, rng):
        self.catalogue, self.rng = catalogue, rng
        self.groups = {k["name"]: k.get("group") for k in catalogue["kind"]}
        self._by_kind = {}
        for d in catalogue["device"]:
            self._by_kind.setdefault(d["kind"], []).append(d)

    def devices(self, kind):
        return self._by_kind.get(kind, [])

    def device(self, kind):
        """A random device of the kind; LookupError if there is none."""
        return self.rng.choice(self.devices(kind))

    def room(self):
        return self.rng.choice(self.catalogue["rooms"])

    def only(self, kind):
        """What a request without a name means: the only device of the kind, or its group."""
        devices = self.devices(kind)
        if not devices:
            raise LookupError(kind)
        return devices[0]["name"] if len(devices) == 1 else self.groups[kind]

    def in_room(self, kind, room):
        return [d for d in self.devices(kind) if d.get("room") == room or room in d["name"]]

    def fits_others(self, words, device):
        """Whether `words` could mean a device other than `device`: all its stems occur in name and room."""
        want = stems(words)
        return any(d is not device and want <= stems(d["name"] + " " + d.get("room", ""))
                   for d in self.catalogue["device"])

    def forms(self, device):
        """Ways to call the device that no other device answers to, (words, takes an article)."""
        name, kind, room = device["name"], device["kind"], device.get("room")
        words = name.split()
        found = []
        for i in range(1, len(words)):
            tail = " ".join(words[i:])
            if len(self.devices(kind)) == 1 or tail not in self.BARE.get(kind, ()):
                found.append(tail)
        last = words[-1]
        if last in ("light", "lamp", "blind", "curtain", "shutter", "speaker", "bulb", "spotlight", "shade"):
            found.append(name + "s")
        elif last in ("lights", "lamps", "blinds", "curtains", "shutters", "speakers", "bulbs", "spotlights", "shades"):
            found.append(name[:-1])
        if len(words) > 1 and last in ("tv", "television"):
            found.append(" ".join(words[:-1]) + (" television" if last == "tv" else " tv"))
        if room and room not in name:
            found += [f"{room} {name}", f"{name} in the {room}", f"{name} of the {room}"]
        elif room and name.startswith(room + " "):
            found += [f"{name[len(room) + 1:]} in the {room}", f"{name[len(room) + 1:]} of the {room}"]
        if room and kind in self.BARE and kind not in ("media", "switch") and len(self.in_room(kind, room)) == 1:
            nouns = self.SOLE.get(kind, ())
            if nouns:
                noun = self.rng.choice(nouns[:3])
                found += [f"{noun} in the {room}", f"{room} {noun}"]
        return [f for f in found if not self.fits_others(f.replace(" in the ", " ").replace(" of the ", " "), device)]

    def article(self, words):
        rng = self.rng
        if "'s" in words.split(" ")[0] and rng.random() < 0.9:
            return words
        return rng.choices(("the ", "my ", ""), (62, 12, 26))[0] + words

    def group_words(self, kind):
        plural = {"light": "lights", "blind": "blinds", "lock": "locks", "climate": "thermostats",
                  "switch": "switches", "media": "players", "vacuum": "vacuums"}[kind]
        forms = [f"all {plural}", f"all the {plural}", f"all of the {plural}", f"all my {plural}", f"every {plural[:-1]}"]
        if kind == "light":
            forms += ["the lights", "the lights", "lights", "the light", "my lights", "all lamps", "the house lights",
                      "the lights in the house", "all lights in the house", "every lamp", "lights everywhere"]
        elif kind == "blind":
            forms += ["the blinds", "blinds", "the curtains", "all the curtains", "all curtains", "every curtain", "the shades"]
        elif kind == "lock":
            forms += ["the doors", "all doors", "all the doors", "every door", "the locks", "the house"]
        elif kind == "climate":
            forms += ["the thermostats", "the temperature", "the heating", "the heat", "all the heating", "the thermostat"]
        elif kind == "media":
            forms += ["all speakers", "all the speakers", "every speaker"]
        return self.rng.choice(forms)

    def references(self, kind, several, asking=False):
        """[(catalogue name, words)] for one device, a group, or with `several` two devices of the kind."""
        rng = self.rng
        devices = self.devices(kind)
        if not devices:
            raise LookupError(kind)
        if several and len(devices) > 1:
            return [self.one(d) for d in rng.sample(devices, 2)]
        roll = rng.random()
        if len(devices) == 1 and kind in self.SOLE and roll < 0.3:
            noun = rng.choice(self.SOLE[kind])
            if not self.fits_others(noun, devices[0]) and not (asking and noun in ("temperature", "heat")):
                return [(devices[0]["name"], self.article(noun))]
        if len(devices) > 1 and self.groups[kind] and roll < {"light": 0.18, "blind": 0.15, "lock": 0.15}.get(kind, 0.05):
            words = self.group_words(kind)
            if not (asking and ("temperature" in words or words == "the heat")) and not self._says_one(words, kind):
                return [(self.groups[kind], words)]
        return [self.one(rng.choice(devices))]

    def _says_one(self, words, kind):
        """Whether group words like "the curtains" rather fit the one device that is called so."""
        bare = words.replace("the ", "").replace("my ", "")
        return not words.startswith(("all", "every")) and bare not in self.BARE[kind] and \
            any(stems(bare) <= stems(d["name"]) for d in self.catalogue["device"])

    def one(self, device):
        rng = self.rng
        words = device["name"]
        if rng.random() < 0.4:
            forms = self.forms(device)
            if forms:
                words = rng.choice(forms)
        return device["name"], self.article(words)

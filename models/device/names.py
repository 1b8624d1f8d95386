# Words that device names, rooms and free text are made of, and the rule that keeps some words out of training.
# A word is held out when its SHA-256 says so, so the split needs no list and never drifts. No randomness of its own.
"""Word lists of the specialist's generator and random names built from them."""

import functools
import hashlib

ROOMS = """kitchen|living room|bedroom|bathroom|hallway|office|garage|dining room|study|attic|basement|nursery|
guest room|laundry room|master bedroom|kids room|playroom|library|den|pantry|cellar|lounge|conservatory|balcony|
terrace|patio|garden|porch|entrance|foyer|stairs|upstairs|downstairs|workshop|gym|closet|utility room|sunroom|loft|
music room|sitting room|family room|spare room|shower|toilet|entryway|corridor|landing|studio|tv room|hall|
mud room|game room|home office|backyard|driveway|shed|greenhouse|pool house|washroom|cloakroom""".replace("\n", "").split("|")

ADJECTIVES = """big small tall short old new red blue green white black grey silver golden round square left right
upper lower front back main side corner wall ceiling floor desk table reading night bedside standing hanging outdoor
indoor north south east west top bottom inner outer first second third spare smart cosy bright soft double single
little giant wooden glass metal vintage modern paper crystal copper brass ivory velvet garden street window door
guest kids baby mini super deluxe accent spot track under cabinet sink counter island mirror shelf bookcase piano
fireplace aquarium christmas holiday party movie work study hobby craft sewing pet dog cat plant orchid palm summer
winter morning evening sunset ocean forest river mountain desert coral amber jade ruby lunar solar""".split()

PEOPLE = """anna tom maria john lisa peter emma david sara mike nina paul julia alex laura ben kate sam olivia max
sophie leo mia noah ella lucas ava ethan chloe oscar ruby felix ivy hugo zoe milo clara otto greta theo vera ravi
priya chen mei yuki omar layla ahmed fatima diego lucia mateo ingrid sven olga ivan pedro carmen dad mom grandma
grandpa daddy mommy robin casey jamie morgan""".split()

NOUNS = {
    "light": """light|lights|lamp|lamps|ceiling light|ceiling lamp|floor lamp|table lamp|desk lamp|chandelier|
spotlight|spotlights|led strip|light strip|lantern|sconce|pendant|bulb|bulbs|night light|reading lamp|bedside lamp|
wall light|wall lamp|uplighter|fairy lights|string lights|downlights|lava lamp|standing lamp|strip light|
cabinet lights|vanity light|overhead light|hue lamp|globe|torch lamp|neon sign|mood light|track lights""",
    "switch": """kettle|coffee maker|coffee machine|fan|ceiling fan|plug|smart plug|socket|outlet|heater|toaster|
dehumidifier|humidifier|air purifier|iron|washing machine|dryer|dishwasher|oven|microwave|pump|sprinkler|charger|
printer|router|electric blanket|christmas tree|fountain|aquarium pump|extractor fan|space heater|freezer|fridge|
towel warmer|slow cooker|rice cooker|power strip|wall socket|water heater|boiler|radio|stereo|projector|computer|
monitor|game console|espresso machine|blender|bug zapper|heat lamp|pool pump|hot tub|sauna|diffuser|heating pad""",
    "climate": """thermostat|heating|air conditioner|ac|radiator|heater|heat pump|air conditioning|underfloor heating|
climate control|aircon|floor heating|hvac|furnace|boiler|central heating|ac unit""",
    "blind": """blinds|blind|curtains|curtain|shutters|shutter|shades|shade|awning|drapes|garage door|gate|
roller blind|skylight|window|venetian blinds|sunshade|roller shutter|canopy|projector screen""",
    "lock": """door|front door|back door|side door|gate|garage door|cellar door|patio door|lock|smart lock|door lock|
main door|shed door|balcony door|deadbolt|entrance door|safe|porch door|gun safe|mailbox""",
    "media": """tv|television|speaker|speakers|radio|stereo|sound bar|soundbar|music player|hi-fi|media player|
smart speaker|receiver|home theater|record player|sonos|boombox|sound system|echo|projector""",
    "vacuum": """robot vacuum|vacuum|vacuum cleaner|robot|roomba|hoover|mop|robot cleaner|cleaning robot|robo vac|
robot mop|sweeper""",
    "sensor": """thermometer|motion sensor|humidity sensor|smoke alarm|smoke detector|temperature sensor|door sensor|
window sensor|leak sensor|air quality sensor|rain sensor|weather station|co2 sensor|power meter|water meter|
light sensor|presence sensor|doorbell|soil sensor|fridge sensor|air sensor|gas meter|noise meter""",
    "scene": """movie night|good night|good morning|dinner|away|party|reading|relax|bedtime|romantic|cinema|wake up|
focus|work mode|vacation|cooking|sunset|leaving home|welcome home|game time|nap time|study time|cleaning day|date night|
energize|chill|tv time|morning coffee|winter evening|concentrate|tropical twilight|yoga|meditation|homework|
holiday mode|night mode|guest mode|rainy day|family dinner|sunday brunch|workout|dimmed|bright day|spooky|christmas eve|
storm|lights out|arrival|siesta|bath time|story time""",
}
NOUNS = {k: v.replace("\n", "").split("|") for k, v in NOUNS.items()}

_ONSETS = ("b c d f g h j k l m n p r s t v w z " * 3 + "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sh sk sl sn sp st t th tr v vr w x y z").split()
_VOWELS = ("a e i o u " * 3 + "ai ea ee oo ou y io ae").split()
_CODAS = "b ck d f g k l ll m n nd ng nk p r rd rk rn s sh st t th v x z".split() + [""] * 30


@functools.lru_cache(maxsize=None)
def held_out(text, percent):
    """Whether `text` belongs to the held-out share; the same on every machine and for ever."""
    digest = hashlib.sha256(("hearth-device-1:" + text).encode()).digest()
    return int.from_bytes(digest[:4], "big") % 100 < percent


def pseudo_word(rng, held):
    """A pronounceable word that no dictionary has; from the held-out share if `held`."""
    while True:
        word = "".join(rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
                       for _ in range(rng.choice((1, 1, 2, 2, 2, 2, 3))))
        if len(word) > 2 and held_out(word, 15) == held:
            return word


def word_from(words, rng, held):
    while True:
        word = rng.choice(words)
        if held_out(word, 15) == held:
            return word


def modifier(rng, held):
    """The part of a name that tells one device from another of its sort."""
    roll = rng.random()
    if roll < 0.35:
        return word_from(ADJECTIVES, rng, held)
    if roll < 0.55:
        return word_from(PEOPLE, rng, held) + "'s"
    return pseudo_word(rng, held)


def device_name(kind, rooms, rng, held=False):
    """A random name for a device of `kind`; with `held` it has a word that training never saw in a name."""
    noun = rng.choice(NOUNS[kind])
    if kind == "scene":
        if held or rng.random() < 0.35:
            return modifier(rng, held).replace("'s", "") + " " + rng.choice((noun, "time", "mode", "mood", noun))
        return noun
    roll = rng.random()
    if held:
        if roll < 0.15:
            return pseudo_word(rng, True)
        if roll < 0.3 and rooms:
            return f"{rng.choice(rooms)} {modifier(rng, True)} {noun}"
        return f"{modifier(rng, True)} {noun}"
    if roll < 0.30 and rooms:
        return f"{rng.choice(rooms)} {noun}"
    if roll < 0.48:
        return noun
    if roll < 0.78:
        return f"{modifier(rng, False)} {noun}"
    if roll < 0.84 and rooms:
        return f"{rng.choice(rooms)} {modifier(rng, False)} {noun}"
    if roll < 0.90:
        return f"{noun} {rng.randint(1, 9)}"
    if roll < 0.97:
        return pseudo_word(rng, False)
    return f"{pseudo_word(rng, False)} {pseudo_word(rng, False)}"

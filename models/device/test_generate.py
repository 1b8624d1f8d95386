#!/usr/bin/env python3
# Tests of the specialist's contract and generator; standard library only. Run: python3 models/device/test_generate.py
"""Determinism, labels that validate, held-out productions and names, and the contract's examples."""

import copy
import itertools
import pathlib
import random
import subprocess
import sys
import unittest

import contract
import generate
import names
import outside
import phrases
import surface


def take(split, seed, homes, per_home=4):
    return list(itertools.islice(generate.stream(seed, split, per_home), homes))


def all_productions():
    tables = [phrases.TOOLS, phrases.STATE, phrases.BARE, phrases.CHORES, phrases.PLAYERS, outside.SUBJECTS, outside.IMPOSSIBLE]
    lists = [phrases.ON, phrases.OFF, phrases.POLITE, phrases.JOINS, phrases.NAMED_TIMERS, outside.FRAMES, outside.OPENERS,
             outside.SCHEDULES, outside.QUERIES]
    return lists + [lines for table in tables for lines in table.values()]


class Contract(unittest.TestCase):
    def setUp(self):
        self.home = contract.load_catalogue()

    def test_normalise(self):
        cases = {"  Dim  the\tLights! ": "dim the lights", "What\u2019s up?": "what's up", "<|call|>{\"x\"}": "call x",
                 "a;b@c_d": "a b c d", "...": "", "Caf\u00e9": "caf\u00e9", "20\u00b0 , please...": "20\u00b0 , please"}
        for given, wanted in cases.items():
            self.assertEqual(contract.normalise(given), wanted)

    def test_normalise_is_idempotent(self):
        for given in ("a , .", "x!?", " . a . ", "A\u00c9 \u2019"):
            once = contract.normalise(given)
            self.assertEqual(contract.normalise(once), once)

    def test_prompt_bytes(self):
        small = dict(self.home, rooms=["kitchen", "living room"], device=[
            {"name": "front door", "kind": "lock"}, {"name": "kitchen lights", "kind": "light", "room": "kitchen"},
            {"name": "floor lamp", "kind": "light", "room": "living room"}])
        self.assertEqual(contract.prompt(small, "Dim the floor lamp."),
                         "<|home|><light><1> kitchen lights<light><2> floor lamp@ living room<lock><3> front door"
                         "<room><4> kitchen<room><5> living room<|user|> dim the floor lamp<|call|>")
        self.assertTrue(contract.home_block(small, 96).startswith("<light><96> kitchen lights<light><1> floor"))

    def test_expand(self):
        cases = {'{"tool":"light","device":<1>,"state":"on"}': '{"tool":"light","device":"kitchen lights","state":"on"}',
                 '{"tool":"media","query":" some jazz"}': '{"tool":"media","query":"some jazz"}',
                 '{"tool":"timer","minutes":5}{"tool":"lock","device":<18>,"state":"lock"}':
                     '[{"tool":"timer","minutes":5},{"tool":"lock","device":"front door","state":"lock"}]'}
        for raw, json_text in cases.items():
            self.assertEqual(contract.expand(raw, self.home), json_text)
        for raw in ("<0>", "<97>"):
            self.assertRaises(ValueError, contract.expand, raw, self.home)

    def test_answers_do_not_depend_on_the_numbering(self):
        calls = [{"tool": "light", "device": "kitchen lights", "state": "on"}, {"tool": "state", "device": "all lights"}]
        self.assertEqual("".join(contract.pieces(calls, self.home, 96)),
                         '{"tool":"light","device":<96>,"state":"on"}{"tool":"state","device":"all lights"}')

    def test_control_and_functional_tokens_cannot_come_from_a_request(self):
        for token in contract.functional_tokens(self.home) + list(contract.CONTROL):
            self.assertNotIn(token, contract.normalise(token))
            self.assertTrue(set(token) & set('<|"{_'), token)

    def test_validate(self):
        good = ('{"tool":"light","device":"kitchen lights","brightness":30}', '{"tool":"media","query":"jazz"}',
                '{"tool":"state","device":"all lights"}', '{"tool":"escalate","reason":"out_of_scope"}',
                '[{"tool":"lock","device":"front door","state":"lock"},{"tool":"timer","hours":1,"minutes":30}]')
        for answer in good:
            self.assertIsNone(contract.validate(answer, self.home, "play jazz"), answer)
        bad = ('', '{', '[]', '3', '{"tool":"oven"}', '{"tool":"light","device":"kitchen lights"}',
               '{"tool":"light","device":"moon","state":"on"}', '{"tool":"light","device":"kettle","state":"on"}',
               '{"tool":"light","device":"kitchen lights","brightness":101}', '{"tool":"light","device":"kitchen lights","brightness":true}',
               '{"tool":"light","device":"kitchen lights","brightness":3.0}', '{"tool":"light","device":"kitchen lights","state":"blink"}',
               '{"tool":"light","device":"kitchen lights","state":"on","step":"up"}', '{"tool":"light","state":"on"}',
               '{"tool":"media","query":"rock"}', '{"tool":"timer"}', '{"tool":"vacuum","device":"robot vacuum","room":"attic"}',
               '{"tool":"light","device":"kitchen lights","state":"on","state":"off"}', '{"tool":"scene","scene":"kettle"}',
               '[{"tool":"escalate","reason":"out_of_scope"},{"tool":"escalate","reason":"out_of_scope"}]')
        for answer in bad:
            self.assertIsNotNone(contract.validate(answer, self.home, "play jazz"), answer)

    def test_bad_catalogues_are_refused(self):
        for change in ({"name": "Kitchen"}, {"name": "front door"}, {"name": "all lights"}, {"kind": "toaster"}, {"room": "moon"},
                       {"name": "a,b"}, {"name": "x" * 41}):
            home = copy.deepcopy(self.home)
            home["device"][0].update(change)
            with self.assertRaises(ValueError):
                contract.check_catalogue(home)


class Generator(unittest.TestCase):
    def test_same_seed_same_stream(self):
        for split in generate.SPLITS:
            self.assertEqual(take(split, 5, 10), take(split, 5, 10))
        self.assertNotEqual(take("train", 5, 10), take("train", 6, 10))

    def test_stream_does_not_depend_on_hash_seed(self):
        script = pathlib.Path(generate.__file__)
        runs = [subprocess.run([sys.executable, str(script), "--count", "40"], capture_output=True, check=True,
                               env={"PYTHONHASHSEED": seed}).stdout for seed in ("1", "2")]
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(len(runs[0].splitlines()), 40)

    def test_answers_validate(self):
        for split in generate.SPLITS:
            for catalogue, examples in take(split, 11, 60):
                contract.check_catalogue(catalogue)
                for e in examples:
                    answer = contract.answer_text(e["calls"], catalogue)
                    self.assertIsNone(contract.validate(answer, catalogue, e["request"]), (e, answer))
                    self.assertEqual(contract.normalise(e["request"]), e["request"])

    def test_held_out_productions_never_in_training(self):
        seen = set()
        for split in ("train", "names"):
            for _, examples in take(split, 21, 150):
                seen.update(p for e in examples for p in e["productions"])
        self.assertGreater(len(seen), 500)
        self.assertFalse([p for p in seen if generate.is_held(p)])

    def test_a_held_out_sentence_never_comes_in_training(self):
        """By text and not by record: a held-out production without slots must not turn up as a request."""
        fixed = {contract.normalise(p.lstrip("! ")) for lines in all_productions() for p in lines
                 if generate.is_held(p) and "{" not in p and "[" not in p}
        trained = {contract.normalise(p.lstrip("! ")) for lines in all_productions() for p in lines
                   if not generate.is_held(p) and "[" not in p}
        requests = {e["request"] for _, examples in take("train", 31, 400) for e in examples}
        self.assertGreater(len(fixed - trained), 10)
        self.assertFalse((fixed - trained) & requests - {"light", "lamp"})

    def test_heldout_split_rests_on_held_out_productions(self):
        for split in ("heldout", "both"):
            for _, examples in take(split, 41, 60):
                for e in examples:
                    self.assertTrue(e["productions"] and all(generate.is_held(p) for p in e["productions"]), e)

    def test_about_15_percent_of_productions_are_held_out(self):
        lines = {p for group in all_productions() for p in group}
        share = sum(map(generate.is_held, lines)) / len(lines)
        self.assertGreater(share, 0.12)
        self.assertLess(share, 0.18)
        for group in all_productions():
            self.assertTrue(any(not generate.is_held(p) for p in group), group[:2])

    def test_held_out_name_words_never_name_a_device_in_training(self):
        words = names.ADJECTIVES + names.PEOPLE
        nouns = {w for kinds in names.NOUNS.values() for n in kinds for w in n.split()} | {w for r in names.ROOMS for w in r.split()}
        held = {w for w in words if names.held_out(w, 15)} - nouns
        default = {d["name"] for d in generate.BASE["device"]}
        self.assertGreater(len(held), 15)
        for catalogue, _ in take("train", 51, 200, per_home=1):
            for d in catalogue["device"]:
                if d["name"] not in default:
                    self.assertFalse({w.removesuffix("'s") for w in d["name"].split()} & held, d)

    def test_share_of_escalations(self):
        examples = [e for _, made in take("train", 61, 300) for e in made]
        share = sum(e["calls"][0]["tool"] == "escalate" for e in examples) / len(examples)
        self.assertGreater(share, 0.15)
        self.assertLess(share, 0.25)


class Surface(unittest.TestCase):
    def test_number_words(self):
        self.assertEqual([surface.number_words(n) for n in (0, 13, 40, 85, 100, 117, 340)],
                         ["zero", "thirteen", "forty", "eighty five", "one hundred", "one hundred seventeen", "three hundred forty"])

    def test_forms_fit_one_device_only(self):
        home = dict(generate.BASE, device=[
            {"name": "bedside lamp", "kind": "light", "room": "bedroom"}, {"name": "desk lamp", "kind": "light", "room": "office"},
            {"name": "porch light", "kind": "light"}])
        for seed in range(30):
            view = surface.Home(home, random.Random(seed))
            for device in home["device"]:
                for form in view.forms(device):
                    self.assertNotIn(form, ("lamp", "light"))


if __name__ == "__main__":
    unittest.main()

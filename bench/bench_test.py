#!/usr/bin/env python3
"""The benchmark scripts without a benchmark: reports from made-up results, plots that parse, the gate's verdict on fake binaries.

Usage: bench_test.py HEARTH
"""
import contextlib
import io
import json
import os
import pathlib
import stat
import sys
import tempfile
import threading
import unittest
import xml.etree.ElementTree as xml

import gate
import make_model
import plot
import report
import run
import sides

HEARTH = pathlib.Path(sys.argv.pop()).resolve() if len(sys.argv) > 1 else None


def result(suite, rounds, **more):
    request = {"mode": "speed", "threads": 2, "prompt": 512, "gen": 64, "depth": 0, "sequences": 8}
    return {"suite": suite, "shape": "qwen3-0.6b", "type": "Q4_K_M", "label": "", "request": request, "isa": "avx2", "processor": "some",
            "commit": "abc", "model_bytes": 1, "rounds": [{"load_average": 0.1, "sides": sides_} for sides_ in rounds], "failed": {}} | more


def answers(prefill, decode):
    return {"prefill_tokens_per_s": prefill, "decode_tokens_per_s": decode, "peak_rss_bytes": 2**20, "load_s": 1.5, "first_token_s": 1.0, "quantize_s": 2.0,
            "batch_tokens_per_s": 4 * decode, "process_rss_bytes": 2**21, "decode_profile": [{"part": "down", "us_per_token": 5.0}]}


class Report(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        (self.folder / "results" / "avx2").mkdir(parents=True)

    def put(self, name, what):
        (self.folder / "results" / "avx2" / f"{name}.json").write_text(json.dumps(what))

    def test_ratios_are_ratios_of_medians(self):
        self.put("speed-a", result("speed", [{"hearth": answers(300, 30), "llama.cpp": answers(100, 10)},
                                             {"hearth": answers(330, 40), "llama.cpp": answers(110, 10)},
                                             {"hearth": answers(9, 50), "llama.cpp": answers(120, 16)}]))
        text = report.update(self.folder / "results")
        self.assertIn("| 300.0 | 110.0 | 2.73 |", text)
        self.assertIn("| 40.0 | 10.0 | 4.00 |", text)

    def test_every_suite_has_a_table_with_and_without_the_peer(self):
        for suite in run.MODELS:
            self.put(f"{suite}-a", result(suite, [{"hearth": answers(3, 2), "llama.cpp": answers(1, 1)}]))
            self.put(f"{suite}-b", result(suite, [{"hearth": answers(3, 2)}], shape="llama3.2-1b", failed={"llama.cpp": "no such thing"}))
        texts, files = report.blocks(self.folder / "results")
        self.assertEqual({f"{suite} avx2" for suite in run.MODELS} | {"plots avx2"}, set(texts))
        self.assertIn("Left out where they failed: llama.cpp", texts["speed avx2"])
        self.assertEqual(set(files), {"ratios-avx2.svg", "depth-avx2.svg", "profile-avx2.svg"})
        for svg in files.values():
            xml.fromstring(svg)

    def test_threads_are_compared_with_one(self):
        self.put("threads-a", result("threads", [{"hearth, one thread": answers(100, 10), "hearth": answers(190, 18), "hearth, a core taken": answers(150, 14)}]))
        self.assertIn("| 10.0 | 18.0 | 1.80 | 14.0 | 1.40 | 100.0 | 190.0 | 1.90 | 150.0 | 1.50 |", report.update(self.folder / "results"))

    def test_what_people_wrote_stays(self):
        self.put("speed-a", result("speed", [{"hearth": answers(3, 2)}]))
        page = self.folder / "docs" / "benchmarks.md"
        page.parent.mkdir()
        page.write_text("# B\n\nbefore\n\n<!-- bench speed avx2 begin -->\nold\n<!-- bench speed avx2 end -->\n\nafter\n")
        report.update(self.folder / "results", page)
        once = page.read_text()
        for words in ("before", "after", "| 3.0 |"):
            self.assertIn(words, once)
        self.assertNotIn("old", once)
        report.update(self.folder / "results", page)
        self.assertEqual(page.read_text(), once)
        self.assertTrue((page.parent / "plots" / "profile-avx2.svg").exists())


class Plot(unittest.TestCase):
    def test_ticks_reach_the_top(self):
        for top in (0, 0.3, 1, 7, 99, 100, 12345):
            marks = plot.ticks(top)
            self.assertGreaterEqual(marks[-1], top)
            self.assertLessEqual(len(marks), 12)

    def test_text_is_escaped(self):
        xml.fromstring(plot.bars("a < b & c", "u", ["x", "y"], [("<l>", [1, None])]))
        xml.fromstring(plot.lines("t", "x", "u", {"s": [(0, 1.0), (2048, 3.0)]}))


class Models(unittest.TestCase):
    def test_all_models_of_all_suites_can_be_made(self):
        for spec in (spec for specs in run.MODELS.values() for spec in specs if not spec.startswith("device")):
            shape, kind = spec.split(":")
            rows = make_model.tensors(make_model.SHAPES[shape], kind)
            for name, dims, stored in rows:
                self.assertEqual(dims[-1] % make_model.KINDS[stored][1], 0, (spec, name, stored))

    def test_blocks_have_the_size_of_their_kind(self):
        rng = make_model.random.Random(1)
        for kind, (_, _, size) in make_model.KINDS.items():
            if kind not in ("F32", "F16"):
                self.assertEqual(len(make_model.block(kind, rng, 0.02)), size, kind)


class Run(unittest.TestCase):
    def refused(self, *given):
        with self.assertRaises(SystemExit) as stopped, contextlib.redirect_stderr(io.StringIO()) as said:
            run.arguments(given)
        self.assertEqual(stopped.exception.code, 2)
        return said.getvalue()

    def test_a_selection_that_holds_nothing_is_refused(self):
        self.assertIn("no suite bogus", self.refused("--quick", "--suite", "bogus"))
        self.assertIn("no suite bogus", self.refused("--suite", "speed,bogus"))
        self.assertIn("--quick has no form of suite peers", self.refused("--quick", "--suite", "peers"))
        self.assertEqual(run.arguments(["--quick", "--suite", "speed,peers"]).suites, ["speed"])

    def test_a_model_of_any_suite_is_made_where_it_is_missing(self):
        class Side:
            name = "hearth"

            def start(self, *arguments):
                started.append(arguments)

        started, args = [], run.arguments(["--suite", "threads", "--models", "device:Q4_0"])
        with tempfile.TemporaryDirectory() as work:
            for suite in run.MODELS:
                for case in run.cases_of(suite, args, Side(), None):
                    path = run.prepared_model(case, pathlib.Path(work))
                    self.assertEqual(started.pop()[2:], (path, "--type", "q4_0"), suite)


class Sides(unittest.TestCase):
    def test_a_process_is_timed_and_weighed(self):
        out, seconds, rss = sides.run([sys.executable, "-c", "import time; x = bytearray(60 << 20); time.sleep(0.2); print('done')"])
        self.assertEqual(out, "done\n")
        self.assertGreater(seconds, 0.2)
        self.assertGreater(rss, 60 << 20)

    def test_a_core_is_taken_only_while_it_is_asked_for(self):
        seen = []

        class Side:
            name = "hearth"

            def measure(self, request):
                children = pathlib.Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text().split()
                self_may_use.append(os.sched_getaffinity(0))
                seen.append((request["threads"], [os.sched_getaffinity(int(child)) for child in children]))
                return {}

        self_may_use, before = [], os.sched_getaffinity(0)
        last = {max(before)}
        for threads, taken in ((1, False), (2, True), (2, False)):
            sides.Variant(Side(), threads, taken).measure({"threads": 9})
        self.assertEqual(seen, [(1, []), (2, [last]), (2, [])])
        self.assertEqual(self_may_use, [set(sorted(before)[-2:])] * 3)
        self.assertEqual(os.sched_getaffinity(0), before)
        names = [sides.Variant(Side(), *how).name for how in ((1, False), (2, False), (2, True))]
        self.assertEqual(names, ["hearth, one thread", "hearth", "hearth, a core taken"])

    def test_a_failure_says_why(self):
        with self.assertRaisesRegex(sides.Failed, "status 3: broken"):
            sides.run([sys.executable, "-c", "import sys; print('broken', file=sys.stderr); sys.exit(3)"])


@unittest.skipUnless(HEARTH, "no binary given")
class Gate(unittest.TestCase):
    def fake(self, folder, name, rates):
        """A binary whose decode speed is the next of `rates` at each call."""
        path = folder / name
        path.write_text(f"""#!{sys.executable}
import json, pathlib, sys
count = pathlib.Path({str(folder / (name + ".count"))!r})
n = int(count.read_text()) if count.exists() else 0
count.write_text(str(n + 1))
depth = int(sys.argv[sys.argv.index("--depth") + 1])
print(json.dumps({{"threads": 2, "depth": depth, "prefill_tokens_per_s": 100, "decode_tokens_per_s": {rates!r}[n // 2 % {len(rates)}]}}))
""")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def judged(self, base, new):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            binaries = {"base": self.fake(folder, "old", base), "new": self.fake(folder, "fresh", new)}
            return gate.verdict(HEARTH, *gate.race(binaries, pathlib.Path("m.gguf"), len(base), 2, folder), 0.10)

    def test_medians_decide(self):
        self.assertTrue(self.judged([100, 100, 100], [91, 91, 50]))
        self.assertTrue(self.judged([100, 120, 30], [95, 130, 95]))
        self.assertFalse(self.judged([100, 100, 100], [89, 89, 200]))

    def test_a_measure_that_disappears_is_a_failure(self):
        self.assertFalse(self.judged([100, 100, 100], [None, None, None]))

    def test_every_depth_decides(self):
        with tempfile.TemporaryDirectory() as name:
            base, new = pathlib.Path(name) / "base", pathlib.Path(name) / "new"
            base.write_text("".join(json.dumps({"depth": depth, "decode_tokens_per_s": 100}) + "\n" for depth in (0, 1024)))
            new.write_text("".join(json.dumps({"depth": depth, "decode_tokens_per_s": rate}) + "\n" for depth, rate in ((0, 100), (1024, 50))))
            self.assertFalse(gate.verdict(HEARTH, base, new, 0.10))

    def test_what_cannot_be_compared_is_no_verdict(self):
        with tempfile.TemporaryDirectory() as name:
            good, bad = pathlib.Path(name) / "good", pathlib.Path(name) / "bad"
            good.write_text(json.dumps({"depth": 0, "decode_tokens_per_s": 100}))
            bad.write_text("nonsense")
            for base, new in ((good, bad), (bad, good), (good, pathlib.Path(name) / "absent")):
                with self.assertRaises(SystemExit) as stopped:
                    gate.verdict(HEARTH, base, new, 0.10)
                self.assertEqual(stopped.exception.code, 2)


if __name__ == "__main__":
    unittest.main()

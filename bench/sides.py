"""The programs that bench/run.py compares, each as a fresh process per request: what to start, and what its answer means.

A request is a dictionary with "mode" (speed, first_token, quantize), "model" and the numbers of the mode; an answer has the keys of
`hearth bench --json` where both sides have them. Every answer gets "process_s" and "process_rss_bytes" as the system counted them.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PEER = HERE / "peer"
KEPT = ("prefill_tokens_per_s", "decode_tokens_per_s", "batch_tokens_per_s", "fill_tokens_per_s", "decode_bandwidth_share",
        "read_bandwidth_gb_s", "prefill_int8_peak_share", "int8_peak_gop_s", "fp32_peak_gflop_s", "decode_bytes_per_token",
        "decode_joules_per_token", "prefill_joules_per_token", "peak_rss_bytes", "load_s", "isa", "kv", "threads", "engine", "system",
        "first_token_s", "quantize_s", "decode_profile", "prefill_profile")


class Failed(Exception):
    """A side did not answer; the run goes on without it, aloud."""


def run(command, environment=None, timeout=3600):
    """stdout, seconds and peak resident bytes of a process."""
    start = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=os.environ | (environment or {}))
    errors = []
    reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    reader.start()
    watchdog = threading.Timer(timeout, process.kill)
    watchdog.start()
    try:
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        watchdog.cancel()
        reader.join()
        process.stdout.close()
        process.stderr.close()
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        raise Failed(f"{pathlib.Path(str(command[0])).name}: status {process.returncode}: {errors[0].strip()[-300:]}")
    return out, seconds, usage.ru_maxrss * 1024


def kept(answer):
    return {key: answer[key] for key in KEPT if answer.get(key) is not None}


class Hearth:
    name = "hearth"

    def __init__(self, binary, work, isa, flags=()):
        self.binary, self.flags, self.prompts = pathlib.Path(binary).resolve(), list(flags), {}
        # Packed weights of the benchmark's models stay with them, and nothing starts a check of a model beside a measurement.
        self.environment = {"HEARTH_HOME": str((work / "home").resolve()), "HEARTH_NO_CHECK": "1"}
        if isa != "native":
            self.environment["HEARTH_ISA"] = isa

    def start(self, *arguments):
        return run([self.binary, *arguments], self.environment)

    def measure(self, request):
        threads = ["--threads", request["threads"]]
        if request["mode"] == "speed":
            extra = ["--sequences", request["sequences"]] if request.get("sequences", 1) > 1 else []
            extra += ["--profile"] if request.get("profile") else []
            extra += ["--ctx", request["ctx"]] if request.get("ctx") else []
            out, seconds, rss = self.start("bench", request["model"], "--prompt", request["prompt"], "--gen", request["gen"], "--depth",
                                           request["depth"], "--repeat", request.get("repeat", 1), "--json", *threads, *extra, *self.flags)
            return kept(json.loads(out)) | {"process_s": seconds, "process_rss_bytes": rss}
        if request["mode"] == "first_token":  # the whole process, from its start to its end
            _, seconds, rss = self.start("run", request["model"], "--raw", "-p", self.prompt(request), "-n", 1, "--temp", 0, "--ignore-end",
                                         "--ctx", request["prompt"] + 256, *threads, *self.flags)
            return {"first_token_s": seconds, "process_s": seconds, "process_rss_bytes": rss}
        if request["mode"] == "quantize":
            _, seconds, rss = self.start("quantize", request["model"], request["out"], "--type", request["type"].lower(), *threads)
            return {"quantize_s": seconds, "process_s": seconds, "process_rss_bytes": rss}
        raise Failed(f"hearth knows no {request['mode']}")

    def prompt(self, request):
        """A text of as many tokens as asked."""
        key, text = (str(request["model"]), request["prompt"]), ""
        if key in self.prompts:
            return self.prompts[key]
        while True:
            text += "abcdefghijklmnopqrstuvwxyz "[len(text) * 7 % 27]
            done = subprocess.run([str(self.binary), "tokenize", str(request["model"])], input=text, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Failed(f"hearth tokenize: {done.stderr.strip()[-300:]}")
            missing = request["prompt"] - len(json.loads(done.stdout))
            if missing <= 0:
                self.prompts[key] = text
                return text
            text += "qz" * (missing // 4)

    def doctor(self):
        return self.start("doctor")[0]


class Script:
    """A peer behind a Python script that takes a JSON request."""

    def __init__(self, name, script, python=sys.executable, settings=None):
        self.name, self.script, self.python, self.settings = name, PEER / script, python, settings or {}

    def measure(self, request):
        out, seconds, rss = run([self.python, self.script, json.dumps(self.settings | request, default=str)])
        return kept(json.loads(out.strip().splitlines()[-1])) | {"process_s": seconds, "process_rss_bytes": rss}


class Variant:
    """A side with so many threads, alone or while another process keeps one of its cores busy. The plain name is that of two threads alone."""

    def __init__(self, side, threads, core_taken):
        self.side, self.threads, self.core_taken = side, threads, core_taken
        self.name = side.name + (", one thread" if threads == 1 else ", a core taken" if core_taken else "")

    def start(self, *arguments):
        return self.side.start(*arguments)

    def measure(self, request):
        with two_cores() as (_, last), taken_core(last) if self.core_taken else contextlib.nullcontext():
            return self.side.measure(request | {"threads": self.threads})


@contextlib.contextmanager
def two_cores():
    """Holds this process and those it starts to the last two cores that it may use, so that two threads and a taken core compete on
    a machine of any size; yields the two."""
    allowed = os.sched_getaffinity(0)
    cores = sorted(allowed)[-2:]
    os.sched_setaffinity(0, cores)
    try:
        yield cores[0], cores[-1]
    finally:
        os.sched_setaffinity(0, allowed)


@contextlib.contextmanager
def taken_core(core):
    """Another process that computes all the time on that core; yields its id."""
    code = f"import os\nos.sched_setaffinity(0, [{core}])\nprint(flush=True)\nwhile True: pass"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()  # it is there
            yield process.pid
        finally:
            process.kill()


def llama_cpp(libraries, isa):
    """llama.cpp from the npm package in bench/peer, or from a folder with its shared libraries; None when there is neither."""
    settings = {"cpu": "haswell"} if isa == "avx2" else {}
    if libraries:
        settings = {"libraries": str(pathlib.Path(libraries).resolve())}
    elif not list(PEER.glob("node_modules/@node-llama-cpp/linux-*/bins")):
        return None
    return Script("llama.cpp", "llama_cpp.py", settings=settings)


def other_peers(python):
    """openvino-genai and onnxruntime-genai, as far as that Python has them."""
    out = []
    for name, script in (("openvino-genai", "openvino_peer.py"), ("onnxruntime-genai", "onnxruntime_peer.py")):
        module = name.replace("-", "_")
        if shutil.which(python) and subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0:
            out.append(Script(name, script, python))
    return out

#!/usr/bin/env python3
"""Measures llama.cpp through its C interface: one JSON request in, one JSON object out.

Usage: llama_cpp.py '{"mode": "speed", "model": "x.gguf", "threads": 2, "prompt": 512, "gen": 64, "depth": 0, "sequences": 1}'
       llama_cpp.py '{"mode": "first_token", "model": "x.gguf", "threads": 2, "prompt": 16}'
       llama_cpp.py '{"mode": "quantize", "model": "f16.gguf", "out": "q.gguf", "type": "Q4_K_M", "threads": 2}'

"libraries" names the folder of the shared libraries (default: the prebuilt ones of the npm package beside this file; those of the PyPI
package llama-cpp-python do as well), "cpu" holds it to one build of its processor library where there are several (haswell: AVX2).
Settings are the library's own defaults. Only the leading members of its parameter structs are touched, which have not moved for long;
the rest is whatever its default_params functions return. Standard library only.
"""
import ctypes
import json
import pathlib
import resource
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "Q5_K_M": 17, "Q6_K": 18}
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
PLENTY = 1024  # bytes; larger than any of the parameter structs, which travel by value


class ModelParams(ctypes.Structure):
    _fields_ = [("rest", ctypes.c_byte * PLENTY)]


class ContextParams(ctypes.Structure):
    _fields_ = [("n_ctx", ctypes.c_uint32), ("n_batch", ctypes.c_uint32), ("n_ubatch", ctypes.c_uint32), ("n_seq_max", ctypes.c_uint32),
                ("rest", ctypes.c_byte * PLENTY)]


class QuantizeParams(ctypes.Structure):
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("rest", ctypes.c_byte * PLENTY)]


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32), ("token", ctypes.POINTER(ctypes.c_int32)), ("embd", ctypes.c_void_p),
                ("pos", ctypes.POINTER(ctypes.c_int32)), ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
                ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))), ("logits", ctypes.POINTER(ctypes.c_int8))]


def fail(message):
    sys.exit(f"llama_cpp.py: {message}")


def find(folder, pattern):
    found = sorted(folder.glob(pattern), key=lambda path: len(path.name))
    return found[0] if found else fail(f"no {pattern} in {folder}")


class Library:
    def __init__(self, request):
        folder = pathlib.Path(request.get("libraries") or find(HERE, "node_modules/@node-llama-cpp/linux-*[46]/bins/linux-*[46]"))
        for pattern in ("libggml-base*.so*", "libggml-cpu.so", "libggml.*so*"):  # in the order in which they need each other
            for path in sorted(folder.glob(pattern)):
                ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        ggml = ctypes.CDLL(str(find(folder, "libggml.*so*")), mode=ctypes.RTLD_GLOBAL)
        self.c = ctypes.CDLL(str(find(folder, "libllama.*so*")), mode=ctypes.RTLD_GLOBAL)
        self.c.llama_log_set(QUIET, None)
        if request.get("cpu"):
            ggml.ggml_backend_load.restype = ctypes.c_void_p
            path = find(folder, f"libggml-cpu-{request['cpu']}.so")
            if not ggml.ggml_backend_load(str(path).encode()):
                fail(f"{path.name} does not run on this processor")
        else:
            ggml.ggml_backend_load_all_from_path(str(folder).encode())
        self.c.llama_backend_init()
        self.c.llama_print_system_info.restype = ctypes.c_char_p
        versions = [path.name for path in folder.glob("libllama.v*.so")]
        self.engine = f"llama.cpp {versions[0][len('libllama.'):-len('.so')]}" if versions else "llama.cpp"
        for name, result in (("llama_model_default_params", ModelParams), ("llama_context_default_params", ContextParams),
                             ("llama_model_quantize_default_params", QuantizeParams), ("llama_model_load_from_file", ctypes.c_void_p),
                             ("llama_init_from_model", ctypes.c_void_p), ("llama_get_memory", ctypes.c_void_p),
                             ("llama_get_logits_ith", ctypes.POINTER(ctypes.c_float)), ("llama_batch_init", Batch)):
            getattr(self.c, name).restype = result

    def system(self):
        return self.c.llama_print_system_info().decode().strip()

    def load(self, path):
        model = self.c.llama_model_load_from_file(str(path).encode(), self.c.llama_model_default_params())
        return ctypes.c_void_p(model) if model else fail(f"cannot load {path}")


class Context:
    """Token ids spread over the vocabulary; which they are does not change the work."""

    def __init__(self, library, model, threads, tokens, sequences=1):
        self.c = library.c
        params = self.c.llama_context_default_params()
        params.n_ctx = (tokens + 255) // 256 * 256 * sequences
        params.n_seq_max = sequences
        self.batch_size = params.n_batch
        context = self.c.llama_init_from_model(model, params)
        self.context = ctypes.c_void_p(context) if context else fail("cannot make a context")
        self.c.llama_set_n_threads(self.context, threads, threads)
        self.memory = ctypes.c_void_p(self.c.llama_get_memory(self.context))
        self.batch = self.c.llama_batch_init(self.batch_size, 0, 1)
        self.seed = 0

    def decode(self, rows):
        """One call for rows of (position, sequence, wants logits); returns when the logits are there."""
        batch = self.batch
        batch.n_tokens = len(rows)
        for i, (position, sequence, wanted) in enumerate(rows):
            self.seed += 1
            batch.token[i] = 256 + self.seed * 7919 % 30000
            batch.pos[i] = position
            batch.n_seq_id[i] = 1
            batch.seq_id[i][0] = sequence
            batch.logits[i] = wanted
        if self.c.llama_decode(self.context, batch) != 0:
            fail("llama_decode failed")
        self.c.llama_synchronize(self.context)
        if rows[-1][2]:
            self.c.llama_get_logits_ith(self.context, ctypes.c_int32(-1))

    def feed(self, begin, end, sequence=0):
        """Seconds for positions begin .. end - 1 of one sequence."""
        start = time.perf_counter()
        for first in range(begin, end, self.batch_size):
            last = min(first + self.batch_size, end)
            self.decode([(position, sequence, position == end - 1) for position in range(first, last)])
        return time.perf_counter() - start

    def generate(self, begin, count, sequences=1):
        """Seconds for `count` steps of so many sequences together."""
        start = time.perf_counter()
        for position in range(begin, begin + count):
            self.decode([(position, sequence, True) for sequence in range(sequences)])
        return time.perf_counter() - start

    def truncate(self, length, sequence=0):
        self.c.llama_memory_seq_rm(self.memory, ctypes.c_int32(sequence), ctypes.c_int32(length), ctypes.c_int32(-1))


def speed(library, request):
    prompt, generated, depth = request["prompt"], request["gen"], request["depth"]
    start = time.perf_counter()
    model = library.load(request["model"])
    load = time.perf_counter() - start
    context = Context(library, model, request["threads"], depth + max(prompt, generated + 1) + 1)
    context.feed(0, 32)  # warm up
    context.generate(32, 1)
    context.truncate(0)
    out = {"load_s": load}
    if depth:
        out["fill_tokens_per_s"] = depth / context.feed(0, depth)
    if prompt:
        out["prefill_tokens_per_s"] = prompt / context.feed(depth, depth + prompt)
        context.truncate(depth)
    if generated:
        begin = max(1, depth)
        if depth == 0:
            context.feed(0, 1)
        out["decode_tokens_per_s"] = generated / context.generate(begin, generated)
    out["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if request.get("sequences", 1) > 1:
        count = request["sequences"]
        together = Context(library, model, request["threads"], generated + 2, count)
        together.generate(0, 2, count)
        out["batch_tokens_per_s"] = count * generated / together.generate(2, generated, count)
    return out


def first_token(library, request, start):
    model = library.load(request["model"])
    context = Context(library, model, request["threads"], request["prompt"] + 256)
    context.feed(0, request["prompt"])
    return {"first_token_s": time.perf_counter() - start}


def quantize(library, request):
    params = library.c.llama_model_quantize_default_params()
    params.nthread = request["threads"]
    params.ftype = FILE_TYPES[request["type"]]
    start = time.perf_counter()
    if library.c.llama_model_quantize(request["model"].encode(), request["out"].encode(), ctypes.byref(params)) != 0:
        fail("llama_model_quantize failed")
    return {"quantize_s": time.perf_counter() - start}


def main():
    if len(sys.argv) != 2 or not sys.argv[1].startswith("{"):
        sys.exit(__doc__)
    request = json.loads(sys.argv[1])
    start = time.perf_counter()
    library = Library(request)
    modes = {"speed": lambda: speed(library, request), "first_token": lambda: first_token(library, request, start),
             "quantize": lambda: quantize(library, request)}
    out = modes[request["mode"]]()
    print(json.dumps({"engine": library.engine, "system": library.system(), **out}))
    sys.stdout.flush()


if __name__ == "__main__":
    main()

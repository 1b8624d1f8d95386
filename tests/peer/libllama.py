"""llama.cpp's quantiser through ctypes: the prebuilt libllama of the npm package node-llama-cpp. Used by the peer tests."""
import ctypes
import pathlib
import platform
import shutil

FTYPES = {"q2_k": 10, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13, "q4_0": 2, "q4_1": 3, "q4_k_s": 14, "q4_k_m": 15, "iq4_nl": 25,
          "iq4_xs": 30, "mxfp4": 38, "q5_0": 8, "q5_1": 9, "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "q8_0": 7}


class ImatrixEntry(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("data", ctypes.POINTER(ctypes.c_float)), ("size", ctypes.c_size_t)]


class Params(ctypes.Structure):
    """struct llama_model_quantize_params of llama.h."""
    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int), ("output_tensor_type", ctypes.c_int),
                ("token_embedding_type", ctypes.c_int), ("allow_requantize", ctypes.c_bool),
                ("quantize_output_tensor", ctypes.c_bool), ("only_copy", ctypes.c_bool), ("pure", ctypes.c_bool),
                ("keep_split", ctypes.c_bool), ("dry_run", ctypes.c_bool), ("imatrix", ctypes.POINTER(ImatrixEntry)),
                ("kv_overrides", ctypes.c_void_p), ("tt_overrides", ctypes.c_void_p), ("prune_layers", ctypes.c_void_p)]


SKIPPED = 77  # the exit status that ctest takes for a skipped test


def libraries(peer: str) -> pathlib.Path | None:
    """The folder of llama.cpp's shared libraries; None, said aloud, where they are not installed."""
    machine = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}.get(platform.machine(), "unknown")
    folder = pathlib.Path(peer, "node_modules/@node-llama-cpp", machine, "bins", machine)
    if folder.is_dir() and shutil.which("node"):
        return folder
    print("LEFT OUT: comparisons with llama.cpp, which is not installed (make test-peer does it)")
    return None


class Quantiser:
    def __init__(self, folder: pathlib.Path) -> None:
        for pattern in ("libggml-base.so", "libggml.*.so"):
            ctypes.CDLL(str(next(folder.glob(pattern))), mode=ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(str(next(folder.glob("libllama.*.so"))))
        self.lib.llama_model_quantize_default_params.restype = Params
        self.lib.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
        self.lib.llama_model_quantize.restype = ctypes.c_uint32
        self.silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda *_: None)
        self.lib.llama_log_set(self.silent, None)

    def quantise(self, source, out, mix: str, threads: int = 2, imatrix: dict | None = None) -> None:
        """`imatrix`: tensor name -> list of mean squares, one a column."""
        params = self.lib.llama_model_quantize_default_params()
        params.nthread, params.ftype, params.allow_requantize = threads, FTYPES[mix], True
        kept = []
        if imatrix:
            entries = (ImatrixEntry * (len(imatrix) + 1))()
            for entry, (name, values) in zip(entries, imatrix.items()):
                data = (ctypes.c_float * len(values))(*values)
                kept.append(data)
                entry.name, entry.data, entry.size = name.encode(), data, len(values)
            params.imatrix = entries
        code = self.lib.llama_model_quantize(str(source).encode(), str(out).encode(), ctypes.byref(params))
        if code != 0:
            raise RuntimeError(f"llama_model_quantize {source} {mix}: status {code}")

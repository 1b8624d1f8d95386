#!/usr/bin/env python3
"""Checks that llama.cpp loads what `hearth convert` writes, and continues a text as hearth does.

Usage: convert_loads.py HEARTH PEER_FOLDER [MODEL ...]
PEER_FOLDER is one in which `npm install node-llama-cpp` was run. Without MODEL (a .gguf file or a Hugging Face folder), tiny
random models are made. Each is converted to every float type and to Q8_0; the greedy texts are compared.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import libllama  # noqa: E402
import make_tiny  # noqa: E402

TYPES = ["keep", "f32", "f16", "bf16", "q8_0"]
PROMPT = "hi the"
COUNT = 12


def main() -> int:
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    hearth, peer, *models = sys.argv[1:]
    if libllama.libraries(peer) is None:
        return libllama.SKIPPED
    failures = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        if not models:
            (folder / "tiny.gguf").write_bytes(make_tiny.make_gguf().to_bytes())
            make_tiny.write_folder(folder / "tiny-hf", make_tiny.make_folder())
            models = [str(folder / "tiny.gguf"), str(folder / "tiny-hf")]
        for model in models:
            for kind in TYPES:
                out = folder / "converted.gguf"
                subprocess.run([hearth, "convert", model, str(out), "--type", kind, "--force"], check=True, capture_output=True)
                ours = subprocess.run([hearth, "run", str(out), "--raw", "--temp", "0", "-n", str(COUNT), "-p", PROMPT],
                                      check=True, capture_output=True).stdout.decode("utf-8", "replace")
                result = subprocess.run(["node", str(HERE / "llama_cpp_continue.mjs"), peer, str(out), str(COUNT), PROMPT],
                                        capture_output=True)
                if result.returncode != 0:
                    failures += 1
                    print(f"FAILED {model} {kind}: llama.cpp refuses it: {result.stderr.decode()[-500:]}")
                    continue
                theirs = json.loads(result.stdout.decode().splitlines()[-1])
                same = theirs["text"] == ours
                print(f"{pathlib.Path(model).name} {kind}: loaded by llama.cpp {theirs['release']}, file_type "
                      f"{theirs['file_type']}, text {'equal' if same else 'differs'}: {ours!r}"
                      + ("" if same else f" / {theirs['text']!r}"))
                # In float32 the two must agree; other types may round activations differently.
                failures += kind == "f32" and not same
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

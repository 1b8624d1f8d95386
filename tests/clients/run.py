#!/usr/bin/env python3
"""Runs the client suites against a built hearth: run.py HEARTH [CLIENTS_PYTHON]. make test-clients installs what they need."""
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LEFT_OUT = 77  # ctest then says that nothing was tested


def main() -> int:
    hearth, python = sys.argv[1], pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    status, ran = 0, False
    if shutil.which("node") and (HERE / "node_modules" / "openai").exists():
        ran = True
        status |= subprocess.run(["node", "--test", "clients.test.mjs"], cwd=HERE, env={**__import__("os").environ, "HEARTH": hearth}).returncode
    else:
        print("LEFT OUT: the openai, ollama and ai packages of npm as clients of hearth serve (make test-clients)")
    if python and python.exists():
        ran = True
        status |= subprocess.run([python, "-B", HERE / "openai_test.py", hearth]).returncode
    else:
        print("LEFT OUT: the openai package of PyPI as a client of hearth serve (make test-clients)")
    return status if ran else LEFT_OUT


if __name__ == "__main__":
    sys.exit(main())

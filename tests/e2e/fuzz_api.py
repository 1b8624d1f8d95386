#!/usr/bin/env python3
"""schemathesis against hearth serve: requests made up from its own description of the API, right ones and wrong ones, to the random chat
model; no answer may be a server error, and each must be as the description says.

Usage: fuzz_api.py HEARTH SCHEMATHESIS [OPTIONS OF schemathesis run]     make test-api API="--max-examples 500 --seed 7"
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
# What is valid by the description may still ask for what cannot be (a model that is not there, a schema keyword that is not known, a
# prompt over the context), so that valid requests need not be accepted.
LEFT_OUT = "positive_data_acceptance"


def main() -> int:
    hearth, schemathesis, options = sys.argv[1], pathlib.Path(sys.argv[2]).absolute(), sys.argv[3:]
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "chat"
        subprocess.run([sys.executable, "-B", HERE.parent / "clients" / "make_chat_model.py", model], check=True)
        # A short context ends answers without max_tokens soon.
        server = subprocess.Popen([hearth, "serve", model, "--port", "0", "--quiet", "--ctx", "192", "--parallel", "4"], stderr=subprocess.PIPE, text=True,
                                  env={**os.environ, "HEARTH_HOME": folder + "/home", "HEARTH_NO_CHECK": "1"})
        url = next(found.group(0) for line in server.stderr if (found := re.search(r"http://[^\s]+", line)))
        log: list[str] = []
        threading.Thread(target=lambda: log.extend(server.stderr), daemon=True).start()
        try:
            status = subprocess.run([schemathesis, "run", url + "/openapi.json", "--checks", "all", "--exclude-checks", LEFT_OUT,
                                     "--phases", "examples,coverage,fuzzing", "--max-examples", "150", "--request-timeout", "60",
                                     "--wait-for-schema", "30", "--continue-on-failure", "--suppress-health-check", "all", "--output-sanitize", "false",
                                     *options],
                                    cwd=folder, check=False).returncode
        finally:
            server.terminate()
        if (ended := server.wait(60)) != 0:
            print(f"fuzz_api: the server ended with {ended}\n" + "".join(log[-20:]))
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env bash
# Regenerates every golden with the reference implementations in a virtual environment of its own. Needs the network for pip
# (PyTorch's CPU build) and several minutes. Review the diff: a golden changes only for a stated reason.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=build/golden-venv
if [ ! -x "$venv/bin/python" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q -r tools/golden/requirements.txt
fi
python=$venv/bin/python
data=${HEARTH_SHARED_DATA_DIR:-../shared/data}
"$python" tools/golden/formats.py
"$python" tools/golden/hf_logits.py
"$python" tools/golden/chat_template.py "$data/chat-templates"
"$python" tools/golden/tokenizer_digest.py --data "$data"
git status --short tests

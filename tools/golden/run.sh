#!/usr/bin/env bash
# Regenerates the golden data with the reference implementations, in a Python environment of its own (PYTHON=... uses that one
# instead). The result is a diff to be reviewed: goldens change only when a reference or a case changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
data=${HEARTH_SHARED_DATA_DIR:-../shared/data}
python=${PYTHON:-}
if [ -z "$python" ]; then
  venv=build/golden-venv
  [ -x "$venv/bin/python" ] || python3 -m venv "$venv"
  python=$venv/bin/python
  "$python" -m pip install --quiet --extra-index-url https://download.pytorch.org/whl/cpu -r tools/golden/requirements.txt
fi
"$python" tools/golden/hf_logits.py
"$python" tools/golden/formats.py tests/golden/kernels/formats.txt
# These read files that are not redistributed.
for script in tokenizer_digest chat_template; do
  [ -e "tools/golden/$script.py" ] || continue
  case $script in
    tokenizer_digest) needed=$data/tokenizers arguments=(--data "$data") ;;
    chat_template) needed=$data/chat-templates arguments=("$data/chat-templates") ;;
  esac
  if [ -d "$needed" ]; then
    "$python" "tools/golden/$script.py" "${arguments[@]}"
  else
    echo "NOT REGENERATED: $script.py needs $needed (HEARTH_SHARED_DATA_DIR)" >&2
  fi
done
git --no-pager diff --stat -- tests/golden

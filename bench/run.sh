#!/usr/bin/env bash
# make bench: microbenchmarks of the products, then hearth against its peers on the same files (bench/run.py --help).
# Arguments go to run.py; without any it measures everything, --quick has a look in some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

peers=build/bench/peers
run() {
  local python=python3
  [ -x $peers/bin/python ] && python=$peers/bin/python
  exec python3 bench/run.py --peer-python "$python" --out docs/benchmarks.md "$@"
}
case " $* " in
  *" --estimate "* | *" --report-only "* | *" --help "* | *" -h "*) run "$@" ;; # nothing is measured: nothing to build or install
esac
said=$(python3 bench/run.py --estimate "$@" 2>&1) || { echo "$said" >&2; exit 2; } # a wrong selection is refused before anything is built

cmake --preset release -DHEARTH_BENCH=ON
cmake --build --preset release --target hearth hearth_matmul_bench
build/release/bench/hearth_matmul_bench --benchmark_filter='read/|/3072/1024/(1|4|512)/' --benchmark_min_time=0.2

if [ ! -d bench/peer/node_modules/node-llama-cpp ]; then
  # Only its prebuilt libraries are used, which come as packages of their own; its install step would build from source.
  (cd bench/peer && npm install --no-audit --no-fund --ignore-scripts) ||
    echo "bench/run.sh: llama.cpp could not be installed; hearth will be measured without it" >&2
fi
# The other peers are Python packages; a virtual environment keeps them away from the system's.
if [ ! -x $peers/bin/python ] && [[ "$*" == *peers* || "$*" == *"suite all"* || "$*" != *--quick* && "$*" != *--suite* ]]; then
  { python3 -m venv $peers && $peers/bin/pip install -q -r bench/peer/requirements.txt; } ||
    echo "bench/run.sh: the other peers could not be installed; they are left out" >&2
fi
run "$@"

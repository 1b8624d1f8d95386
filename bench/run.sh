#!/usr/bin/env bash
# make bench: microbenchmarks of the products, then hearth against llama.cpp on the same files (bench/run.py --help).
# Arguments go to run.py.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset release -DHEARTH_BENCH=ON
cmake --build --preset release --target hearth hearth_matmul_bench
build/release/bench/hearth_matmul_bench --benchmark_filter='read/|/3072/1024/(1|4|512)/' --benchmark_min_time=0.2

if [ ! -d bench/peer/node_modules/node-llama-cpp ]; then
  # The package's own install step would build from source; its prebuilt libraries come as packages of their own.
  (cd bench/peer && npm install --no-audit --no-fund --ignore-scripts) ||
    echo "bench/run.sh: the peer could not be installed; only hearth will be measured" >&2
fi
exec python3 bench/run.py --out docs/benchmarks.md "$@"

#!/usr/bin/env bash
# Runs every fuzz target in turn: run_fuzzers.sh BUILD_DIR SECONDS. Seed corpora come from fuzz/make_corpus*.py; a crash stops the run
# and names the input. The corpus that grows is kept under BUILD_DIR/corpus.
set -euo pipefail
build=$1
seconds=$2
here=$(cd "$(dirname "$0")/.." && pwd)
for script in "$here"/fuzz/make_corpus*.py; do python3 "$script" "$build/corpus"; done
for target in "$build"/fuzz/*_fuzz; do
  name=$(basename "$target")
  mkdir -p "$build/corpus/$name" "$build/crashes"
  echo "== $name for $seconds s"
  "$target" "$build/corpus/$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$build/crashes/$name-" 2>"$build/$name.log" || { tail -30 "$build/$name.log"; exit 1; }
  grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' "$build/$name.log" || true
done

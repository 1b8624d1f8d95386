#!/usr/bin/env bash
# Runs a preset's tests: run_tests.sh PRESET [CTEST OPTIONS]. What was left out (material or rights that this machine lacks) is
# said aloud, which ctest does not do for tests that pass; its summary comes last.
set -uo pipefail
preset=$1
shift
folder=$(cd "$(dirname "$0")/.." && pwd)/build/$preset
ctest --preset "$preset" "$@" | tee "$folder/ctest.txt"
status=${PIPESTATUS[0]}
left_out=$(grep -ahoE '(NOT TESTED|MISSING TEST DATA|LEFT OUT|SKIPPED)( in part)?: .*|OK \(skipped=[0-9]+\)' "$folder/Testing/Temporary/LastTest.log" 2>/dev/null | sort -u)
if [ -n "$left_out" ]; then
  printf 'LEFT OUT by tests that passed:\n%s\n' "$left_out"
fi
grep -aE 'tests passed|tests failed' "$folder/ctest.txt"
exit "$status"

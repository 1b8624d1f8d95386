#!/usr/bin/env bash
# The web page in headless Chromium: run.sh [HEARTH]. Ends with 77 where Node, Chromium or web/node_modules is missing.
set -uo pipefail
folder=$(cd "$(dirname "$0")" && pwd)
command -v node >/dev/null || { echo "LEFT OUT: the web page in a browser, for which there is no Node (make test-web)"; exit 77; }
missing=$(node --input-type=module -e "import { missing } from '$folder/browser.mjs'; console.log(missing())")
[ -z "$missing" ] || { echo "LEFT OUT: the web page in a browser, for which there is no $missing (make test-web)"; exit 77; }
HEARTH=${1:-} exec node --test --test-concurrency=1 --test-reporter=spec "$folder/page_test.mjs" "$folder/server_test.mjs"

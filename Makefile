# Thin wrappers over the CMake presets: what is missing is installed, then configured, built and run.
# make demo | test | test-api | test-clients | test-peer | test-web | web | build | bench | fuzz | goldens | deps | clean
SHELL := /bin/bash
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 300
STORIES ?= ../shared/data/models/stories260k/stories260K.gguf

PACKAGES := g++ cmake ninja-build ccache pkg-config python3 ca-certificates \
  nlohmann-json3-dev libtomlplusplus-dev libcli11-dev libcurl4-openssl-dev libsodium-dev libedit-dev \
  libutf8proc-dev libboost1.81-dev libssl-dev libgtest-dev libgmock-dev
AARCH64_PACKAGES := g++-aarch64-linux-gnu qemu-user libcurl4-openssl-dev:arm64 libsodium-dev:arm64 libedit-dev:arm64 \
  libutf8proc-dev:arm64 libgtest-dev:arm64 libgmock-dev:arm64 libtomlplusplus-dev:arm64 \
  libboost1.81-dev:arm64 libssl-dev:arm64
BENCH_PACKAGES := libbenchmark-dev nodejs npm
GOLDEN_PACKAGES := python3-venv
WEB_PACKAGES := chromium fonts-dejavu-core
CLANG_PACKAGES := clang libclang-rt-14-dev

.PHONY: help deps build demo test client-debs client-packages test-api check-release test-asan test-tsan test-clang test-aarch64 test-clients test-peer web test-web bench bench-quick bench-gate fuzz goldens clean format tidy
.DEFAULT_GOAL := help

help:
	@echo "make demo     install what is missing, build, and let the built-in specialist answer a command"
	@echo "make test     build with warnings as errors and run every test suite"
	@echo "make test-clients  the openai, ollama and ai packages as clients of hearth serve; make test does it too, where it can install them"
	@echo "make test-api  thousands of requests made up from docs/openapi.json (schemathesis, of PyPI) to a running server"
	@echo "make test-peer  the comparisons with llama.cpp, which it installs into bench/peer (npm); make test runs most of them, where it is there"
	@echo "make test-web  the web page in headless Chromium, which it installs; make test does it too, where it can install them"
	@echo "make web      build the web page from web/ (npm) into web/dist, which is committed"
	@echo "make build    build/release/hearth"
	@echo "make deps     install the Debian packages hearth needs (apt; sudo when not root)"
	@echo "make bench    microbenchmarks, then all suites against the peers on the same files, into docs/benchmarks.md (BENCH=\"--estimate\": how long)"
	@echo "make bench-quick  the same for a few small models, in some minutes, printed only"
	@echo "make bench-gate  fail when this tree is 10% slower than what it branched from (GATE=\"--base REF\")"
	@echo "make fuzz     every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS) under ASan and UBSan"
	@echo "make goldens  regenerate golden data with the reference implementations (Python)"
	@echo "make clean    remove build/"

# Installs only what dpkg does not know yet, so that a second run costs nothing and needs no network.
define install_packages
	@missing=""; for p in $(1); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q "ok installed" || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  command -v apt-get >/dev/null || { echo "hearth needs these packages, please install them:$$missing"; exit 1; }; \
	  sudo=""; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
	  echo "installing:$$missing"; \
	  { $$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/tmp/hearth-deps.log 2>&1 \
	    || { tail -5 /tmp/hearth-deps.log; exit 1; }; \
	fi
endef

deps:
	$(call install_packages,$(PACKAGES))

build: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS)

demo: build
	@echo '$$ hearth run -p "dim the kitchen lights to 30 percent and lock the front door"'
	@build/release/hearth run -p "dim the kitchen lights to 30 percent and lock the front door"

test: deps client-packages
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS)
	@$(MAKE) --no-print-directory check-release
	@node=$$(web/node.sh 2>/dev/null) && PATH="$$node:$$PATH"; tools/run_tests.sh dev --timeout 900

client-debs:
	$(call install_packages,python3-venv $(WEB_PACKAGES))

# Real clients and a browser for the tests, from Debian and the public registries. Without a network they are left out.
client-packages: deps
	@$(MAKE) --no-print-directory client-debs >/dev/null 2>&1 || echo "LEFT OUT: python3-venv, $(WEB_PACKAGES) cannot be installed; is there a network? (make client-debs)"
	@tools/client_packages.sh

# The disassembly of the kernels as they are shipped: the tests look at those built for them.
check-release: deps
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target hearth_kernels
	@if [ "$$(uname -m)" = x86_64 ] && $(CXX) --version | grep -q 'Free Software Foundation'; then \
	  tools/check_spills.py build/release/libhearth_kernels.a && tools/check_vex.py build/release/libhearth_kernels.a; \
	else echo "LEFT OUT: the disassembly of the release kernels, which is checked for GCC and x86-64"; fi

test-asan test-tsan: test-%: deps
	@cmake --preset $* >/dev/null
	@cmake --build --preset $* -j $(JOBS)
	@tools/run_tests.sh $* --timeout 1800

test-clang: deps
	$(call install_packages,$(CLANG_PACKAGES))
	@cmake --preset clang >/dev/null
	@cmake --build --preset clang -j $(JOBS)
	@tools/run_tests.sh clang --timeout 900

test-aarch64: deps
	@dpkg --print-foreign-architectures | grep -q arm64 || dpkg --add-architecture arm64
	$(call install_packages,$(AARCH64_PACKAGES))
	@cmake --preset aarch64 >/dev/null
	@cmake --build --preset aarch64 -j $(JOBS)
	@tools/run_tests.sh aarch64 --timeout 3600

test-clients: deps client-packages
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target hearth
	@PATH="$$(web/node.sh):$$PATH"; ctest --preset dev -R '^clients$$' --no-tests=error --output-on-failure

test-api: deps
	$(call install_packages,python3-venv)
	@test -x build/api-python/bin/schemathesis || { python3 -m venv build/api-python && build/api-python/bin/pip install -q schemathesis==4.32.5; }
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target hearth
	@python3 -B tests/e2e/fuzz_api.py build/dev/hearth build/api-python/bin/schemathesis $(API)

test-peer: deps
	$(call install_packages,$(BENCH_PACKAGES) $(GOLDEN_PACKAGES))
	@test -d bench/peer/node_modules/node-llama-cpp || (cd bench/peer && npm install --no-audit --no-fund --ignore-scripts)
	@test -x build/peer-python/bin/python || { python3 -m venv build/peer-python && build/peer-python/bin/pip install -q numpy gguf; }
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target hearth hearth_encoders
	@ctest --preset dev -R '^peer_' --no-tests=error
	@if [ -f $(STORIES) ]; then HEARTH_NO_CHECK=1 build/peer-python/bin/python -B tests/peer/imatrix_reference.py build/dev/hearth bench/peer $(STORIES) README.md; \
	else echo "LEFT OUT: importance matrices, for which there is no $(STORIES)"; fi

web: deps
	$(call install_packages,python3-venv)
	@PATH="$$(web/node.sh):$$PATH"; cd web && npm ci --no-audit --no-fund --loglevel=error && npm run build

# Also that a fresh build gives the committed bytes.
test-web: web
	$(call install_packages,$(WEB_PACKAGES))
	@git diff --exit-code --stat -- web/dist || { echo "web/dist is not what its sources give; commit what was just built"; exit 1; }
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev -j $(JOBS) --target hearth
	@PATH="$$(web/node.sh):$$PATH"; tests/web/run.sh build/dev/hearth

fuzz: deps
	$(call install_packages,$(CLANG_PACKAGES))
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS)
	@tools/run_fuzzers.sh build/fuzz $(FUZZ_SECONDS)

bench: build
	$(call install_packages,$(BENCH_PACKAGES))
	@bench/run.sh $(BENCH)

bench-quick: build
	$(call install_packages,$(BENCH_PACKAGES))
	@bench/run.sh --quick $(BENCH)

bench-gate: deps
	@python3 bench/gate.py $(GATE)

goldens: build
	$(call install_packages,$(GOLDEN_PACKAGES))
	@tools/golden/run.sh

format:
	@git ls-files 'src/*.h' 'src/*.cpp' 'include/*' 'fuzz/*.cpp' 'tests/*.cpp' 'tests/*.c' | xargs clang-format -i

tidy: deps
	@cmake --preset dev >/dev/null
	@git ls-files 'src/*.cpp' | xargs -P $(JOBS) -n 4 clang-tidy -p build/dev --quiet

clean:
	@rm -rf build

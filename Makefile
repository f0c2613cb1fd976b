# Each target does its own set-up: a virtual environment in this clone, nothing outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: service-load service-lookups races setup clients demo test check faults sanitize fuzz bench clean

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml setup.py constraints.txt $(wildcard hashmatch/*/native/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

# Plaso needs some sixty packages; what speaks nsrlsvr's protocol in it needs these.
CLIENTS := plaso==20260720 acstore==20260411 dfdatetime==20261027

clients: setup ## Others' programs that ask in protocols of theirs, for the tests with them
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps $(CLIENTS)

demo: setup ## The main job on a small made-up disk image
	$(BIN)/python examples/demo.py

test: setup ## Every test that finishes quickly; what is skipped is said with its reason
	$(BIN)/python -m pytest

check: setup ## Types and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faults: setup ## Slow proofs: kill, power-cut, full-disk and bit-rot sweeps; the big list. About an hour, as root
	$(BIN)/python -m pytest -m slow -s --ignore=tests/api

service-proofs: setup ## Slow proofs of the service, with what they counted. Half an hour, as root
	$(BIN)/python -m pytest -m slow -s tests/api

# The address sanitizer must be in the process before Python is; Python's own allocations at exit are not leaks of ours.
SANITIZE := -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZED := build/sanitized

sanitize: setup ## The tests of hashing with the native code watched for bad reads, writes and undefined behaviour
	rm -rf $(SANITIZED) && mkdir -p $(SANITIZED)
	cp -r hashmatch tests setup.py pyproject.toml README.md $(SANITIZED)
	rm -f $(SANITIZED)/hashmatch/*/_native*.so
	cd $(SANITIZED) && CFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" $(CURDIR)/$(BIN)/python setup.py --quiet build_ext --inplace
	cd $(SANITIZED) && ASAN_OPTIONS=detect_leaks=0 LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" \
		$(CURDIR)/$(BIN)/python -m pytest tests/hashing

FUZZ_SECONDS ?= 60
KERNELS := $(addprefix hashmatch/hashing/native/,choice.c digesters.c many.c scalar.c lanes_*.c sha_ni*.c)

fuzz: ## The kernels against the plainest of them on random inputs, for FUZZ_SECONDS
	mkdir -p build
	gcc -std=gnu11 -O1 -Wall -Wextra -fno-strict-aliasing $(SANITIZE) -Ihashmatch/hashing/native \
		tests/hashing/fuzz_kernels.c $(KERNELS) -o build/fuzz_kernels
	build/fuzz_kernels $(FUZZ_SECONDS)

READING := $(addprefix hashmatch/hashing/native/,source.c stream.c queue.c worker.c sharing.c)

races: ## The engine's threads under the thread sanitizer, over made-up files
	mkdir -p build/races
	gcc -std=gnu11 -O1 -g -Wall -Wextra -fno-strict-aliasing -fsanitize=thread -pthread -Ihashmatch/hashing/native \
		tests/hashing/race_engine.c $(READING) $(KERNELS) -o build/race_engine
	for n in $$(seq 400); do head -c $$((n * n * 3)) /dev/urandom > build/races/$$n; done
	for n in 1 2 3; do head -c $$((6000000 + n)) /dev/urandom > build/races/large-$$n; done
	build/race_engine build/races
	rm -r build/races

bench: setup ## Benchmarks beside the peers that are installed; less with BENCH='--scale 0.05 --only hashing'
	$(BIN)/hashmatch bench --into benchmarks/runs $(BENCH)

service-load: setup ## Single look-ups, streams and memory of the service under load, with a list of ten million; needs wrk
	$(BIN)/python -m benchmarks.service_load --place $${TMPDIR:-/var/tmp}/hashmatch-bench --into benchmarks/runs/service

service-lookups: setup ## Digests a second through nsrlsvr's protocol and through HTTP, with a list of ten million
	$(BIN)/python -m benchmarks.lookups_over_network --place $${TMPDIR:-/var/tmp}/hashmatch-bench \
		--into benchmarks/runs/service-lookups

clean:
	rm -rf $(VENV) demo

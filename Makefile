# Each target does its own set-up: a virtual environment in this clone, nothing outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test check faults bench clean

setup: $(VENV)/.complete

$(VENV)/.complete: pyproject.toml setup.py constraints.txt $(wildcard hashmatch/*/native/*.[ch])
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

demo: setup ## The main job on a small made-up disk image
	$(BIN)/python examples/demo.py

test: setup ## Every test that finishes quickly; what is skipped is said with its reason
	$(BIN)/python -m pytest

check: setup ## Types and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

faults: setup ## Slow proofs: kill, power-cut, full-disk and bit-rot sweeps; the big list. About an hour, as root
	$(BIN)/python -m pytest -m slow -s

bench: setup ## Benchmarks beside the peers that are installed; less with BENCH='--scale 0.05 --only hashing'
	$(BIN)/hashmatch bench --into benchmarks/runs $(BENCH)

clean:
	rm -rf $(VENV) demo

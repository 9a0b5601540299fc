# make demo and make test do all the set-up they need: python3 >= 3.11, make and git are enough.

SHELL := /bin/sh
.DEFAULT_GOAL := help
BIN := .venv/bin
# A folder of this run's own: pytest closes the shared one to others whenever it starts, and the
# embedded database, which as root runs under another account, then loses its files.
TMP := /tmp/logos-test-$(shell id -u)-$(shell echo $$PPID)
SHAPE := --gate cycles=0 --gate room_cycles=0 --gate swallowed=0 --gate twins=0 --gate file_max=400 --gate body_max=60 --gate params_max=6
.PHONY: help setup demo test check format lint types imports shape unit bench up docs clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready  ## everything that is needed, in .venv
.venv/.ready: pyproject.toml scripts/setup
	@scripts/setup
	@touch $@

demo: setup  ## the main job, shown end to end
	@$(BIN)/python scripts/demo.py

test: setup  ## all tests
	@$(BIN)/pytest -q -n 2 --dist loadfile --basetemp=$(TMP) && rm -rf $(TMP)

check: format lint types imports shape unit  ## what must be clean before a commit
format: setup  ## formatting
	@$(BIN)/ruff format --check --quiet
lint: setup  ## ruff
	@$(BIN)/ruff check --quiet
types: setup  ## mypy, strict
	@$(BIN)/mypy
imports: setup  ## the architecture: who may import whom
	@$(BIN)/lint-imports --no-logo
shape: setup  ## sizes and cycles, as gates
	@$(BIN)/python tools/metrics.py src/logos --tests tests --json .venv/metrics.json $(SHAPE) >.venv/metrics.txt
unit: setup  ## the tests that need no database
	@$(BIN)/pytest -q -n 2 --dist loadfile --basetemp=$(TMP) tests/unit tests/arch && rm -rf $(TMP)

bench: setup  ## measurements
	@$(BIN)/python -m bench

up: setup  ## start the daemon
	@$(BIN)/logos up

docs: setup  ## write docs/manual anew
	@$(BIN)/python scripts/manual.py

clean:  ## remove what make has made
	@rm -rf .venv .tools .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find src tests scripts tools examples -name __pycache__ -prune -exec rm -rf {} +

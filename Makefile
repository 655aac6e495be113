# Everything that make builds lies under .venv/, .runtime/ and node_modules/. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
SEED ?= 1
MINUTES ?= 5
ONLY ?=
ROOM ?= streams/rules/orders
ARGS ?=
# Test processes; each takes one file at a time and starts systems of its own.
WORKERS ?= 2

# A stamp is newer than its sources, so that `make setup` repeats only changed parts.
TOOLCHAIN := .runtime/toolchain.stamp
UV := .runtime/uv/proofdesk.stamp
VENV := .venv/proofdesk.stamp
JARS := .runtime/kafka-lib/proofdesk.stamp
CLASSES := .runtime/kafka-lib/classes.stamp
NODE := node_modules/proofdesk.stamp
MPC := .runtime/mpc/proofdesk.stamp
MODULE := .venv/threshold-keys.stamp
GETH := .runtime/geth/proofdesk.stamp
ALL := $(MODULE) $(JARS) $(CLASSES) $(NODE)
PART := $(PYTHON) -m infra.setup.part
# Everything but the toolchain: `make test` adds go-ethereum.
PARTS = $(ALL)

.PHONY: help setup parts lock up down status demo test check check-tests soak bench chaos mutation lint lint-code clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: ## install what is missing (idempotent)
	@$(MAKE) --no-print-directory -j4 parts PARTS="$(PARTS)"

parts: $(PARTS)
	@:

$(TOOLCHAIN): infra/setup/toolchain.py
	@mkdir -p .runtime
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name one: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m infra.setup.toolchain
	@touch $@

$(UV): infra/setup/uv.lock | $(if $(PYTHON_ALONE),,$(TOOLCHAIN))
	@$(PART) uv $(PYTHON) -m infra.setup.environment
	@touch $@

$(VENV): requirements-dev.lock pyproject.toml | $(UV)
	@$(PART) python $(PYTHON) -m infra.setup.environment .venv requirements-dev.lock --project .
	@touch $@

# The Rust module of threshold keys. Installing it again into a new virtual environment takes a second: the compiled wheel stays.
$(MPC): infra/setup/maturin.lock $(wildcard infra/keys/mpc/* infra/keys/mpc/src/*) | $(UV)
	@$(PART) rust $(PYTHON) -m infra.setup.threshold_keys
	@touch $@

$(MODULE): $(VENV) $(MPC)
	@$(PART) module $(PYTHON) -m infra.setup.threshold_keys --into .venv
	@touch $@

$(JARS): infra/kafka/broker/pom.xml infra/kafka/broker/jars.sha256 | $(TOOLCHAIN)
	@$(PART) jars $(PYTHON) -m infra.setup.jars
	@touch $@

# Brokers start a second earlier with the archive; Java ignores an archive that does not fit.
$(CLASSES): $(JARS) infra/kafka/class_archive.py | $(VENV)
	@$(PART) classes $(PY) -m infra.kafka.class_archive
	@touch $@

# Not `npm ci`: it refuses a lock without every platform's anvil, and mirrors need not carry them all.
# `--no-save` leaves the lock unchanged; npm still checks each package against its integrity hash.
$(NODE): package.json package-lock.json .npmrc | $(TOOLCHAIN)
	@$(PART) npm npm install --no-save --loglevel=error
	@touch $@

# Builds a second kind of node for the tests, from source: minutes the first time. go.mod has its version, go.sum the checksum of
# every module. Go 1.21 or newer fetches the compiler that it needs; without it those tests are skipped and say so.
$(GETH): infra/setup/go-ethereum/go.mod infra/setup/go-ethereum/go.sum | $(TOOLCHAIN)
	@if go version 2>/dev/null | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then \
	    $(PART) geth go -C infra/setup/go-ethereum build -mod=readonly -trimpath -o $(CURDIR)/$(@D)/bin/geth \
	        github.com/ethereum/go-ethereum/cmd/geth && touch $@; \
	else echo "Go 1.21 or newer is not installed: tests that need go-ethereum are skipped; install Go to run them"; fi

lock: $(TOOLCHAIN) ## pin every download by its checksum (ARGS=--upgrade: take the newest releases)
	@$(PYTHON) -m infra.setup.lock $(ARGS)

up: setup ## start the whole system
	@$(PY) -m infra.local_cluster up --found streams.samples.institution:establish $(ARGS)

down: ## stop it and keep its data (ARGS=--delete deletes the data)
	@if test -x $(PY); then $(PY) -m infra.local_cluster down $(ARGS); fi

status: setup ## processes, ports, URLs, lag (ARGS=--json for machines)
	@$(PY) -m infra.local_cluster status $(ARGS)

demo: setup ## the NewSwap scenario on the whole system, which stays up
	@$(PY) -m tests.scenarios.newswap.demo

test: PARTS = $(ALL) $(GETH)
test: setup ## every test, on real components of its own
	@$(PY) -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

check: ## lint and every test that needs Python alone, in under 90 s
	@$(MAKE) --no-print-directory parts PARTS=$(VENV) PYTHON_ALONE=1
	@$(MAKE) --no-print-directory --output-sync -j2 lint-code check-tests PYTHON_ALONE=1

check-tests:
	@$(PY) -m pytest --quiet --numprocesses $(WORKERS) -m "pure and not slow" $(ARGS)

soak: setup ## the long runs: all thousand seeds, both kinds of chaos (SEED=1 MINUTES=5)
	@$(PY) -m pytest tests/streams/pipeline --seeds 1000
	@$(PY) -m tests.chaos --seed $(SEED) --minutes $(MINUTES)
	@$(PY) -m tests.chaos --seed $(SEED) --minutes $(MINUTES) --signing

bench: setup ## benchmarks beside their peers (ONLY=name for one)
	@$(PY) -m tests.bench $(ONLY)

chaos: setup ## faults under load (SEED=1 MINUTES=5; ARGS=--signing: kills signers)
	@$(PY) -m tests.chaos --seed $(SEED) --minutes $(MINUTES) $(ARGS)

mutation: setup ## count changes to a folder's code that its tests notice (ROOM=streams/rules/orders)
	@$(PY) -m tests.mutation $(ROOM)

lint: setup lint-code ## ruff, mypy, import-linter, deptry, schemas, documents

lint-code:
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/deptry .
	@$(PY) -m schemas.check
	@$(PY) -m schemas.document --check && $(PY) -m commands.gateway.document --check && $(PY) -m tests.docs

clean: down ## remove everything that was made
	rm -rf .venv .runtime node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

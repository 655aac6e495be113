# Everything it makes lies under .venv/, .runtime/ and node_modules/. `make` alone lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
PY := .venv/bin/python
SEED ?= 1
MINUTES ?= 5
ONLY ?=
ROOM ?= streams/desk
ARGS ?=

# Stamps are newer than what they were made from, so that `make setup` does only what has changed.
TOOLCHAIN := .runtime/toolchain.stamp
VENV := .venv/proofdesk.stamp
JARS := .runtime/kafka-lib/proofdesk.stamp
NODE := node_modules/proofdesk.stamp
MPC := .runtime/mpc/proofdesk.stamp
GETH_VERSION := v1.17.2
GETH := .runtime/geth/$(GETH_VERSION).stamp

.PHONY: help setup lock up down status demo test bench chaos mutation lint clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV) $(JARS) $(NODE) $(MPC) ## install what is missing (idempotent)

$(TOOLCHAIN): infra/toolchain.py
	@mkdir -p .runtime
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; say which: make setup PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -m infra.toolchain
	@touch $@

$(VENV): requirements-dev.lock pyproject.toml | $(TOOLCHAIN)
	@test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	PYTHONWARNINGS=ignore $(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The Rust module of threshold keys. A new virtual environment needs it again, which takes a second: what was compiled stays.
$(MPC): $(VENV) $(wildcard infra/keys/mpc/* infra/keys/mpc/src/*)
	CARGO_TARGET_DIR=$(CURDIR)/.runtime/mpc VIRTUAL_ENV=$(CURDIR)/.venv .venv/bin/maturin develop --quiet --release --locked \
	    --manifest-path infra/keys/mpc/Cargo.toml
	@touch $@

$(JARS): infra/kafka/broker/pom.xml | $(TOOLCHAIN)
	@rm -rf .runtime/kafka-lib
	mvn -q -B -f $< dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.runtime/kafka-lib -DincludeScope=runtime
	@touch $@

# Not `npm ci`: that refuses a lock without every platform's anvil, and mirrors need not carry them all.
# `--no-save` leaves the lock as it is; what is in it is still held to its integrity hashes.
$(NODE): package.json package-lock.json .npmrc | $(TOOLCHAIN)
	npm install --no-save --loglevel=error
	@touch $@

# A second kind of node for the tests, from source: minutes the first time. Without Go 1.21 or newer, which fetches the
# compiler that it needs by itself, those tests are skipped and say so.
$(GETH): | $(TOOLCHAIN)
	@mkdir -p $(@D)
	@if go version 2>/dev/null | grep -qE 'go1\.(2[1-9]|[3-9][0-9])'; then \
	    GOBIN=$(CURDIR)/$(@D)/bin go install -trimpath github.com/ethereum/go-ethereum/cmd/geth@$(GETH_VERSION) && touch $@; \
	else echo "Go 1.21 or newer is not installed: what needs go-ethereum is not tested" >&2; fi

lock: $(TOOLCHAIN) ## resolve the newest dependencies and pin them with hashes
	@test -x .runtime/lock/bin/uv || { $(PYTHON) -m venv .runtime/lock && .runtime/lock/bin/pip install --quiet uv; }
	.runtime/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $(ARGS) pyproject.toml -o requirements.lock
	.runtime/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $(ARGS) --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	for peer in quix faust eventsourcing; do .runtime/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-emit-index-url --no-emit-find-links $(ARGS) tests/bench/requirements-$$peer.in \
	    -o tests/bench/requirements-$$peer.lock || exit 1; done
	.runtime/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	    --no-emit-index-url --no-emit-find-links $(ARGS) -c requirements-dev.lock tests/mutation/requirements.in \
	    -o tests/mutation/requirements.lock
	npm install --package-lock-only --loglevel=error

up: setup ## start the whole system
	@$(PY) -m infra.cluster up --found tests.scenarios.newswap.institution:establish $(ARGS)

down: ## stop it; what it knows is kept (ARGS=--delete forgets it)
	@if test -x $(PY); then $(PY) -m infra.cluster down $(ARGS); fi

status: setup ## processes, ports, URLs, lag (ARGS=--json for machines)
	@$(PY) -m infra.cluster status $(ARGS)

demo: setup ## the NewSwap scenario on the whole system, which stays up
	@$(PY) -m tests.scenarios.newswap.demo

test: setup $(GETH) ## every test, on real components of its own
	@$(PY) -m pytest $(ARGS)

bench: setup ## benchmarks beside their peers (ONLY=name for one)
	@$(PY) -m tests.bench $(ONLY)

chaos: setup ## faults under load (SEED=1 MINUTES=5; ARGS=--signing: of signers)
	@$(PY) -m tests.chaos --seed $(SEED) --minutes $(MINUTES) $(ARGS)

mutation: setup ## what the tests of a room notice when its code is changed (ROOM=streams/desk)
	@$(PY) -m tests.mutation $(ROOM)

lint: setup ## ruff, mypy, import-linter, schema compatibility
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@$(PY) -m schemas.check

clean: down ## remove everything that was made
	rm -rf .venv .runtime node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

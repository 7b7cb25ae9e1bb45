# One verb list for people, hooks and CI. `make help` explains the verbs.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROBLEM ?= toronto
DATA ?=
QUICK ?=
PRESET ?= $(if $(QUICK),quick)
SEED ?=
RUNNER ?=
TUNE ?=
ARGS ?=

# Nothing phones home; set any of these yourself to turn it on (docs/configuration.md).
export DO_NOT_TRACK ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
export GX_ANALYTICS_ENABLED ?= false
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --no-deps
# On every core, where pip uses one. Left to the first import it is done by each process anew where bytecode can't be
# written (PYTHONDONTWRITEBYTECODE, a read-only image): ten seconds and more of each start.
COMPILE := { $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib evenhand tasks flows || true; } > /dev/null

.PHONY: help train score review ledger rollback bench bench-keel gate-backtest ui deploy worker test check soak schema lock clean setup setup-dev
help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}; name another with PYTHON=...") if v < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

# The lock file is complete, so pip need not resolve anything: --no-deps is quicker, and the hashes are checked.
$(RUNTIME): requirements.lock | $(BIN)/python
	@echo "Setting up $(VENV) (once, about a minute and a half)"
	@$(INSTALL) --require-hashes -r requirements.lock 2> >(grep -v "is ignored: it is neither" >&2)
	@$(INSTALL) --no-build-isolation --editable .  2> >(grep -v "is ignored: it is neither" >&2)
	@$(COMPILE)
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Adding what tests need to $(VENV) (once)"
	@$(INSTALL) --require-hashes -r requirements-dev.lock 2> >(grep -v "is ignored: it is neither" >&2)
	@$(COMPILE)
	@touch $@

setup: $(RUNTIME)
setup-dev: $(DEV)

train: $(RUNTIME) ## train, compare, register, judge: PROBLEM=toronto DATA=my.csv QUICK=1 PRESET=full SEED=7 TUNE=1 ARGS="--help"
	@$(BIN)/python -m flows.train --problem $(PROBLEM) $(if $(DATA),--data '$(DATA)') $(if $(PRESET),--preset $(PRESET)) \
		$(if $(SEED),--seed $(SEED)) $(if $(RUNNER),--runner $(RUNNER)) $(if $(TUNE),--tune) $(ARGS)

score: $(RUNTIME) ## give new rows classes and probabilities by the champion: DATA=new.csv ARGS="--out scored.csv"
	@$(BIN)/python -m flows.score --problem $(PROBLEM) --data '$(DATA)' $(ARGS)

review: $(RUNTIME) ## list what waits for a decision, show the case, approve or reject it
	@$(BIN)/python -m flows.promote $(ARGS)

ledger: $(RUNTIME) ## show and verify what was ever decided: ARGS="--on 2026-11-22", ARGS="--why"
	@$(BIN)/python -m flows.ledger --problem $(PROBLEM) $(ARGS)

rollback: $(RUNTIME) ## put the previous champion back: ARGS='--reviewer "A. Person" --reason "..."'
	@$(BIN)/python -m flows.rollback --problem $(PROBLEM) $(ARGS)

bench: $(DEV) ## what a training costs, against the plain script and as data grow: ARGS="--only grid --rows 40000"
	@$(BIN)/python -m benchmarks.speed $(ARGS)

gate-backtest: $(DEV) ## measure the gate's error rates on simulated pairs and past years
	@$(BIN)/python -m benchmarks.gate_backtest --problem $(PROBLEM) $(ARGS)

bench-keel: $(RUNTIME) ## rank every strategy over 34 KEEL data sets (about ten minutes; goes on where it was stopped)
	@$(BIN)/python -m benchmarks.keel $(ARGS)

ui: $(RUNTIME) ## open the MLflow and Prefect pages of the embedded stores (ctrl-c ends both)
	@$(BIN)/python -m tasks.local.ui

deploy worker: export PREFECT_API_URL ?= http://127.0.0.1:4200/api
deploy: $(RUNTIME) ## put the deployments of prefect.yaml on the Prefect server that PREFECT_API_URL names
	@$(BIN)/prefect --no-prompt work-pool inspect evenhand >/dev/null 2>&1 || \
		$(BIN)/prefect --no-prompt work-pool create evenhand --type process
	@$(BIN)/prefect --no-prompt deploy --all

worker: $(RUNTIME) ## run what is scheduled, on this machine
	@$(BIN)/prefect worker start --pool evenhand --type process

test: $(DEV) ## every test
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

check: $(DEV) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

soak: $(DEV) ## the long repetitions
	@$(BIN)/python -m pytest -m soak $(ARGS)

schema: $(RUNTIME) ## write docs/summary.schema.json anew
	@$(BIN)/python -c 'import json; from evenhand.report.summary import Summary; print(json.dumps(Summary.model_json_schema(), indent=2))' > docs/summary.schema.json

lock: ## resolve requirements.lock and requirements-dev.lock anew (needs uv on the PATH)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate -o requirements.lock
	uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements-dev.lock

clean: ## remove the environment and caches; keeps var/ (data, registry) and runs/
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

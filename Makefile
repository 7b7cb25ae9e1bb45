# One list of commands for people, hooks and CI: `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROBLEM ?= toronto
DATA ?=
LABELS ?=
QUICK ?=
PRESET ?= $(if $(QUICK),quick)
SEED ?=
RUNNER ?=
TUNE ?=
HOST ?=
PORT ?=
NO_REUSE ?=
ARGS ?=
RUN ?= latest
TARGET ?=
NAME ?=
FORCE ?=
RECIPES ?=

# No library sends telemetry; set any of these variables to allow it (docs/configuration.md).
export DO_NOT_TRACK ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false
export GX_ANALYTICS_ENABLED ?= false
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

# A name or path reaches the command as it was given, with its spaces, quotes and dollars.
quoted = '$(subst ','\'',$(value $(1)))'

RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --no-deps
# Compiles on every core (pip uses one). Otherwise every process would compile at its start where bytecode can't be
# written (PYTHONDONTWRITEBYTECODE, a read-only image), which takes ten seconds and more.
COMPILE := { $(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib evenhand tasks flows service || true; } > /dev/null

.PHONY: help train score review ledger rollback bench bench-keel bench-promise gate-backtest ui deploy worker test check soak schema lock clean setup setup-dev serve init analyse judge monitor bench-monitor figures
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-14s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(f"Python 3.11 or newer is needed, {sys.executable} is {v[0]}.{v[1]}; name another with PYTHON=...") if v < (3, 11) else None'
	@$(PYTHON) -m venv $(VENV)

# The lock file is complete: --no-deps skips the resolver, and --require-hashes checks every package.
$(RUNTIME): requirements.lock | $(BIN)/python
	@echo "Setting up $(VENV) (once, about a minute and a half)"
	@$(INSTALL) --require-hashes -r requirements.lock 2> >(grep -v "is ignored: it is neither" >&2)
	@$(INSTALL) --no-build-isolation --editable .  2> >(grep -v "is ignored: it is neither" >&2)
	@$(COMPILE)
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Adding the test dependencies to $(VENV) (once)"
	@$(INSTALL) --require-hashes -r requirements-dev.lock 2> >(grep -v "is ignored: it is neither" >&2)
	@$(COMPILE)
	@touch $@

setup: $(RUNTIME)
setup-dev: $(DEV)

##@ First use
init: $(RUNTIME) ## propose a problem file for rows of your own: DATA=city.csv TARGET=kind NAME=city FORCE=1 RECIPES=0
	@$(BIN)/python -m flows.init --data=$(call quoted,DATA) --target=$(call quoted,TARGET) $(if $(value NAME),--name=$(call quoted,NAME)) \
		$(if $(FORCE),--force) $(if $(filter 0,$(RECIPES)),--no-recipes) $(ARGS)

train: $(RUNTIME) ## train, compare, register, judge: PROBLEM=toronto DATA=my.csv QUICK=1 PRESET=full SEED=7 TUNE=1 NO_REUSE=1 ARGS="--help"
	@$(BIN)/python -m flows.train --problem=$(call quoted,PROBLEM) $(if $(value DATA),--data=$(call quoted,DATA)) $(if $(PRESET),--preset $(PRESET)) \
		$(if $(SEED),--seed $(SEED)) $(if $(RUNNER),--runner $(RUNNER)) $(if $(TUNE),--tune) $(if $(NO_REUSE),--no-reuse) $(ARGS)

analyse: $(RUNTIME) ## map where and when crime is likely, and how sure that is: PROBLEM=toronto DATA=my.csv SEED=7
	@$(BIN)/python -m flows.analyse --problem=$(call quoted,PROBLEM) $(if $(value DATA),--data=$(call quoted,DATA)) \
		$(if $(SEED),--seed $(SEED)) $(ARGS)

score: $(RUNTIME) ## predict new rows with the champion: DATA=new.csv ARGS="--out scored.csv"
	@$(BIN)/python -m flows.score --problem=$(call quoted,PROBLEM) --data=$(call quoted,DATA) $(ARGS)

##@ Review
judge: $(RUNTIME) ## judge a version again whose verdict was an error, without a fit: ARGS="--version 3"
	@$(BIN)/python -m flows.judge --problem=$(call quoted,PROBLEM) $(if $(PRESET),--preset $(PRESET)) $(ARGS)

review: $(RUNTIME) ## list the versions that wait for a decision, show one, approve or reject it
	@$(BIN)/python -m flows.promote $(ARGS)

ledger: $(RUNTIME) ## show and verify every decision: ARGS="--on 2026-11-22", ARGS="--why"
	@$(BIN)/python -m flows.ledger --problem=$(call quoted,PROBLEM) $(ARGS)

rollback: $(RUNTIME) ## put the previous champion back: ARGS='--reviewer "A. Person" --reason "..."'
	@$(BIN)/python -m flows.rollback --problem=$(call quoted,PROBLEM) $(ARGS)

figures: $(RUNTIME) ## draw the figures of every candidate of a training: RUN=latest ARGS="--candidate smote"
	@$(BIN)/python -m tasks.local.figures --run=$(call quoted,RUN) $(ARGS)

##@ Operate
serve: $(RUNTIME) ## answer rows over HTTP with the champion: PORT=8000 HOST=127.0.0.1 ARGS="--help"
	@$(BIN)/python -m service.serve --problem=$(call quoted,PROBLEM) $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(ARGS)

monitor: $(RUNTIME) ## compare new rows and late labels with what the champion promised: DATA=new.parquet LABELS=late.csv
	@$(BIN)/python -m flows.monitor --problem=$(call quoted,PROBLEM) $(if $(value DATA),--data=$(call quoted,DATA)) \
		$(if $(value LABELS),--labels=$(call quoted,LABELS)) $(ARGS)

ui: $(RUNTIME) ## open the MLflow and Prefect pages of the embedded stores (ctrl-c stops both)
	@$(BIN)/python -m tasks.local.ui

deploy worker: export PREFECT_API_URL ?= http://127.0.0.1:4200/api
deploy: $(RUNTIME) ## register the deployments of prefect.yaml on the Prefect server at PREFECT_API_URL
	@$(BIN)/prefect --no-prompt work-pool inspect evenhand >/dev/null 2>&1 || \
		$(BIN)/prefect --no-prompt work-pool create evenhand --type process
	@$(BIN)/prefect --no-prompt deploy --all
	@$(BIN)/prefect --no-prompt automation delete evenhand-lost-runs >/dev/null 2>&1 || true
	@$(BIN)/prefect --no-prompt automation create --from-file infra/automations.yaml

# Flows are imported from this checkout, whoever deployed them; see infra/automations.yaml for the heartbeat.
worker: export PYTHONPATH := $(CURDIR)$(if $(PYTHONPATH),:$(PYTHONPATH))
worker: export PREFECT_FLOWS_HEARTBEAT_FREQUENCY ?= 30
worker: $(RUNTIME) ## run scheduled flows on this machine
	@$(BIN)/prefect worker start --pool evenhand --type process

##@ Develop
bench: $(DEV) ## measure the cost of a training, against a plain script and with more rows: ARGS="--only grid --rows 40000"
	@$(BIN)/python -m benchmarks.speed $(ARGS)

gate-backtest: $(DEV) ## measure the gate's error rates on simulated pairs of models and on past years
	@$(BIN)/python -m benchmarks.gate_backtest --problem=$(call quoted,PROBLEM) $(ARGS)

bench-keel: $(RUNTIME) ## rank every strategy over 34 KEEL data sets (about ten minutes; can be resumed)
	@$(BIN)/python -m benchmarks.keel $(ARGS)

bench-promise: $(RUNTIME) ## compare expected scores with held-out ones on some 270 small splits (can be resumed)
	@$(BIN)/python -W ignore -m benchmarks.promise $(ARGS)

bench-monitor: $(DEV) ## measure false alarms and delays of the monitor, simulated and on past years of the problem
	@$(BIN)/python -m benchmarks.monitoring --problem=$(call quoted,PROBLEM) $(ARGS)

test: $(DEV) ## run every test, or some: ARGS="tests/core"
	@$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

check: $(DEV) ## check format, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

soak: $(DEV) ## run the long, repeated tests
	@$(BIN)/python -m pytest -m soak $(ARGS)

schema: $(RUNTIME) ## write docs/summary.schema.json
	@$(BIN)/python -c 'import json; from evenhand.report.summary import Summary; print(json.dumps(Summary.model_json_schema(), indent=2))' > docs/summary.schema.json

lock: ## resolve requirements.lock and requirements-dev.lock again (needs uv on the PATH)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--no-annotate -o requirements.lock
	uv pip compile pyproject.toml --extra dev -c requirements.lock --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -o requirements-dev.lock

clean: ## remove the environment and caches; keep var/ (data, registry) and runs/
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

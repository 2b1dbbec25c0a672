.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint format lock clean
UV := $(shell command -v uv || echo .uv/bin/uv)
RUN := $(UV) run --no-sync
BACHATA := .venv/bin/bachata

help: ## Show these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

setup: .venv/.synced ## Set up everything: environment, system libraries, Kafka, pose model
	@$(BACHATA) setup

demo: setup ## Make a choreography video of a demo song
	@$(BACHATA) demo

test: setup lint ## Check the code and run all tests but the long ones (under 10 minutes)
	$(RUN) pytest -m "not chaos and not quality"

test-fast: .venv/.synced ## Run the tests that need no Kafka
	$(RUN) pytest tests/unit tests/contract tests/security

lint: .venv/.synced ## Check style, types and the rules of import
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) lint-imports

format: .venv/.synced ## Format the code
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

lock: ## Resolve the dependencies anew
	$(UV) lock

clean: ## Remove the environment; the data folder stays
	rm -rf .venv .uv

.venv/.synced: pyproject.toml uv.lock | $(UV)
	$(UV) sync --locked --quiet
	@touch $@

.uv/bin/uv:
	@python3 -c 'import venv, ensurepip' 2>/dev/null || { echo "error: Python's venv is missing; on Debian: apt-get install python3-venv"; exit 1; }
	python3 -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

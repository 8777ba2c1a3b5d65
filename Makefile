# Undertone's front door. `make` alone lists what there is.

PYTHON ?= python3
VENV   ?= .venv
TRAIN  ?= .venv-train
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

DEMO_DATA ?= .cache/demo
RUN       ?= runs/default

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-networks check format stack bench train evaluate export clean

help: ## List what you can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Undertone needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --progress-bar on --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --progress-bar on --editable '.[dev]'
	@touch $@

# Training brings five gigabytes of torch: an environment of its own keeps the other one light.
$(TRAIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(TRAIN)
	$(TRAIN)/bin/python -m pip --disable-pip-version-check install --quiet --progress-bar on --editable '.[train,dev]'
	@touch $@

install: $(VENV)/.installed ## Install into .venv what the product needs (no torch)

demo: $(VENV)/.installed ## Replay the sample archive through both networks, and look at it
	@rm -rf $(DEMO_DATA)
	UNDERTONE_DATA_DIR=$(DEMO_DATA) $(BIN)/undertone replay deploy/sample/posts.jsonl.gz \
		--media deploy/sample/media --topics deploy/sample/topics.yaml --namespace demo \
		--stay --open

test: $(VENV)/.installed-dev ## Run every test; servers that can't be had are skipped loudly
	$(BIN)/python -m pytest

test-fast: $(VENV)/.installed-dev ## Run the tests that need no server (under a minute)
	$(BIN)/python -m pytest -m "not integration and not e2e and not slow"

test-networks: $(TRAIN)/.installed ## Run the tests of the networks' own code, with torch
	$(TRAIN)/bin/python -m pytest tests/unit/models

check: $(VENV)/.installed-dev ## Format, lint and types, as CI has it
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

stack: $(VENV)/.installed-dev ## Start Kafka, Valkey and Triton here, without Docker, until Ctrl-C
	$(BIN)/python -m tests.servers.stack

bench: $(VENV)/.installed-dev ## Measure this machine; each benchmark ends in one JSON line
	$(BIN)/python -m tests.bench

train: $(TRAIN)/.installed ## Train both networks from ../shared/data (hours)
	$(TRAIN)/bin/python -m models.train --run $(RUN)

evaluate: $(TRAIN)/.installed ## Every table and figure of the networks, from the run
	$(TRAIN)/bin/python -m models.evaluate --run $(RUN)

export: $(TRAIN)/.installed ## ONNX files for models/artifacts, checked against torch
	$(TRAIN)/bin/python -m models.export --run $(RUN)

clean: ## Remove what was built and downloaded
	rm -rf $(VENV) $(TRAIN) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

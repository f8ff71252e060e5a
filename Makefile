# The two commands: `make run` serves the platform, `make test` tests it. Each sets up what it needs by itself.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# cpu: the engines that are fast on CPUs; torch: the engines of the design card, on CPUs too. Without a word: torch where
# there is a GPU. `make run PROFILE=torch` chooses, `make run CONFIG=my.yaml` serves something else.
GPU_PROFILE := $(shell ops/profile.sh)
PROFILE ?= $(GPU_PROFILE)
EXTRAS_cpu := cpu
EXTRAS_torch := cpu,torch
EXTRAS := $(EXTRAS_$(PROFILE))
$(if $(EXTRAS),,$(error PROFILE=$(PROFILE): must be cpu or torch))
CONFIG_cpu := serve_config.yaml
CONFIG_torch := $(if $(filter torch,$(GPU_PROFILE)),serve_config.gpu.yaml,serve_config.torch.yaml)
CONFIG ?= $(CONFIG_$(PROFILE))
export VIRTUAL_ENV_DISABLE_PROMPT := 1

.PHONY: help run test fast check format clean setup setup-dev

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | column -ts $$'\t'

setup:  ## Install what the platform needs into .venv
	@PYTHON=$(PYTHON) VENV=$(VENV) ops/setup.sh $(EXTRAS)

setup-dev:
	@PYTHON=$(PYTHON) VENV=$(VENV) ops/setup.sh cpu,torch,dev

run: setup  ## Set up and serve the platform on http://127.0.0.1:8000
	@exec $(BIN)/smartlite serve --config $(CONFIG)

test: setup-dev  ## Set up and run every test
	@$(BIN)/smartlite models pull --all
	@exec $(BIN)/pytest

fast: setup-dev  ## Run the tests that need no network, no cluster and no weights
	@exec $(BIN)/pytest -m "not integration and not serve and not models and not browser"

check: setup-dev  ## Format, lint, types and imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python ops/reference.py --check

format: setup-dev  ## Format the code, mend what the linter can, write the tables of the docs
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/python ops/reference.py

clean:  ## Remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache *.egg-info

# Two commands do all the set-up: `make chat` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: chat test check bench screenshots recordings embedder-graph starter-index clean

chat: $(VENV)/.installed
	@$(BIN)/llmroute chat

test: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/pytest

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: $(VENV)/.installed-bench
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench

screenshots: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.screenshots

recordings: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.recordings recordings

embedder-graph: $(VENV)/.installed-dev
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.embedder_graph

starter-index: $(VENV)/.installed
	HF_HUB_OFFLINE=1 $(BIN)/python -m bench.starter_index

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing llmroute into $(VENV) (a few minutes the first time) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@$(PIP) --editable ".[dev]"
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@$(PIP) --editable ".[bench]"
	@touch $@

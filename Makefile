# Everything a newcomer runs. `make setup` makes .venv with the `truckroll` command; the others call it when needed.
# Arguments: make demo ARGS="--auto-approve --exit"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
PACKAGES := connectors decisions deployments flows models sandbox store tasks
ARGS ?=
WORKERS ?= 2

.PHONY: setup demo test test-crash test-e2e check format bench

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "Truckroll needs Python 3.11 or newer; name it with PYTHON=..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/truckroll demo $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadgroup $(ARGS)

test-crash: $(STAMP)
	$(BIN)/python -m pytest -m crash $(ARGS)

test-e2e: $(STAMP)
	$(BIN)/python -m pytest -m e2e tests/e2e $(ARGS)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(addprefix -p ,$(PACKAGES))
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python -m "benchmarks.$$(basename "$$file" .py)" $(ARGS); done

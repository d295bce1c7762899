# Two commands do everything: `make demo` and `make test`. Both make the environment they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint types unit integration brokers short tools bench faults data-check clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/run.stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "compliance-streams needs Python 3.11 or newer, and %s is %s: make PYTHON=python3.12 …" % (sys.executable, sys.version.split()[0]))'
	@echo "making the environment in $(VENV) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[pipeline,embedded]'
	@touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/run.stamp ## The whole pipeline on this machine, in under a minute (ARGS=--keep leaves it running)
	@$(BIN)/streams demo $(ARGS)

test: lint types unit integration ## Everything: style, types, unit, contract, integration and fault tests

lint: $(VENV)/dev.stamp ## Style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .

types: $(VENV)/dev.stamp ## Strict types
	@$(BIN)/mypy --no-error-summary

unit: $(VENV)/dev.stamp tools ## Unit and contract tests: no broker, seconds
	@$(BIN)/pytest tests/unit tests/contract

integration: $(VENV)/dev.stamp tools ## Tests on the embedded broker and on a real Kafka, faults in short form: two runs beside each other
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target brokers short

brokers:
	@$(BIN)/pytest tests/integration

short:
	@$(BIN)/pytest tests/faults

# A real Kafka needs Java 17 and Maven, the rules need Prometheus and promtool, wrong clocks need faketime. Under CI they
# are installed where they are missing; elsewhere the tests say so.
tools:
	@if [ "$$CI" = true ] && ! { command -v java && command -v mvn && command -v prometheus && command -v promtool && command -v faketime; } >/dev/null 2>&1; then \
	  SUDO=; [ "$$(id -u)" = 0 ] || SUDO=sudo; \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless maven prometheus faketime >/dev/null; \
	fi

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

bench: $(VENV)/bench.stamp ## All figures of speed, about half an hour (ARGS="speed blocks" for some, --json)
	@$(BIN)/python -m bench $(ARGS)

faults: $(VENV)/dev.stamp ## Faults under load on a real Kafka, about half an hour (ARGS="kill broker --turns 5")
	@$(BIN)/python -m bench.faults $(ARGS)

data-check: $(VENV)/dev.stamp ## The policy pairs: every fault with file and line, and their figures
	@$(BIN)/python -m pairs check && $(BIN)/python -m pairs figures

clean: ## Remove the environment, caches and what a demo left
	@rm -rf $(VENV) .cache .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

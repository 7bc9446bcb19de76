# make run · test · drill · check · bench · lock
#
# A fresh machine needs Python 3.11 or newer, make and a package index. Everything is installed into
# .venv from the locked, hashed lists in requirements/; a second call installs nothing.

PYTHON ?= python3
# Test processes at once.
WORKERS ?= 2
# More for pytest, e.g. make test ARGS="tests/unit -k ledger".
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.PHONY: help run test drill check bench schema lock

help:
	@echo "make run    start the bot; without a token together with the local chat"
	@echo "make test   the tests, on SQLite and PostgreSQL"
	@echo "make drill  the slow fault drills: power cuts, outages, full disks, a hundred thousand updates"
	@echo "make check  style, types, layers, migrations, catalogues, schema"
	@echo "make bench  what the project claims about speed, measured"
	@echo "make schema write config.schema.json anew after a change of the settings"
	@echo "make lock   pin the newest versions pyproject.toml allows"

# exec: Ctrl-C and SIGTERM reach the bot itself, not a shell before it.
run: .venv/installed-run
	@exec $(BIN)/sentinel run

test: .venv/installed-dev
	@exec $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

drill: .venv/installed-dev
	@exec $(BIN)/python -m pytest -m drill $(ARGS)

check: .venv/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m bot.schema
	$(BIN)/python -m locales check
	$(BIN)/python -m bot.settings | diff config.schema.json -

bench: .venv/installed-dev
	@exec $(BIN)/python -m benchmarks $(ARGS)

schema: .venv/installed-run
	$(BIN)/python -m bot.settings > config.schema.json

.venv/made:
	@command -v $(PYTHON) > /dev/null || { \
	  echo "$(PYTHON) was not found. Street Sentinel needs Python 3.11 or newer."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "$$($(PYTHON) --version 2>&1) is too old: Street Sentinel needs Python 3.11 or newer."; \
	  echo "If another one is installed, name it: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Making .venv …"
	@$(PYTHON) -m venv .venv || { \
	  echo "Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv"; \
	  exit 1; }
	@touch $@

# The lists are whole (--no-deps) and the project itself builds with what they installed, so nothing
# comes in that is neither pinned nor hashed.
.venv/installed-run: requirements/run.txt pyproject.toml | .venv/made
	@echo "Installing what requirements/run.txt names (once) …"
	@$(PIP) install --require-hashes --no-deps -r requirements/run.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# It holds all that requirements/run.txt does, at the same versions.
.venv/installed-dev: requirements/dev.txt requirements/run.txt pyproject.toml | .venv/made
	@echo "Installing what requirements/dev.txt names (once) …"
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch .venv/installed-run $@

LOCK := $(BIN)/uv pip compile pyproject.toml --upgrade --extra postgres --extra s3 --universal \
  --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --no-annotate --quiet

lock: .venv/made
	@test -x $(BIN)/uv || $(PIP) install uv
	$(LOCK) --group dev --output-file requirements/dev.txt
	$(LOCK) --group build --constraints requirements/dev.txt --output-file requirements/run.txt

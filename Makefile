# The one way in: `make` alone lists what there is. Every target makes .venv first, when pyproject.toml asks for it.

PYTHON ?= python3
PORT ?= 8080
SECONDS ?= 60
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin

# An interpreter that was named decides; else the one .venv has; else python3. The stamps carry the version, so that
# `make test PYTHON=python3.13` makes .venv anew and the plain `make test` after it does not.
ifeq ($(origin PYTHON),file)
INTERPRETER := $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON))
else
INTERPRETER := $(PYTHON)
endif
VERSION := $(shell $(INTERPRETER) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none)
RUNTIME := $(VENV)/.runtime-$(VERSION)
DEVELOPMENT := $(VENV)/.development-$(VERSION)

.DEFAULT_GOAL := help
.PHONY: help install demo test lint docs fuzz bench build clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

install: $(DEVELOPMENT)  ## make .venv with hospes and all that its tests and tools use (PYTHON=python3.13 chooses)

demo: $(RUNTIME)  ## run the guestbook at http://127.0.0.1:8080 (PORT=8080)
	$(BIN)/python examples/guestbook/app.py --port $(PORT)

test: $(DEVELOPMENT)  ## run all tests, one process per core (ARGS="-k cookie" for some, ARGS="-n 0" in one process)
	$(BIN)/python -m pytest --numprocesses auto $(ARGS)

lint: $(DEVELOPMENT)  ## check style, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright
	$(BIN)/lint-imports

docs: $(DEVELOPMENT)  ## run every snippet and example, follow every link
	$(BIN)/python -m pytest tests/docs $(ARGS)

fuzz: $(DEVELOPMENT)  ## fuzz every parser, and the engine in a checked build (SECONDS=60 each; ARGS="request" for one)
	@$(BIN)/python -c 'import atheris' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --only-binary :all: --group fuzz \
		|| echo "atheris has no wheel for this interpreter: fuzzing without coverage"
	$(BIN)/python -m fuzz --seconds $(SECONDS) $(ARGS)
	@test -n "$(ARGS)" || ! $(BIN)/python -c 'import hospes.engine._core' 2>/dev/null || ! command -v gcc >/dev/null \
		|| .ci/sanitize $(SECONDS)

bench: $(DEVELOPMENT)  ## measure (ARGS go to python -m bench)
	$(BIN)/python -m bench $(ARGS)

build: $(DEVELOPMENT)  ## make wheel and source archive in dist/
	$(BIN)/python -m build

clean:  ## remove what building and testing leave behind (.venv stays)
	rm -rf build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests examples fuzz -name __pycache__ -type d -prune -exec rm -rf {} +

# In two steps, because the demo needs only the first. The engine is built where there is a compiler.
$(RUNTIME): pyproject.toml setup.py $(wildcard src/hospes/engine/*.h src/hospes/engine/*.pyx src/hospes/engine/*.pxi)
	@.ci/venv $(VENV) $(INTERPRETER)
	$(BIN)/python -m pip install --quiet --editable .
	@$(BIN)/python -c 'import hospes.engine._core' 2>/dev/null \
		|| echo "The engine is not built here (it wants Linux, a C compiler and the headers of Python): hospes serves in pure Python."
	@touch $@

$(DEVELOPMENT): $(RUNTIME)
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

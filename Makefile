# Tasks. `make run` and `make test` need nothing but a bare Debian or Ubuntu (or a macOS with
# Python 3.11): they set everything up first. docs/install.md has the way without make.

SHELL := /bin/sh
.DEFAULT_GOAL := help
PY := .venv/bin/python
INSTALLED_BY := pyproject.toml hatch_build.py scripts/setup.sh scripts/system_libraries.py
CHECKED := $(wildcard medrec_desktop migrations tests) hatch_build.py scripts
WORKERS ?= 2

# With it set, Python compiles the libraries anew at every start: three times as slow.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test check format bench sim tour lock clean

help: ## these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.dev ## everything needed to run, test and develop
	@$(PY) hatch_build.py

run: .venv/.run ## the program; with no display, its tour in pictures
	@$(PY) scripts/system_libraries.py
	@$(PY) hatch_build.py
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname -s)" = Darwin ]; then \
	    exec $(PY) -m medrec_desktop; \
	else \
	    echo "There is no display here, so no window can open. Taking the tour instead:"; \
	    echo "the same program, drawn into pictures."; \
	    $(MAKE) --no-print-directory tour; \
	fi

test: check ## linters, types, imports, then all tests
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -q

check: setup ## linters, types, imports
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(CHECKED)
	.venv/bin/lint-imports --no-logo

format: setup ## let ruff put the code in shape
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

bench: setup ## the figures, as a table
	$(PY) -m tests.benchmarks

SEEDS ?= 1000
FIRST_SEED ?= 1
sim: setup ## many seeds of desktops, a server and all that can go wrong: SEEDS=10000 FIRST_SEED=1
	MEDREC_SIM_SEEDS=$(SEEDS) MEDREC_SIM_FIRST=$(FIRST_SEED) $(PY) -m tests.simulation

tour: setup ## the real program driven offscreen, in pictures in build/tour
	@mkdir -p build/tour
	QT_QPA_PLATFORM=offscreen $(PY) -m tests.tour
	@echo "Pictures:"; ls build/tour/*.png

COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate pyproject.toml

lock: setup ## newer versions into requirements*.lock
	$(COMPILE) --upgrade --extra dev -o requirements-dev.lock
	$(COMPILE) --upgrade --extra build --extra fhir -c requirements-dev.lock -o requirements.lock

clean: ## remove what was built; .venv stays
	rm -rf build dist .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache \
	    .import_linter_cache .hypothesis medrec_desktop/terminology/*.sqlite
	find medrec_desktop migrations tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: requirements.lock $(INSTALLED_BY)
	sh scripts/setup.sh run
	@touch $@

# The development lock holds everything the other one does, in the same versions.
.venv/.dev: requirements-dev.lock requirements.lock $(INSTALLED_BY)
	sh scripts/setup.sh dev
	@touch .venv/.run $@

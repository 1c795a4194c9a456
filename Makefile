# make app   set everything up and open the page
# make test  set everything up and run lint, types and tests (those marked slow too where CI is set)
# make bench print speed and memory beside the published way; ARGS=... as `python -m benchmarks --help` has them
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
BROWSER := $(VENV)/.browser

.PHONY: setup app lint test bench browser clean

setup: $(STAMP)

# torch comes first and by itself: the constraint keeps it at a version that has a build for the CPU.
$(STAMP): requirements.txt constraints.txt setup.cfg pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --requirement requirements.txt
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip check
	touch $@

app: setup
	$(BIN)/pinpoint app

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint browser
	$(BIN)/pytest

bench: setup
	@$(BIN)/python -m benchmarks $(ARGS)

# Browser tests need Debian's Chromium, which is asked for once; where it cannot be installed they say so and skip.
browser: $(BROWSER)

$(BROWSER): $(STAMP)
	@if command -v chromium >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq chromium; } \
	    </dev/null >/dev/null 2>&1 || echo "Chromium could not be installed: browser tests will be skipped"; \
	else echo "no Chromium here: browser tests will be skipped"; fi
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache

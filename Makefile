# Every target works on a clean clone: what it needs is made first, in .venv, .cache and typings of this folder.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.SUFFIXES:

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

# MicroPython's modules as types. They go into a folder of their own, because their `time` would hide CPython's.
STUBS       := micropython-esp32-stubs==1.29.0.post1
STUBS_STAMP := typings/.installed-$(STUBS)

# Folders that ruff looks after.
SOURCES := firmware boards host tests tools

.PHONY: help
help: ## Show this list
	@echo "mmc: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(STAMP) ## Wear the simulated device through a workout, pull the session, open the report
	@$(PY) tools/demo.py $(ARGS)

.PHONY: test
test: $(STAMP) mpy32 ## Run all tests (ARGS="-k hold" picks some)
	@$(PY) -m pytest $(ARGS)

.PHONY: check
check: lint types generated instructions heap test ## Everything a change must pass: format, lint, types, generated files, instructions, heap, tests

.PHONY: lint
lint: $(STAMP) ## Check format and lint
	@$(PY) -m ruff format --check $(SOURCES)
	@$(PY) -m ruff check $(SOURCES)

.PHONY: types
types: $(STAMP) $(STUBS_STAMP) ## Check types: host code strictly, device code against MicroPython's modules
	@$(PY) -m pyright --warnings
	@$(PY) -m pyright --warnings -p firmware/pyrightconfig.json

.PHONY: generated
generated: $(STAMP) ## Check that generated files are what their tools make
	@$(PY) tools/generate.py --check

.PHONY: instructions
instructions: $(STAMP) ## Check the instructions that the kernel takes on the device, and its output there, bit by bit
	@$(PY) tools/instructions.py --check

.PHONY: heap
heap: $(STAMP) mpy32 ## Check the heap that each module takes on the device
	@$(PY) tools/heap.py --check

.PHONY: generate
generate: $(STAMP) ## Make the generated files anew
	@$(PY) tools/generate.py

.PHONY: format
format: $(STAMP) ## Format the code and mend what ruff can mend
	@$(PY) -m ruff check --fix-only $(SOURCES)
	@$(PY) -m ruff format $(SOURCES)

.PHONY: bench
bench: $(STAMP) mpy32 ## Measure; print the tables and write build/bench.json
	@$(PY) tools/bench.py $(ARGS)

.PHONY: truth
truth: $(STAMP) mpy32 ## Compare with recordings whose truth is known (DATA=DIR, else $MMC_DATA); write build/truth.json
	@$(PY) tools/truth.py $(if $(DATA),--data "$(DATA)") $(ARGS)

.PHONY: sim
sim: $(STAMP) ## Start a simulated wearable on a serial port (ARGS="--help" shows how)
	@$(VENV)/bin/mmc-host sim $(ARGS)

.PHONY: test-mpy
test-mpy: $(STAMP) mpy32 ## Run the tests on real MicroPython, 64-bit and 32-bit
	@$(PY) -m pytest tests/mpy $(ARGS)

.PHONY: flash
flash: $(STAMP) ## Put MicroPython and the app on a board (BOARD=name, PORT=, IMAGE=, ERASE=1, ARGS="--help" shows more)
	@$(VENV)/bin/mmc-host flash $(if $(BOARD),"$(BOARD)") $(if $(PORT),--port "$(PORT)") \
		$(if $(IMAGE),--image "$(IMAGE)") $(if $(filter 1,$(ERASE)),--erase) $(ARGS)

.PHONY: wheel
wheel: $(STAMP) ## Build the wheel into dist/
	@$(PY) -m hatchling build -t wheel -d dist

.PHONY: clean
clean: ## Remove all that make made, .venv and the fetched MicroPython included
	rm -rf $(VENV) .cache typings build dist .pytest_cache .ruff_cache .hypothesis
	find firmware boards host tests tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The 32-bit MicroPython is optional where it can't be had: its tests skip with the reason then. In CI it is not.
.PHONY: mpy32
mpy32: $(STAMP) ## Fetch the 32-bit MicroPython that integer tests count on
	@$(PY) tools/get_micropython.py --optional

$(STAMP): pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { \
		echo "'$(PYTHON)' was not found: mmc needs Python 3.11 or later; name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "mmc needs Python 3.11 or later; '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1): name a later one with make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' can't make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "installing into $(VENV) ..."
	@"$(PYTHON)" -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

$(STUBS_STAMP): $(STAMP)
	@echo "installing MicroPython's types into typings ..."
	@rm -rf typings
	@$(PY) -m pip install --quiet --disable-pip-version-check --target typings '$(STUBS)'
	@touch "$@"

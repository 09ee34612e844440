# `make help` lists what can be done here. Every target sets up what it needs by itself.

PYTHON ?= python3
export PYTHON

# Arguments for the program behind a target: make test ARGS='-k udp'
ARGS ?=

# Of `make differential`: where chance begins, how many seeds from there on, and how many packets are
# to be judged of each.
SEED ?= 1
SEEDS ?= 1
PACKETS ?= 100000

# Of `make fuzz`: how long it looks for what breaks the core.
SECONDS ?= 60

# Where `make install` puts things; DESTDIR stages them below another directory.
PREFIX ?= /usr
SYSCONFDIR ?= /etc
export DESTDIR PREFIX SYSCONFDIR

VENV_PYTHON := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test differential fuzz lint format docs bench install uninstall clean setup setup-check setup-core setup-lab setup-test

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | \
	    while IFS='|' read -r name text; do printf '  make %-14s %s\n' "$$name" "$$text"; done

run: setup-lab ## the firewall at work: a world of network namespaces, real traffic, its verdicts (INTERACTIVE=1 for a shell)
	@$(VENV_PYTHON) -m tests.lab.demo $(ARGS)

test: setup-test ## all tests: the core interpreted and compiled, the daemon live (ARGS='-k udp' for some)
	@$(VENV_PYTHON) -m tests $(ARGS)

differential: setup-core ## our tracking against the kernel's, packet by packet (SEED=1 SEEDS=50 PACKETS=20000; ARGS='--only tcp')
	@$(VENV_PYTHON) -m tests.differential --seed $(SEED) --seeds $(SEEDS) --packets $(PACKETS) $(ARGS)

fuzz: setup-check ## any octets at all, guided by coverage, to the core (SECONDS=600; ARGS=FILE plays one input again)
	@$(VENV_PYTHON) -m tests.fuzz --seconds $(SECONDS) $(ARGS)

lint: setup-check ## ruff and mypy --strict
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(VENV_PYTHON) -m mypy $(wildcard firewalld_py tests bench setup.py docs/*.py docs/examples/*)
	@echo 'lint: clean'

format: setup-check ## put the sources into the one format that lint asks for
	@.venv/bin/ruff check --fix-only .
	@.venv/bin/ruff format .

docs: setup-check ## docs/states/, docs/reference.md and the JSON Schemas made anew from the tables (the tests want them up to date)
	@FIREWALLD_PY_PURE=1 $(VENV_PYTHON) docs/generate_states.py
	@FIREWALLD_PY_PURE=1 $(VENV_PYTHON) docs/generate_reference.py

bench: setup-lab ## the numbers, side by side with what they are measured against
	@$(VENV_PYTHON) -m bench $(ARGS)

setup-check: ## (internal) .venv with the package, not compiled
	@tools/setup check

setup-core: ## (internal) .venv with the compiled core
	@tools/setup core

setup-lab: ## (internal) setup-core and the programs that the live tests use
	@tools/setup lab

install: ## the daemon on this gateway: package, command, configuration, systemd unit (DESTDIR, PREFIX)
	@tools/setup system
	@tools/install install

uninstall: ## what install put in place, but not the configuration
	@tools/install uninstall

setup-test: ## (internal) setup-lab and what boots a gateway in a container
	@tools/setup test

clean: ## remove all that make has made here
	rm -rf .venv .stamps build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find firewalld_py tests bench -name '__pycache__' -prune -exec rm -rf {} + 2>/dev/null || true
	find firewalld_py -name '*.so' -delete

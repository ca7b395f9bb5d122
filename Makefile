# make demo   set up, then regenerate all papers at the demo scale
# make test   set up, then run all checks and tests
# make test-slurm  those of papers through a Slurm of their own, for which root may install Debian's (minutes)
# make bench  time the kernels beside those of other libraries: results/bench, docs/speed.md (ten minutes)
# make compare  registration methods compared on known warps: results/demo/comparison (minutes)
#             DATA=FOLDER that holds nirep/ and hippocampus/: on real pairs too, into docs/results (half an hour)
# make report the last demo as a site to read, and as a Snakemake report
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= all
BIN := .venv/bin
READY := .venv/ready
CLUSTER := .venv/cluster
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup demo report test test-slurm lint bench compare clean

help:
	@sed -n 's/^# //p' Makefile

setup: $(READY)

# The CPU build of torch comes first and alone, so that nothing else pulls another build in.
$(READY): requirements.lock pyproject.toml
	@echo "== setting up .venv with $(PYTHON) (once, a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11 demo"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock 2>> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . 2>> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@touch $(READY)

demo: setup
	@echo "== regenerating all papers at the demo scale: results/demo, logs/demo"
	@wbir alone snakemake --cores $(CORES) --quiet rules
	@echo "== done: results/demo/scoreboard.html; 'make report' makes the site"

report: demo
	@wbir alone snakemake report --cores $(CORES) --quiet rules
	@echo "== reports/demo/index.html (the site), reports/demo/report.html (Snakemake's own report)"

test: setup lint $(CLUSTER)
	@echo "== tests"
	@pytest

test-slurm: setup $(CLUSTER)
	@.ci/install slurmctld slurm-wlm munge
	@pytest -m slurm

# Beside the environment and not in it: the plugin slows each start of Snakemake.
$(CLUSTER): $(READY) envs/cluster.txt
	@rm -rf $@
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ -r envs/cluster.txt 2> .venv/pip.log || { cat .venv/pip.log; exit 1; }
	@touch $@

lint: setup
	@echo "== ruff, mypy, snakemake --lint"
	@ruff check workflow tests
	@ruff format --check --quiet workflow tests || { echo "run: ruff format workflow tests"; exit 1; }
	@mypy
	@snakemake --lint > .venv/lint.log 2>&1 || { cat .venv/lint.log; exit 1; }

# Other libraries beside the locked ones, one by one: the run reports one that could not be installed.
bench: setup
	@for peer in $$(sed 's/#.*//' envs/bench.txt); do \
		$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock -c envs/bench.txt "$$peer" 2> .venv/bench.log \
			|| { echo "== $$peer could not be installed"; tail -n 3 .venv/bench.log; }; \
	done
	@wbir bench --out results/bench --docs docs/speed.md

comma := ,
COMPARED = $(if $(DATA),$(foreach set,nirep hippocampus,$(if $(wildcard $(DATA)/$(set)),$(set): $(abspath $(DATA)/$(set))$(comma))))
compare: setup
	@wbir alone snakemake comparison --cores $(CORES) --quiet rules --config "data={$(COMPARED)}"
	@wbir study comparison --results results/demo --docs $(if $(DATA),docs/results,results/demo/comparison)

clean:
	rm -rf results/demo reports/demo logs .snakemake

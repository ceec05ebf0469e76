# make repro    set up, then run the pipeline: draw, label, split, train, merge, quantize, evaluate. What this machine has computed before of the
#               same code, data and parameters is taken from DVC's cache, on another branch too
# make test     set up, then run the tests; make test-slow: those that take minutes, make test-all: both
#               make test-trackers: those of what shows the curves of a training, with wandb and mlflow, which it installs
# make lint     style, types, and which room may import which
# make base     pretrain the embedded model anew (hours; models/base is in Git already, and base/ is a DVC repository of its own)
# make control  the default run over the embedded model as it was before its pretraining, to tell what that is worth (base/control.json)
#
# All of them work in .venv, which they make. PYTHON chooses the interpreter that makes it (3.11 or newer), VENV another place. torch is taken
# as pip finds it; for a build of your own choice (CPU only, a certain CUDA) point pip at its index, e.g. through PIP_EXTRA_INDEX_URL.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
TRACKERS_STAMP := $(VENV)/.installed-trackers
# The stages are started as `python …`: the environment's own python has to come first.
RUN := PATH="$(abspath $(BIN)):$$PATH"
# pip shows its errors, and none of its warnings: an index beside the main one gives one for every package that it lacks.
QUIET := --quiet --quiet --disable-pip-version-check
# Two at a time, each on one core: tests that share a fixture are in one file, and a file stays with one of them.
PYTEST := HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile

.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: repro about test test-slow test-all test-trackers lint format base control install clean

repro: about $(STAMP)
	@$(RUN) diagramlens recall
	$(RUN) dvc repro

about:
	@echo "The environment first, in $(VENV), unless it is there: some minutes. Then the seven stages of dvc.yaml, of which only those run whose"
	@echo "code, data or parameters have changed. The default run, from nothing: 15 minutes on two cores, 20 to 25 on older ones without bf16."
	@echo "It makes data/ (circuits, questions, splits, answers), models/ (adapter, merged, quantized) and metrics/, which git diff shows."

test: $(DEV_STAMP)
	$(RUN) $(PYTEST) -m "not slow"

# 20,000 pairs of formulas for the grader, every recipe on every family, trainings that are killed, pairs of processes.
test-slow: $(DEV_STAMP)
	$(RUN) $(PYTEST) -m slow

test-all: $(DEV_STAMP)
	$(RUN) $(PYTEST)

test-trackers: $(TRACKERS_STAMP)
	$(RUN) $(PYTEST) tests/training/test_trackers.py

lint: $(DEV_STAMP)
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy src
	$(RUN) lint-imports

format: $(DEV_STAMP)
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

base: $(STAMP)
	cd base && $(RUN) dvc repro

control: $(STAMP)
	$(RUN) python base/control.py

install: $(STAMP)

$(STAMP): requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "diagramlens needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1); try: make PYTHON=python3.12" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(QUIET) -c constraints.txt $$(grep '^torch==' requirements.txt)
	$(BIN)/python -m pip install $(QUIET) -c constraints.txt setuptools wheel -r requirements.txt
	$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation -e .
	touch $@

$(DEV_STAMP): $(STAMP) requirements-dev.txt
	$(BIN)/python -m pip install $(QUIET) -c constraints.txt -r requirements-dev.txt
	touch $@

$(TRACKERS_STAMP): $(DEV_STAMP) requirements-trackers.txt
	$(BIN)/python -m pip install $(QUIET) -c constraints.txt -r requirements-trackers.txt
	touch $@

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

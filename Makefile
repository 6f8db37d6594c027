# Each target says what it does; the work is in Python.
BASE_PYTHON ?= $$(sh .ci/newest-python BASE_PYTHON 3.13 3.12 3.11)
ALIBI_PYTHON ?= $$(sh .ci/newest-python ALIBI_PYTHON 3.11)
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
VENV := .venv
ALIBI := .venv-alibi
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready
WORKERS ?= $$(sh .ci/workers)
PYTEST := $(PYTHON) -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder

.PHONY: help demo quick test slow mutants style types lab release site bench colab alibi lock version
# Several processes share the cores: one thread each.
demo quick test slow mutants site bench colab: export OMP_NUM_THREADS = 1
# Each worker compiles all tests, unless what one run compiled is there for the next.
quick test slow: export PYTHONDONTWRITEBYTECODE =

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*  ## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

demo: $(READY)  ## release the notebooks, grade the bundled class, report
	$(PYTHON) -m autograde demo

quick: style types  ## style, types, and the tests beside what differs from main (two minutes)
	$(PYTHON) .ci/beside.py | xargs -r $(PYTEST) -m "not slow"

test: style types  ## style, types, then all tests but the slow ones (ten minutes on two cores)
	@sh .ci/system-packages chromium chromium-driver
	$(PYTEST) -m "not slow"

slow: $(READY)  ## the slow tests: every answer, the red team against plain nbgrader, browsers, mishaps
	@sh .ci/system-packages chromium chromium-driver
	$(PYTEST) -m slow

mutants: $(READY)  ## break each solution in every single place: does its hidden check see it, whatever the seed, and its visible one?
	$(PYTHON) -m tests.mutants
	$(PYTHON) -m tests.mutants.visible

style: $(READY)  ## ruff (lint, format), and who may import whom
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/lint-imports

types: $(READY)  ## mypy, strict
	$(VENV)/bin/mypy

lab: $(READY)  ## the students' notebooks in JupyterLab, as students see it: without nbgrader's menu
	JUPYTER_CONFIG_PATH=notebooks/.jupyter $(VENV)/bin/jupyter lab --notebook-dir notebooks

release: $(READY)  ## solutions/ -> notebooks/
	$(PYTHON) -m autograde release

site: $(READY)  ## the course site: notebooks with worked figures, reference, tour -> build/site/
	@sh .ci/system-packages chromium chromium-driver
	$(PYTHON) -m docs

bench: $(READY)  ## speed beside the libraries' and nbgrader's; how often backdoors are found
	$(PYTHON) -m tests.benchmarks.bench_attribution
	$(PYTHON) -m tests.benchmarks.accuracy
	$(PYTHON) -m tests.benchmarks.bench_networks
	$(PYTHON) -m tests.benchmarks.bench_metrics
	$(PYTHON) -m tests.benchmarks.bench_attacks
	$(PYTHON) -m tests.benchmarks.bench_counterfactuals --large
	$(PYTHON) -m tests.benchmarks.bench_detectors
	$(PYTHON) -m tests.benchmarks.bench_influence
	$(PYTHON) -m tests.benchmarks.influence_quality
	$(PYTHON) -m tests.benchmarks.influence_hunts
	$(PYTHON) -m tests.benchmarks.bench_concepts
	$(PYTHON) -m tests.benchmarks.bench_grading

colab: $(READY)  ## open notebooks by their badges in Colab's situation, and run their solutions: NOTEBOOKS="01_theory"
	$(PYTHON) -m tests.colab $(NOTEBOOKS)

alibi: $(ALIBI)/.ready  ## the library alibi, in an environment of its own: it needs Python 3.11 and numpy 1

lock: $(READY)  ## requirements*.lock anew from pyproject.toml, for Python 3.11 to 3.13; pins stay where they can
	$(PYTHON) .ci/lock.py

version: $(READY)  ## release the changelog's newest version: date, version numbers, commit and tag
	$(PYTHON) .ci/version.py

# Another lock is another environment, made from nothing: what an older lock had would stay.
$(READY): requirements.lock pyproject.toml
	@sh .ci/system-packages bubblewrap
	@cmp -s requirements.lock $(VENV)/requirements.lock || { \
		python=$(BASE_PYTHON) && \
		echo "Setting up $(VENV) with $$($$python --version): the locked packages, a few minutes" && \
		$$python -m venv --clear $(VENV) && \
		$(PYTHON) .ci/packages.py requirements.lock $(TORCH_INDEX) && \
		cp requirements.lock $(VENV)/; }
	$(PYTHON) -m pip install --quiet --no-deps --editable .
	@touch $@ && echo "Set up in $(VENV)"

$(ALIBI)/.ready: requirements-alibi.lock
	@python=$(ALIBI_PYTHON) && \
		echo "Setting up $(ALIBI) with $$($$python --version): alibi and TensorFlow, a minute or two" && \
		$$python -m venv --clear $(ALIBI) && \
		$(ALIBI)/bin/python -m pip install --quiet --requirement requirements-alibi.lock && \
		touch $@ && echo "Set up in $(ALIBI)"

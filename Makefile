# Each target says what it does; the work is in Python.
VENV := .venv
PYTHON := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo test lab release bench
# Several processes share the cores: one thread each.
demo test bench: export OMP_NUM_THREADS = 1

demo: $(READY)  ## release the notebooks, grade the bundled class, report
	$(PYTHON) -m autograde demo

test: $(READY)  ## style, types, then the tests
	@sh .ci/system-packages chromium chromium-driver
	$(VENV)/bin/ruff check . && $(VENV)/bin/ruff format --check . && $(VENV)/bin/mypy \
	    && $(VENV)/bin/lint-imports
	$(PYTHON) -m pytest -n 2 --dist worksteal

lab: $(READY)  ## the students' notebooks in JupyterLab
	$(VENV)/bin/jupyter lab --notebook-dir notebooks

release: $(READY)  ## solutions/ -> notebooks/
	$(PYTHON) -m autograde release

bench: $(READY)  ## speed beside the libraries' and nbgrader's; how often backdoors are found
	$(PYTHON) -m tests.benchmarks.bench_attribution
	$(PYTHON) -m tests.benchmarks.accuracy
	$(PYTHON) -m tests.benchmarks.bench_metrics
	$(PYTHON) -m tests.benchmarks.bench_attacks
	$(PYTHON) -m tests.benchmarks.bench_counterfactuals --large
	$(PYTHON) -m tests.benchmarks.bench_detectors
	$(PYTHON) -m tests.benchmarks.bench_grading

$(READY): requirements.lock pyproject.toml
	@sh .ci/system-packages bubblewrap
	@echo "Setting up $(VENV): the locked packages, a few minutes the first time"
	python3.11 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --requirement requirements.lock
	$(PYTHON) -m pip install --quiet --no-deps --editable .
	@touch $@ && echo "Set up in $(VENV)"

# `make demo` and `make test` need only Python 3.11 or newer and make: they set everything up.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python -m

.PHONY: demo test slow lint types docs notebooks package clean

demo: $(VENV)/installed
	$(RUN) pmcmc

# The tests of a module share compiled programs: one process runs them all.
test: $(VENV)/installed
	$(RUN) pytest --numprocesses=auto --dist=loadfile

slow: $(VENV)/installed
	$(RUN) pytest --numprocesses=auto -m slow --ignore=tests/adapters

lint: $(VENV)/installed
	$(RUN) ruff format --check
	$(RUN) ruff check

types: $(VENV)/installed
	$(RUN) mypy

docs: $(VENV)/installed
	$(RUN) mkdocs build --strict

notebooks: $(VENV)/installed
	$(VENV)/bin/python notebooks/run.py notebooks/*.ipynb

package: $(VENV)/installed
	$(RUN) build --outdir dist

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("pmcmc needs Python 3.11 or \
newer, got " + sys.version.split()[0] + ": write e.g. make PYTHON=python3.11 test")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) dist build site .pytest_cache .mypy_cache .ruff_cache

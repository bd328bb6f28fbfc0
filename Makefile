# Everything on a fresh machine with Python 3.11 or newer and make:
#
#   make demo     fit, compare and search on generated pictures; the result is runs/demo/report.html
#   make test     run the tests
#   make check    lint, types, import contracts, generated pages
#   make docs     write the generated pages
#   make site     build the documentation into runs/site, without network
#   make wheel    build the package into dist/
#
# The first target makes .venv; later ones start at once until pyproject.toml or constraints.txt changes.

PYTHON ?= python3
PYTEST_ARGS ?= -n 2
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: installed demo test check docs site wheel

installed: $(INSTALLED)

demo: $(INSTALLED)
	$(BIN)/crossbit demo

test: export OMP_NUM_THREADS ?= 1
test: $(INSTALLED)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python tools/docs/generate.py --check
	$(BIN)/python tools/docs/results.py --check

docs: $(INSTALLED)
	$(BIN)/python tools/docs/generate.py

site: export NO_MKDOCS_2_WARNING := 1
site: $(INSTALLED)
	$(BIN)/python -m mkdocs build --strict

wheel: $(INSTALLED)
	rm -rf dist
	$(BIN)/python -m build --wheel

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'crossbit needs Python 3.11 or newer: make PYTHON=/path/to/python $(MAKECMDGOALS)' >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install -c constraints.txt --group dev --editable '.[all]'
	touch $@

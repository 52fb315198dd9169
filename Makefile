# The two commands are `make demo` and `make test`; each goes from a fresh clone to the result.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PORT ?= 8000
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/python -m pip --disable-pip-version-check

# What does not depend on the kind of shop runs once.
OF_NO_SHOP := $(addprefix --ignore=tests/,e2e demo algorithms test_packaging.py)
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

.PHONY: help demo test test-uuid test-later lint types migrations real bench clean

help:
	@echo "make demo   a running shop with trained models (PORT=$(PORT))"
	@echo "make test   the whole suite, over three kinds of shop"
	@echo "make real   real shop logs, trained and shown (SHOP_RECS_DATA=../shared/data)"
	@echo "make lint types migrations bench clean"
	@echo "DATABASE_URL=postgres://... uses that PostgreSQL instead of the embedded one."

# torch comes first and alone: on Linux its usual build would bring gigabytes of CUDA along. Where the index of
# CPU builds is out of reach, pip takes the usual one.
$(VENV)/.torch: constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "shop_recs needs Python 3.11 or newer; set PYTHON")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --retries 1 --no-deps --extra-index-url $(TORCH_INDEX) -c constraints.txt torch
	touch $@

$(VENV)/.demo: $(VENV)/.torch pyproject.toml
	$(PIP) install --quiet -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	@$(BIN)/python manage.py demo --port $(PORT)

test: $(VENV)/.dev
	@.ci/tools
	$(BIN)/python -m pytest -q -n 2
	@$(MAKE) --no-print-directory -j2 $(SYNC) test-uuid test-later

test-uuid test-later: test-%:
	SHOP_RECS_TEST_PROJECT=$* $(BIN)/python -m pytest -q $(OF_NO_SHOP)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	DATABASE_URL=postgres:///none $(BIN)/mypy shop_recs demo_shop

migrations: $(VENV)/.dev
	DJANGO_SETTINGS_MODULE=demo_shop.settings $(BIN)/python -m django makemigrations --check --dry-run
	for project in integer uuid later; do \
		SHOP_RECS_TEST_PROJECT=$$project DJANGO_SETTINGS_MODULE=tests.settings \
			$(BIN)/python -m django makemigrations --check --dry-run || exit 1; \
	done

real: export DEMO_FOLDER = .demo/real
real: export DEMO_EPOCHS = 30
real: $(VENV)/.demo
	@DEMO_DATABASE=real_retail $(BIN)/python manage.py real retail
	@DEMO_DATABASE=real_tmall $(BIN)/python manage.py real tmall

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.pages

clean:
	rm -rf .demo .postgres build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

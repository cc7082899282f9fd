# Every chore of the project. `make` alone lists them.
#
# Nothing is needed but Python 3.10 or newer with venv and pip. uv is used where it is installed, and otherwise put into
# build/uv first; it gives everybody the versions in uv.lock. Another Python: `make demo PYTHON=python3.12`.

PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),build/uv/bin/uv)

unexport VIRTUAL_ENV
export UV_PROJECT_ENVIRONMENT := .venv

help: ## List the chores
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/demo ## Load a month of events from a local Cometly into PostgreSQL, with Meltano
	@.venv/bin/python -m demo

demo-apsis: .venv/demo ## Load two months from a local APSIS One into PostgreSQL, with Meltano
	@.venv/bin/python -m demo.apsis

demo-pardot: .venv/demo ## Load three months from a local Account Engagement into PostgreSQL, with Meltano
	@.venv/bin/python -m demo.pardot

fleet-demo: .venv/fleet ## Load twenty Spaces on Dagster, with two machines and PostgreSQL (some minutes; OPTIONS="--stay" keeps the page)
	@.venv/bin/python -m demo.fleet $(OPTIONS)

test: lint types ## Run the suite on this Python: lint, types, all quick tests, this tap's end-to-end tests (four minutes)
	@.venv/bin/python -m pytest -n auto --dist worksteal -m "not siblings and not integrations and not packages"

unit: .venv/dev ## Run the quick tests only, the property tests with a tenth of their examples
	@SOAK=0.1 .venv/bin/python -m pytest -n auto --dist worksteal -m "not slow and not long"

test-siblings: .venv/dev ## Run the end-to-end tests of the other taps: Pardot, APSIS One
	@.venv/bin/python -m pytest -n auto --dist worksteal -m siblings

test-integrations: .venv/dev ## Run the commands of the documents, and other people's tools: Meltano, dlt, Singer's
	@.venv/bin/python -m pytest -n auto --dist worksteal -m "integrations and not packages"

test-dates: .venv/dev ## Run the quick tests on other days: leap days, changes of the clock, far zones (needs cc)
	@.venv/bin/python .ci/dates.py $(OPTIONS)

test-fleet: .venv/dev .venv/fleet ## Check types of the fleet's example, and run its tests (two minutes)
	@.venv/bin/mypy examples/fleet
	@.venv/bin/python -m pytest -o addopts=-ra -n auto --dist worksteal tests/fleet

soak: .venv/dev ## Try the property tests with twenty times as many examples (some ten minutes)
	@SOAK=20 .venv/bin/python -m pytest -n auto --dist worksteal -m "hypothesis and not slow"

lint: .venv/dev ## Check style and format
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/yamllint --strict --config-file hub/.yamllint.yaml hub

types: .venv/dev ## Check types
	@.venv/bin/mypy

bench: .venv/dev ## Measure speed, beside an ordinary tap and what the machine can do (half an hour; part of it: OPTIONS="--only records")
	@.venv/bin/python -m benchmarks $(OPTIONS)

test-bench: .venv/dev ## Run the benchmarks with a few rows: they still run, and ordinary taps bring the same as ours
	@.venv/bin/python -m benchmarks --rows 2000 --most 2000 --rounds 1 --without pipes

bench-backfill: .venv/dev ## Measure a backfill against the rate limit, beside one export at a time (five minutes)
	@.venv/bin/python -m benchmarks.backfill

bench-lookback: .venv/dev ## Measure what looking back costs, beside writing every row again (ten minutes), and STATE
	@.venv/bin/python -m simulation.state_size
	@.venv/bin/python -m benchmarks.digest
	@.venv/bin/python -m benchmarks.lookback

format: .venv/dev ## Put the code into its format, and fix what can be fixed
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

documents: .venv/dev ## Write the settings, as the code describes them, into meltano.yml, README.md and hub/
	@.venv/bin/python .ci/documents.py

matrix: .venv/dev ## Run what differs on every supported Python found here, and on the newest singer-sdk
	@.venv/bin/python .ci/matrix.py

package: .venv/dev ## Build wheels and sdists, and try them in fresh environments; install as README.md says
	@.venv/bin/python .ci/package.py
	@.venv/bin/python -m pytest -m packages

test-airbyte: .venv/dev ## Run Airbyte's own tests and PyAirbyte on source-cometly (a few hundred megabytes, into build/)
	@.venv/bin/python .ci/airbyte.py

lint-image: ## Check the Dockerfile (needs npm)
	@npx --yes dockerfile-utils@0.16.3 lint Dockerfile

image: .venv/dev ## Build the image and try it against a local Cometly (needs docker, or ENGINE=podman)
	@.venv/bin/python .ci/image.py

clean: ## Remove everything that was made here, your state in .meltano and your .env excepted
	@rm -rf .venv build dist demo-data .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +
	@test ! -d .meltano || find .meltano -mindepth 1 -maxdepth 1 ! -name 'meltano.db*' ! -name 'state*' -exec rm -rf {} +
	@test ! -d .meltano || rmdir .meltano 2>/dev/null || true

# What each environment was last made from; all live in .venv.
.venv/demo: pyproject.toml uv.lock | $(UV) python
	@echo "Installing into .venv"
	@$(UV) sync --quiet --locked --inexact --no-default-groups --group demo --python "$$($(PYTHON) $(WHICH))"
	@touch $@

.venv/dev: pyproject.toml uv.lock | $(UV) python
	@echo "Installing into .venv"
	@$(UV) sync --quiet --locked --inexact --python "$$($(PYTHON) $(WHICH))"
	@touch $@

.venv/fleet: pyproject.toml uv.lock | $(UV) python
	@echo "Installing into .venv"
	@# Dagster's GraphQL client asks for `backoff`, whose module python-backoff provides already.
	@$(UV) sync --quiet --locked --inexact --no-default-groups --group fleet --no-install-package backoff --python "$$($(PYTHON) $(WHICH))"
	@touch $@

WHICH := -c "import sys; print(sys.executable)"
NEW_ENOUGH := -c "import sys; sys.exit(sys.version_info < (3, 10))"

python:
	@command -v $(PYTHON) >/dev/null \
		|| { echo "There is no $(PYTHON) here. Install Python 3.10 or newer, or name yours: make demo PYTHON=..."; exit 1; }
	@$(PYTHON) -c "" \
		|| { echo "$(PYTHON) does not run (a shim of pyenv whose version is not active?). Name another one: make demo PYTHON=python3.12"; exit 1; }
	@$(PYTHON) $(NEW_ENOUGH) \
		|| { echo "$$($(PYTHON) --version 2>&1) is too old; tap-cometly needs 3.10 or newer. Name another one: make demo PYTHON=python3.12"; exit 1; }

build/uv/bin/uv: | python
	@echo "Fetching uv"
	@mkdir -p build
	@$(PYTHON) -m venv build/uv >build/uv.log 2>&1 \
		|| { cat build/uv.log; rm -rf build/uv; echo "$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv. Or install uv."; exit 1; }
	@build/uv/bin/python -m pip install --quiet --disable-pip-version-check uv \
		|| { rm -rf build/uv; echo "pip could not install uv: is the package index reachable?"; exit 1; }

.PHONY: help demo demo-apsis demo-pardot fleet-demo test test-siblings test-integrations test-dates test-fleet test-airbyte test-bench unit soak lint types bench bench-backfill bench-lookback format documents matrix package lint-image image clean python

# Two commands: `make demo` and `make test`. Each installs what it needs.
PYTHON ?= python3
BIN := .venv/bin

# Dozens of processes start in the tests: each would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup packages demo test collect check format bench screenshots search scenarios soak wheel lock clean
.DELETE_ON_ERROR:

setup: .venv/ready

# The virtual environment with everything in it, from the hashed lock.
.venv/ready: requirements.lock pyproject.toml package-lock.json hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "menjin needs Python 3.11 or newer; try: make PYTHON=python3.12" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q --no-install-recommends python3-venv; \
	  elif sudo -n true 2>/dev/null; then sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends python3-venv; \
	  else echo "Python cannot make virtual environments here: apt-get install python3-venv" >&2; exit 2; fi; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

packages:
	@PYTHON=$(PYTHON) .ci/packages

demo: setup
	$(BIN)/menjin demo $(ARGS)

# One queue for all tests (tests/conftest.py): those that start processes mostly wait, and leave the processors to the others.
test: packages setup
	@$(MAKE) --no-print-directory -j 2 check collect
	$(BIN)/python -m pytest -q -n 5 --dist loadfile --durations 40 --durations-min 5 --hypothesis-profile ci -m "not soak"

# Beside the type checker, which leaves a processor idle: every test file is compiled before all workers want it at once. What is wrong
# with one, the tests themselves tell.
collect: setup
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null 2>&1 || true

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup
	$(BIN)/menjin bench $(ARGS)

# Pictures of docs/console.md, from a demo of their own.
screenshots: packages setup
	$(BIN)/python -m tests.server.console.screenshots

# Every state of the small sites that can be reached in ten minutes, the invariants in each.
search: setup
	$(BIN)/python -m tests.controller.model.search --minutes 10

# Every scenario through real processes.
scenarios: packages setup
	$(BIN)/menjin sim run scenarios/*.yaml

# What takes long: the property tests with other examples, and twenty times as many, each time; the kill rounds.
soak: packages setup
	$(BIN)/python -m pytest -q -n 2 --hypothesis-profile soak -m "hypothesis and not processes and not browser" --timeout 7200
	$(BIN)/python -m pytest -q -m soak --timeout 7200

# What is installed on a site's machines (docs/install.md): dist/menjin-*.whl.
wheel: setup
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

# Needs uv; writes hashes and no index address. The second: what a site's machines need, at the same versions.
lock:
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --group dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --generate-hashes --python-version 3.11 -c requirements.lock pyproject.toml -o deploy/requirements.lock

clean:
	rm -rf .venv build dist server/console/static/vendor

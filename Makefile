# Nod needs python3 (3.11 or newer), make and nothing else.
PYTHON ?= $(shell for name in python3 python3.12 python3.13 python3.11 python3.14; do \
	"$$name" -c '' 2>/dev/null && echo "$$name" && break; done)
VENV := .venv/bin
TESTS ?= tests
PYTEST_ARGUMENTS ?=

# What is compiled once serves all the processes that tests start.
unexport PYTHONDONTWRITEBYTECODE

BENCHES := bench-send bench-permission bench-people bench-content

.PHONY: help run doctor flask setup test tests-alone test-bench test-setup test-thorough check style types imports setup-for-tests lock faults bench $(BENCHES)

help:
	@echo "make run         set up, start everything on this machine, print the address"
	@echo "make doctor      say in plain words what is wrong with this installation"
	@echo "make flask do='accounts create-owner --help'   one of Nod's commands, with this machine's servers"
	@echo "make test        set up, check, run the tests"
	@echo "make faults      kill, cut and starve everything that sends, at length (FAULTS='G1 G3' for some)"
	@echo "make check       ruff, mypy, import contracts"
	@echo "make bench       measure everything; make bench-send do='--help' is one of: $(BENCHES)"
	@echo "make setup       what run needs, without starting"
	@echo "make test-bench  run each bench in small (a minute)"
	@echo "make test-thorough   property tests with ten times as many examples (TIMES=50 for more), floods and guesses whole"
	@echo "make test-setup  install from nothing in a fresh clone, over the network (minutes)"
	@echo "make lock        resolve the newest Python packages into the lock files"

run: setup
	@exec $(VENV)/python -m app.local run

doctor: setup
	@exec $(VENV)/python -m app.local flask doctor

flask: setup
	@exec $(VENV)/python -m app.local flask $(do)

setup: need-python
	@$(PYTHON) app/local/bootstrap.py

setup-for-tests: need-python
	@$(PYTHON) app/local/bootstrap.py --test

# Beside each other: what is checked takes the time in which tests wait. A shell keeps Ctrl-C from what it runs in the
# background, so whoever is told to end passes it on.
test: setup-for-tests
	@nice $(MAKE) --no-print-directory check >.nod/check.log 2>&1 & check=$$!; \
	trap 'kill $$check; exit 130' HUP INT TERM; \
	$(MAKE) --no-print-directory tests-alone; tested=$$?; \
	wait $$check; checked=$$?; cat .nod/check.log; \
	test $$tested -eq 0 -a $$checked -eq 0

# Nearly half of the time of a test is waiting: four workers keep two cores busy.
tests-alone:
	@$(VENV)/python -m pytest -m "not network and not bench" -n 4 --dist worksteal $(PYTEST_ARGUMENTS) $(TESTS) \
	|| { echo "Nod: what failed while both cores were busy is tried once more, alone. Twice red is red."; \
	exec $(VENV)/python -m pytest -m "not network and not bench" --last-failed --last-failed-no-failures none $(PYTEST_ARGUMENTS) $(TESTS); }

test-bench: setup-for-tests
	@exec $(VENV)/python -m pytest -m bench --timeout=300 $(PYTEST_ARGUMENTS) tests/bench

test-setup: setup-for-tests
	@exec $(VENV)/python -m pytest -m network --timeout=900 $(PYTEST_ARGUMENTS) tests/local tests/content

TIMES ?= 10
test-thorough: setup-for-tests
	@NOD_TESTS_TIMES=$(TIMES) exec $(VENV)/python -m pytest -m "hypothesis or thorough" -n 4 --dist worksteal --timeout=3600 $(PYTEST_ARGUMENTS) $(TESTS)

# Each ends with one line of JSON.
bench: $(BENCHES)

$(BENCHES): bench-%: setup-for-tests
	@$(VENV)/python -m tests.bench.$* $(do)

faults: setup-for-tests
	@FAULTS="$(FAULTS)" exec $(VENV)/python -m tests.faults.run

# Beside each other; what each says is printed whole when it ends.
check: setup-for-tests
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target style types imports

style:
	@$(VENV)/ruff check .

types:
	@$(VENV)/mypy

imports:
	@$(VENV)/lint-imports --no-cache

# Names and hashes only: where packages come from is each machine's own setting.
COMPILE := $(VENV)/uv pip compile setup.cfg --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --annotation-style line --custom-compile-command "make lock" --upgrade
lock: setup
	@$(VENV)/python -m pip install --quiet uv
	@$(COMPILE) -o requirements.lock >/dev/null
	@$(COMPILE) --extra test --constraints requirements.lock -o requirements-test.lock >/dev/null

.PHONY: need-python
need-python:
	@test -n "$(PYTHON)" || { echo "Nod needs Python 3.11 or newer: no working python3 was found."; exit 1; }

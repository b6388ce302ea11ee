# Everything that is done with this project by hand. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin
BENCH := .venv-bench/bin/python -m benchmarks
# Most tests wait for processes: two cores are busy with three of them at once.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo dev test soak history chaos audit bench bench-growth bench-workers bench-beside screens format languages requirements clean
.PHONY: environment-embedded environment-dev environment-benchmarks

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: environment-embedded ## migrate a sample account of 25 people before your eyes (KEEP=1: leave all running)
	@$(BIN)/python starter.py demo $(if $(KEEP),--keep)

dev: environment-embedded ## run the whole embedded stack in the foreground
	@$(BIN)/python starter.py dev

test: environment-dev ## check formatting, lint, types and import contracts, run all tests (JOBS=3 at once)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	WORKFLOWS_CACHED=0 $(BIN)/python -m tests.run -n $(JOBS) --dist loadscope tests/workflows/test_steps.py \
		-k "Verifying or Authentication or Completion"
	@# The whole suite comes last, so that its summary of skipped tests and their reasons ends the output.
	$(BIN)/python -m tests.run -n $(JOBS) --dist loadfile

soak: environment-dev ## sixty exits of everything, all workflow tests replayed at each task, an hour of migrations
	SOAK_ROUNDS=60 $(BIN)/python -m tests.run tests/e2e/test_exit_codes.py
	WORKFLOWS_CACHED=0 $(BIN)/python -m tests.run tests/workflows tests/histories
	SOAK_MINUTES=$(or $(SOAK_MINUTES),60) $(BIN)/python -m tests.run -s tests/e2e/test_soak.py

history: environment-dev ## record the histories that later versions must replay (NAME=0.2.0)
	@test -n "$(NAME)" || { echo "Name the version: make history NAME=0.2.0" >&2; exit 2; }
	$(BIN)/python -m tests.histories.record $(NAME)

audit: environment-dev ## look for known flaws in all libraries, and write a bill of materials to .audit/
	$(BIN)/python tools/audit.py

chaos: environment-dev ## strike running migrations by seeds it prints (SEED=7 repeats one)
	@CHAOS_SEED=$(or $(SEED),$(shell shuf -i 1-1000000 -n 1)) CHAOS_ROUNDS=$(or $(ROUNDS),$(if $(SEED),1,10)) CHAOS_FAULTS=16 \
		CHAOS_SIGNALS=10000 $(BIN)/python -m tests.run -s tests/chaos tests/workflows/test_floods.py

bench: environment-benchmarks ## race against others (N=300 people, ROUNDS=1; WRITE=1: into docs/benchmarks.md)
	@$(BENCH) race --people $(or $(N),300) --rounds $(or $(ROUNDS),1) $(if $(WRITE),--write)

bench-growth: environment-benchmarks ## move ever more people (SIZES="100 1000 10000"; WRITE=1: into docs/benchmarks.md)
	@$(BENCH) growth --people $(or $(SIZES),100 1000 10000) $(if $(WRITE),--write)

bench-workers: environment-benchmarks ## one, two and three workers past a slow mail server (WRITE=1: into docs/benchmarks.md)
	@$(BENCH) workers $(if $(WRITE),--write)

bench-beside: environment-benchmarks ## start a migration of ten amid one of 10,000 (WRITE=1: into docs/benchmarks.md)
	@$(BENCH) beside $(if $(WRITE),--write)

screens: environment-dev ## take pictures of the pages, with sample data, into docs/screens/
	$(BIN)/python -m tests.run tests/browser/screens.py

format: environment-dev ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

languages: environment-dev ## bring the catalogues of all languages up to date (ADD=pt: begin one)
	$(BIN)/python tools/update_languages.py $(ADD)

requirements: ## pin the newest allowed versions of all libraries, with hashes
	$(PYTHON) tools/pin_requirements.py

clean: ## remove the environment, its tools, caches and the embedded stack's data
	rm -rf .venv .venv-bench benchmarks/node_modules .tools .landbridge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment-embedded environment-dev environment-benchmarks: environment-%:
	@$(PYTHON) tools/bootstrap.py $*

# Without npm, or where it reaches no registry, the contestant that needs it is left out.
environment-benchmarks: benchmarks/node_modules
benchmarks/node_modules: benchmarks/package-lock.json
	-@if command -v npm >/dev/null; then npm ci --ignore-scripts --silent --prefix benchmarks && touch $@; fi

# All development tasks. `make` without a target lists them.

PYTHON ?= python3
BIN := .venv/bin
BENCH := .venv-bench/bin/python -m benchmarks
# Most tests wait for processes, so three test processes keep two cores busy.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo dev test soak history chaos audit bench bench-growth bench-workers bench-fairness screens format languages requirements clean
.PHONY: environment-local environment-dev environment-benchmarks

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: environment-local ## migrate a sample account of 25 people (KEEP=1: leave everything running)
	@$(BIN)/python starter.py demo $(if $(KEEP),--keep)

dev: environment-local ## run the local stack in the foreground
	@$(BIN)/python starter.py dev

test: environment-dev ## check formatting, lint, types and import contracts, and run all tests (JOBS=3 processes)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	WORKFLOWS_CACHED=0 $(BIN)/python -m tests.run -n $(JOBS) --dist loadscope tests/workflows/test_steps.py \
		-k "Verifying or Authentication or Completion"
	@# The whole suite runs last: its summary of skipped tests should end the output.
	$(BIN)/python -m tests.run -n $(JOBS) --dist loadfile

soak: environment-dev ## long tests: sixty restarts of every process, workflow tests without a cache, an hour of migrations
	SOAK_ROUNDS=60 $(BIN)/python -m tests.run tests/e2e/test_exit_codes.py
	WORKFLOWS_CACHED=0 $(BIN)/python -m tests.run tests/workflows tests/histories
	SOAK_MINUTES=$(or $(SOAK_MINUTES),60) $(BIN)/python -m tests.run -s tests/e2e/test_soak.py

history: environment-dev ## record histories that later versions must replay (NAME=0.2.0)
	@test -n "$(NAME)" || { echo "Name the version: make history NAME=0.2.0" >&2; exit 2; }
	$(BIN)/python -m tests.histories.record $(NAME)

audit: environment-dev ## write an SBOM to .audit/ and check all libraries for known vulnerabilities
	@mkdir -p .audit && rm -f .audit/vulnerabilities.txt
	$(BIN)/cyclonedx-py requirements requirements/main.txt --pyproject=pyproject.toml --output-reproducible \
		--output-file=.audit/landbridge.cdx.json
	@# pip-audit writes the file only if it finds vulnerabilities.
	@$(BIN)/pip-audit --vulnerability-service=osv --strict --require-hashes --disable-pip --progress-spinner=off \
		--output=.audit/vulnerabilities.txt $(addprefix --requirement=,$(wildcard requirements/*.txt)) || { \
		cat .audit/vulnerabilities.txt 2>/dev/null || echo "NOTHING was checked: pip-audit failed. Run this where \
	https://osv.dev can be reached, or set PIP_AUDIT_OSV_URL to another OSV database." >&2; exit 1; }

chaos: environment-dev ## kill, freeze and disconnect processes during migrations (SEED=7 repeats a run)
	@CHAOS_SEED=$(or $(SEED),$(shell shuf -i 1-1000000 -n 1)) CHAOS_ROUNDS=$(or $(ROUNDS),$(if $(SEED),1,10)) CHAOS_FAULTS=16 \
		CHAOS_SIGNALS=10000 $(BIN)/python -m tests.run -s tests/chaos tests/workflows/test_floods.py

bench: environment-benchmarks ## compare with other engines (N=300 people, ROUNDS=1; WRITE=1 updates docs/benchmarks.md)
	@$(BENCH) race --people $(or $(N),300) --rounds $(or $(ROUNDS),1) $(if $(WRITE),--write)

bench-growth: environment-benchmarks ## measure growing migrations (SIZES="100 1000 10000"; WRITE=1 updates docs/benchmarks.md)
	@$(BENCH) growth --people $(or $(SIZES),100 1000 10000) $(if $(WRITE),--write)

bench-workers: environment-benchmarks ## compare one, two and three workers with a slow mail server (WRITE=1 updates docs/benchmarks.md)
	@$(BENCH) workers $(if $(WRITE),--write)

bench-fairness: environment-benchmarks ## start a migration of 10 people during one of 10,000 (WRITE=1 updates docs/benchmarks.md)
	@$(BENCH) fairness $(if $(WRITE),--write)

screens: environment-dev ## take screenshots of the pages with sample data for docs/screens/
	$(BIN)/python -m tests.run tests/browser/screens.py

format: environment-dev ## format the code and apply the linter's fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

languages: environment-dev ## update the translation catalogues (ADD=pt adds a language)
	$(BIN)/python tools/update_languages.py $(ADD)

requirements: ## pin the newest allowed versions of all libraries with hashes
	$(PYTHON) tools/pin_requirements.py

clean: ## remove environments, tools, caches and the local stack's data
	rm -rf .venv .venv-bench benchmarks/node_modules .tools .landbridge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment-local environment-dev environment-benchmarks: environment-%:
	@$(PYTHON) tools/bootstrap.py $*

# Without npm or its registry, the benchmark leaves out the engine that needs them.
environment-benchmarks: benchmarks/node_modules
benchmarks/node_modules: benchmarks/package-lock.json
	-@if command -v npm >/dev/null; then npm ci --ignore-scripts --silent --prefix benchmarks && touch $@; fi

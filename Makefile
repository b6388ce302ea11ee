# Everything that is done with this project by hand. `make` alone lists it.

PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo dev test soak format requirements clean environment-embedded environment-dev

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: environment-embedded ## migrate a sample account of 25 people before your eyes (KEEP=1: leave all running)
	@$(BIN)/python starter.py demo $(if $(KEEP),--keep)

dev: environment-embedded ## run the whole embedded stack in the foreground
	@$(BIN)/python starter.py dev

test: environment-dev ## check formatting, lint, types and import contracts, run all tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.run

soak: environment-dev ## run every command and end workers sixty times, and look at the exit codes
	SOAK_ROUNDS=60 $(BIN)/python -m tests.run tests/e2e/test_exit_codes.py

format: environment-dev ## format the code and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

requirements: ## pin the newest allowed versions of all libraries, with hashes
	$(PYTHON) tools/pin_requirements.py

clean: ## remove the environment, its tools, caches and the embedded stack's data
	rm -rf .venv .tools .landbridge .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment-embedded environment-dev: environment-%:
	@$(PYTHON) tools/bootstrap.py $*

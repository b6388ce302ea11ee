"""Runs pytest and ends as every process of ours does: `python -m tests.run`."""

import sys

import pytest

from runtime import exits

if __name__ == "__main__":
    exits.run(lambda: pytest.main(sys.argv[1:]))

"""Runs pytest, and exits as every process of Landbridge does: `python -m tests.run`."""

import signal
import sys

import pytest

from landbridge.platform import exits

if __name__ == "__main__":
    # A shell's background jobs ignore SIGINT, and child processes would inherit that: tests could not interrupt them.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exits.run(lambda: pytest.main(sys.argv[1:]))

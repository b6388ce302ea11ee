"""Runs pytest and ends as every process of ours does: `python -m tests.run`."""

import signal
import sys

import pytest

from landbridge.platform import exits

if __name__ == "__main__":
    # Shells let what they run in the background ignore it, and so would every program that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    exits.run(lambda: pytest.main(sys.argv[1:]))

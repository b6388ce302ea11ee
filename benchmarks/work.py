"""Runs the worker of a contestant: `python -m benchmarks.work CONTESTANT`."""

import asyncio
import sys

from benchmarks import contestants

if __name__ == "__main__":
    asyncio.run(contestants.load(sys.argv[1]).work())

"""Landbridge alone: what more workers give where it is the mail server that takes its time."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.contestants.landbridge import Landbridge
from benchmarks.results import Machine, Staffed, Workers
from benchmarks.run import measure


async def compare(people: int, numbers: Sequence[int], mail_ms: int, rounds: int, folder: Path) -> Workers:
    """Move people with each number of workers, in interleaved rounds; each mail takes `mail_ms` to be accepted."""
    staffed = [Staffed(workers=number) for number in numbers]
    for _ in range(rounds):
        for one in staffed:
            measured = await measure(Landbridge(one.workers), people, folder, mail_ms=mail_ms)
            one.seconds.append(measured.seconds)
            sys.stderr.write(f"{one.workers} workers: {measured.seconds:.1f} s\n")
    return Workers(machine=Machine.this(), command=results.command(), people=people, mail_ms=mail_ms, staffed=staffed)

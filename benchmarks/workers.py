"""Landbridge alone: throughput by number of workers with a slow mail server."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.contestants.landbridge import Landbridge
from benchmarks.results import Machine, Workers, WorkersRun
from benchmarks.run import measure


async def compare(people: int, numbers: Sequence[int], mail_ms: int, rounds: int, folder: Path) -> Workers:
    """Run migrations with each number of workers, in interleaved rounds; each mail takes `mail_ms`."""
    staffed = [WorkersRun(workers=number) for number in numbers]
    for _ in range(rounds):
        for run in staffed:
            measured = await measure(Landbridge(run.workers), people, folder, mail_ms=mail_ms)
            run.seconds.append(measured.seconds)
            sys.stderr.write(f"{run.workers} workers: {measured.seconds:.1f} s\n")
    return Workers(machine=Machine.this(), command=results.command(), people=people, mail_ms=mail_ms, staffed=staffed)

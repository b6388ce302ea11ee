"""Landbridge alone, with ever more people, and with two workers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.contestants.landbridge import Landbridge
from benchmarks.results import Grown, Growth, Machine
from benchmarks.run import MB, cpu_ms_each, measure
from benchmarks.world import World
from dev.stack.temporal_server import NAME


async def grow(sizes: Sequence[int], workers: Sequence[int], folder: Path) -> Growth:
    """Move each number of people with each number of workers."""
    grown = [await _grown(people, number, folder) for people in sizes for number in workers]
    return Growth(machine=Machine.this(), command=results.command(), grown=grown)


async def _grown(people: int, workers: int, folder: Path) -> Grown:
    landbridge, counted = Landbridge(workers), dict[str, int]()

    async def count(world: World) -> None:
        # First: counting the events asks the server, which counts that, too.
        counted["actions"] = await landbridge.actions(world)
        counted["events"] = await landbridge.events(world)

    measured = await measure(landbridge, people, folder, afterwards=count)
    grown = Grown(
        people=people,
        workers=workers,
        seconds=measured.seconds,
        events=counted["events"],
        actions=counted["actions"],
        peak_worker_mb=max(peak for name, peak in measured.peak_bytes_of.items() if name != NAME) / MB,
        peak_server_mb=measured.peak_bytes_of[NAME] / MB,
        cpu_ms=cpu_ms_each(measured, people),
    )
    sys.stderr.write(
        f"{people} people, {workers} workers: {grown.seconds:.1f} s, {grown.events} events, {grown.actions} actions\n"
    )
    return grown

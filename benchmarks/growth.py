"""Landbridge alone: growing migrations, with one and more workers."""

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import results
from benchmarks.contestants.landbridge import Landbridge
from benchmarks.results import Growth, GrowthRun, Machine
from benchmarks.run import MB, cpu_ms_each, measure
from benchmarks.world import World
from dev.stack.temporal_server import NAME


async def grow(sizes: Sequence[int], workers: Sequence[int], folder: Path) -> Growth:
    """Run a migration for each size and each number of workers."""
    grown = [await _measure_run(people, number, folder) for people in sizes for number in workers]
    return Growth(machine=Machine.this(), command=results.command(), grown=grown)


async def _measure_run(people: int, workers: int, folder: Path) -> GrowthRun:
    landbridge, counts = Landbridge(workers), dict[str, int]()

    async def count(world: World) -> None:
        # Count actions first, because counting events adds actions.
        counts["actions"] = await landbridge.actions(world)
        counts["events"] = await landbridge.events(world)

    measured = await measure(landbridge, people, folder, afterwards=count)
    grown = GrowthRun(
        people=people,
        workers=workers,
        seconds=measured.seconds,
        events=counts["events"],
        actions=counts["actions"],
        peak_worker_mb=max(peak for name, peak in measured.peak_bytes_of.items() if name != NAME) / MB,
        peak_server_mb=measured.peak_bytes_of[NAME] / MB,
        cpu_ms=cpu_ms_each(measured, people),
    )
    sys.stderr.write(
        f"{people} people, {workers} workers: {grown.seconds:.1f} s, {grown.events} events, {grown.actions} actions\n"
    )
    return grown

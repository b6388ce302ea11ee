"""One run: a contestant does the job once, on an empty disk, and is measured."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contestant import WORKER, Contestant
from benchmarks.contestants import LABELS
from benchmarks.journal import Journal
from benchmarks.usage import Usage
from benchmarks.world import World
from dev.stack.processes import Program
from dev.stack.supervisor import Supervisor

MB = 2**20
_MAX_LENGTH = 3600.0
"""Seconds after which a run counts as stuck."""
_LOOK_SECONDS = 0.02
_STOP_SECONDS = 1.0
"""Nothing is kept, and some programs take half a minute to end well."""


@dataclass(frozen=True)
class Measured:
    """What came of a run."""

    seconds: float
    """From the first start to the last completed."""
    peak_bytes: int
    """Of the contestant's own processes, together."""
    peak_bytes_of: dict[str, int]
    """Of each of its programs."""
    cpu_seconds: dict[str, float]
    """Of each program, those of the neighbours too."""
    sent_again: int
    """Mails that people got a second time."""


class Failed(Exception):
    """A contestant did not do the job."""


async def measure(
    contestant: Contestant,
    people: int,
    folder: Path,
    *,
    kill: bool = False,
    mail_ms: int = 0,
    afterwards: Callable[[World], Awaitable[None]] | None = None,
) -> Measured:
    """Have the job done once.

    Arguments:
        contestant: who does it.
        people: how many are moved.
        folder: for stores and logs; emptied first.
        kill: end the worker by `kill -9` when half of the mails are out.
        mail_ms: how long the mail server takes to accept a mail.
        afterwards: looks at what was left behind, while all programs still run.

    Raises:
        Failed: it took too long, not everyone got mail, or it was over before it could be killed.

    """
    world = World(folder, mail_ms=mail_ms)
    async with Supervisor(world.logs, say) as around, Supervisor(world.logs, say) as own:
        await around.start(*map(_soon_stopped, world.services()))
        for program in contestant.programs(world):
            await own.start(_soon_stopped(program))
        await contestant.prepare(world)
        await around.start(_soon_stopped(world.people(contestant.name)))
        killed = asyncio.Event()
        journal, used, used_around = Journal(world.journal), Usage(lambda: own.pids), Usage(lambda: around.pids)
        async with AsyncExitStack() as beside:
            for task in (used.watch(), used_around.watch()):
                await beside.enter_async_context(_meanwhile(task))
            if kill:
                await beside.enter_async_context(_meanwhile(_kill_at(people // 2, journal, own, killed)))
            began = time.perf_counter()
            try:
                async with asyncio.timeout(_MAX_LENGTH):
                    await contestant.move(world, people)
            except TimeoutError:
                label = LABELS[contestant.name]
                raise Failed(f"{label} had not moved {people} people after {_MAX_LENGTH:.0f} s.") from None
            seconds = time.perf_counter() - began
        if kill and not killed.is_set():
            raise Failed(f"{LABELS[contestant.name]} had moved {people} people before it could be killed.")
        if (reached := journal.people()) < people:
            raise Failed(f"{LABELS[contestant.name]} says that all is done, but only {reached} people got mail.")
        cpu_seconds = used_around.cpu_seconds() | used.cpu_seconds()
        if afterwards is not None:
            await afterwards(world)
        return Measured(
            seconds=seconds,
            peak_bytes=used.peak_bytes,
            peak_bytes_of=used.peak_bytes_of,
            cpu_seconds=cpu_seconds,
            sent_again=journal.sent_again(),
        )


def cpu_ms_each(measured: Measured, people: int) -> dict[str, float]:
    """Return each program's processor time for one person; several workers count together."""
    each: dict[str, float] = {}
    for name, seconds in measured.cpu_seconds.items():
        program = WORKER if name.startswith(WORKER) else name
        each[program] = each.get(program, 0.0) + 1000 * seconds / people
    return each


def _soon_stopped(program: Program) -> Program:
    return replace(program, stop_timeout=_STOP_SECONDS)


@asynccontextmanager
async def _meanwhile(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _kill_at(mails: int, journal: Journal, programs: Supervisor, killed: asyncio.Event) -> None:
    while journal.mails() < mails:
        await asyncio.sleep(_LOOK_SECONDS)
    os.kill(programs.pids[WORKER], signal.SIGKILL)
    killed.set()


def say(sentence: str) -> None:
    """Tell what happens to the programs."""
    sys.stderr.write(f"  {sentence}\n")

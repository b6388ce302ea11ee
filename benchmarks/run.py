"""Runs a contestant once, in an empty folder, and measures it."""

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
_RUN_TIMEOUT = 3600.0
"""Seconds."""
_POLL_SECONDS = 0.02
_STOP_SECONDS = 1.0
"""Some programs need half a minute for a graceful shutdown, which is not needed here."""


@dataclass(frozen=True)
class Measured:
    """The measurements of a run."""

    seconds: float
    """From the start of the job to its completion for the last person."""
    peak_bytes: int
    """Peak memory of all processes of the contestant together."""
    peak_bytes_of: dict[str, int]
    """Peak memory of each of its programs."""
    cpu_seconds: dict[str, float]
    """CPU time of each program, including the emulator and the mail server."""
    sent_again: int
    """Mails that were sent more than once."""


class Failed(Exception):
    """A contestant did not complete the job."""


async def measure(
    contestant: Contestant,
    people: int,
    folder: Path,
    *,
    kill: bool = False,
    mail_ms: int = 0,
    afterwards: Callable[[World], Awaitable[None]] | None = None,
) -> Measured:
    """Run the job once.

    Arguments:
        contestant: the contestant to measure.
        people: number of people.
        folder: for databases and logs; emptied first.
        kill: kill the worker with `kill -9` when half of the mails have been sent.
        mail_ms: milliseconds until the mail server accepts a mail.
        afterwards: called after the job, while all programs still run.

    Raises:
        Failed: the run timed out, someone got no mail, or the job was done before the worker was killed.

    """
    world = World(folder, mail_ms=mail_ms)
    async with Supervisor(world.logs, say) as shared, Supervisor(world.logs, say) as own:
        await shared.start(*map(_with_short_stop, world.services()))
        await own.start(*map(_with_short_stop, contestant.programs(world)))
        await contestant.prepare(world)
        await shared.start(_with_short_stop(world.people(contestant.name)))
        killed = asyncio.Event()
        journal, used, used_shared = Journal(world.journal), Usage(lambda: own.pids), Usage(lambda: shared.pids)
        async with AsyncExitStack() as background:
            for task in (used.watch(), used_shared.watch()):
                await background.enter_async_context(_in_background(task))
            if kill:
                await background.enter_async_context(_in_background(_kill_after(people // 2, journal, own, killed)))
            began = time.perf_counter()
            try:
                async with asyncio.timeout(_RUN_TIMEOUT):
                    await contestant.move(world, people)
            except TimeoutError:
                label = LABELS[contestant.name]
                raise Failed(f"{label} did not complete {people} people within {_RUN_TIMEOUT:.0f} s.") from None
            seconds = time.perf_counter() - began
        if kill and not killed.is_set():
            raise Failed(f"{LABELS[contestant.name]} completed {people} people before its worker was killed.")
        if (reached := journal.people()) < people:
            raise Failed(
                f"{LABELS[contestant.name]} reported completion, but only {reached} of {people} people got mail."
            )
        cpu_seconds = used_shared.cpu_seconds() | used.cpu_seconds()
        if afterwards is not None:
            await afterwards(world)
        return Measured(
            seconds=seconds,
            peak_bytes=used.peak_bytes,
            peak_bytes_of=used.peak_bytes_of,
            cpu_seconds=cpu_seconds,
            sent_again=journal.resent(),
        )


def cpu_ms_each(measured: Measured, people: int) -> dict[str, float]:
    """Return the CPU milliseconds per person of each program; workers are summed up."""
    each: dict[str, float] = {}
    for name, seconds in measured.cpu_seconds.items():
        program = WORKER if name.startswith(WORKER) else name
        each[program] = each.get(program, 0.0) + 1000 * seconds / people
    return each


def _with_short_stop(program: Program) -> Program:
    return replace(program, stop_timeout=_STOP_SECONDS)


@asynccontextmanager
async def _in_background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _kill_after(mails: int, journal: Journal, programs: Supervisor, killed: asyncio.Event) -> None:
    while journal.mails() < mails:
        await asyncio.sleep(_POLL_SECONDS)
    os.kill(programs.pids[WORKER], signal.SIGKILL)
    killed.set()


def say(sentence: str) -> None:
    """Print an event of the supervised programs."""
    sys.stderr.write(f"  {sentence}\n")

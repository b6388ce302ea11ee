"""Looking at a migration again and again until it is over."""

import asyncio
import select
import sys
from collections.abc import Callable
from datetime import UTC, datetime

from rich.live import Live

from landbridge.cli import status_view, text
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.platform.exits import Exit, TemporalUnreachable

LOOK_SECONDS = 2.0
"""Between two looks; each costs Temporal a few calls."""


async def until_over(migration: Migration, seen: Callable[[MigrationStatus, str], None]) -> MigrationStatus:
    """Look until the migration is over; `seen` gets each look, and what keeps us from a newer one.

    Raises:
        NotFound, TemporalUnreachable: at the first look; later, Temporal is waited for.

    """
    status = await migration.status()
    seen(status, "")
    while status.run_state is RunState.RUNNING:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            status, problem = await migration.status(), ""
        except TemporalUnreachable as error:
            problem = f"{error} This is what was seen last."
        seen(status, problem)
    return status


async def watch(migration: Migration) -> MigrationStatus:
    """Show the status, always fresh, until the migration is over.

    Where nothing can be written over, each change is a line of its own, and the whole status comes in the end.

    Raises:
        BrokenPipeError: whoever read our output is gone.
        NotFound, TemporalUnreachable: as `until_over`.

    """
    if not text.redraws():
        return await _watch_in_lines(migration)
    with Live(console=text.out(), auto_refresh=False) as live:
        return await until_over(
            migration, lambda status, problem: live.update(status_view.render(status, problem), refresh=True)
        )


async def _watch_in_lines(migration: Migration) -> MigrationStatus:
    shown = ""

    def seen(status: MigrationStatus, problem: str) -> None:
        nonlocal shown
        if _reader_is_gone():
            raise BrokenPipeError
        line = status_view.line(status, problem)
        if line != shown:
            shown = line
            now = text.local(datetime.now(UTC), "seconds")
            text.out().print(f"{now}  {text.plain(line)}", soft_wrap=True)

    status = await until_over(migration, seen)
    text.out().print(status_view.render(status))
    return status


def _reader_is_gone() -> bool:
    """Return whether nobody reads our output any more, which writing would only show at the next change."""
    output = select.poll()
    output.register(sys.stdout, 0)  # errors and hang-ups are told unasked
    return bool(output.poll(0))


async def tell(migration: Migration) -> MigrationStatus:
    """Say on stderr when another step is reached or something waits for an admin, until the migration is over."""
    said: set[str] = set()

    def seen(status: MigrationStatus, problem: str) -> None:
        progress = status.progress
        task = f"Waits for you: {progress.task} {progress.command}" if progress and progress.task else ""
        for sentence in filter(None, (f"Step {status.step}", task, problem)):
            if sentence not in said:
                said.add(sentence)
                text.say(sentence)

    return await until_over(migration, seen)


def exit_of(status: MigrationStatus) -> Exit:
    """Return the exit code for how a migration ended."""
    return Exit.DONE if status.run_state in {RunState.RUNNING, RunState.COMPLETED} else Exit.FAILED

"""Watches a migration until it ends."""

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

POLL_SECONDS = 2.0
"""Poll interval; each poll costs Temporal a few calls."""


async def poll_until_end(migration: Migration, on_status: Callable[[MigrationStatus, str], None]) -> MigrationStatus:
    """Poll the status until the migration ends.

    `on_status` gets each status, and why it is out of date (empty: it is current).

    Raises:
        NotFound, TemporalUnreachable: the first poll failed; later failures are retried.

    """
    status = await migration.status()
    on_status(status, "")
    while status.run_state is RunState.RUNNING:
        await asyncio.sleep(POLL_SECONDS)
        try:
            status, problem = await migration.status(), ""
        except TemporalUnreachable as error:
            problem = f"{error} This is the last known status."
        on_status(status, problem)
    return status


async def watch(migration: Migration) -> MigrationStatus:
    """Show the live status until the migration ends.

    If the output cannot be redrawn, print one line per change, and the whole status at the end.

    Raises:
        BrokenPipeError: the process that reads the output has exited.
        NotFound, TemporalUnreachable: as `poll_until_end`.

    """
    if not text.redraws():
        return await _watch_in_lines(migration)
    with Live(console=text.out(), auto_refresh=False) as live:
        return await poll_until_end(
            migration, lambda status, problem: live.update(status_view.render(status, problem), refresh=True)
        )


async def _watch_in_lines(migration: Migration) -> MigrationStatus:
    last = ""

    def print_change(status: MigrationStatus, problem: str) -> None:
        nonlocal last
        if _output_is_closed():
            raise BrokenPipeError
        line = status_view.line(status, problem)
        if line != last:
            last = line
            now = text.local(datetime.now(UTC), "seconds")
            text.out().print(f"{now}  {text.plain(line)}", soft_wrap=True)

    status = await poll_until_end(migration, print_change)
    text.out().print(status_view.render(status))
    return status


def _output_is_closed() -> bool:
    """Return whether the reader of our output has closed the pipe; otherwise only the next write would notice."""
    output = select.poll()
    output.register(sys.stdout, 0)  # errors and hang-ups are always reported
    return bool(output.poll(0))


async def wait(migration: Migration) -> MigrationStatus:
    """Wait until the migration ends; print each new step and each task for an admin on stderr."""
    printed: set[str] = set()

    def print_new(status: MigrationStatus, problem: str) -> None:
        progress = status.progress
        task = f"Needs your attention: {progress.task} {progress.command}" if progress and progress.task else ""
        for sentence in filter(None, (f"Step {status.step}", task, problem)):
            if sentence not in printed:
                printed.add(sentence)
                text.say(sentence)

    return await poll_until_end(migration, print_new)


def exit_code(status: MigrationStatus) -> Exit:
    """Return the exit code for the outcome of a migration."""
    return Exit.DONE if status.run_state in {RunState.RUNNING, RunState.COMPLETED} else Exit.FAILED

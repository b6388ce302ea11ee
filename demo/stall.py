"""Why nothing moves any more, as far as one can see from here."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

from domain.errors import LandbridgeError
from runtime.exits import TemporalUnreachable
from steering.answers import MigrationStatus
from steering.migration import Migration

_LINES = 3
"""Of each log: the newest of those that say what went wrong."""
_LONGEST = 240
"""Characters of each that are shown."""
_TAIL = 64 * 1024
"""Bytes of a log that are looked at."""
_WRONG = {"warn", "warning", "error", "critical", "fatal"}


class Stalled(LandbridgeError):
    """Nothing happens any more; the sentence says since when."""


async def reasons(status: MigrationStatus | None, migration: Migration, logs: Path) -> AsyncIterator[str]:
    """Yield, line by line, what the migration waits for, who is awaited, and what the processes complain of."""
    if status is None or status.progress is None:
        yield "No worker told how the migration stands."
    else:
        progress = status.progress
        yield f"It is {status.run_state}, in step {progress.step}. {status.failure}".rstrip()
        for sentence in filter(None, (progress.task, progress.paused, *status.troubles)):
            yield f"It waits: {sentence}"
    try:
        async for page in migration.everyone():
            for person in page.people:
                if not person.settled:
                    last = person.timeline[-1]
                    yield f"{person.email} is {person.state}. Last, at {last.at:%H:%M:%S} UTC: {last.what}"
    except TemporalUnreachable as error:
        yield f"Who is awaited cannot be asked: {error}"
    for line in complaints(logs):
        yield line


def complaints(logs: Path) -> list[str]:
    """Return the newest lines of each log in a folder that say what went wrong."""
    return [f"{log.name}: {line}" for log in sorted(logs.glob("*.log")) for line in _complaints(log)]


def _complaints(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    return [line[:_LONGEST] for line in lines if _is_complaint(line)][-_LINES:]


def _is_complaint(line: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        # Not of a log: a traceback, or the last words of a program.
        return bool(line.strip())
    return isinstance(event, dict) and str(event.get("level", "")).lower() in _WRONG

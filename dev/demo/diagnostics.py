"""Why nothing moves any more, as far as one can see from here."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

from landbridge.client.migration import Migration
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.people import SETTLED
from landbridge.platform.exits import TemporalUnreachable

_LINES = 3
"""Of each log: the newest of those that say what went wrong."""
_MAX_LENGTH = 240
"""Characters of each that are shown."""
_TAIL = 64 * 1024
"""Bytes of a log that are looked at."""
_TROUBLE = re.compile(r"error|exception|fatal|fail|kill|refuse|warn", re.IGNORECASE)
"""In lines that are no events: the end of a traceback, or the last words of a program."""
_WRONG = {"warn", "warning", "error", "critical", "fatal"}
"""Levels of events."""


class Stalled(LandbridgeError):
    """The demo does not get to its end; the sentence says how that shows."""


async def reasons(migration: Migration, logs: Path) -> AsyncIterator[str]:
    """Yield, line by line, what the migration waits for, who is awaited, and what the processes complain of."""
    try:
        status = await migration.status()
        yield f"The migration is {status.run_state}, in step {status.step}. {status.failure}".rstrip()
        if status.progress is None:
            yield "No worker answers."
        waits = (status.progress.task, status.progress.paused) if status.progress else ()
        for sentence in filter(None, (*waits, *status.problems)):
            yield f"It waits: {sentence}"
        async for page in migration.everyone():
            for person in page:
                if person.state not in SETTLED:
                    reason = f": {person.reason}" if person.reason else ""
                    yield f"{person.email} is {person.state} since {person.since:%H:%M:%S} UTC{reason}"
    except TemporalUnreachable as error:
        yield str(error)
    for line in complaints(logs):
        yield line


def complaints(logs: Path) -> list[str]:
    """Return the newest lines of each log in a folder that say what went wrong."""
    return [f"{log.name}: {line}" for log in sorted(logs.glob("*.log")) for line in _complaints(log)]


def _complaints(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    return [line[:_MAX_LENGTH] for line in lines if _is_complaint(line)][-_LINES:]


def _is_complaint(line: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return _TROUBLE.search(line) is not None
    return isinstance(event, dict) and str(event.get("level", "")).lower() in _WRONG

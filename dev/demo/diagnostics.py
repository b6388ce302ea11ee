"""Finds out why the demo is stuck: the migration's problems, the people it waits for, and errors in the logs."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

from landbridge.client.migration import Migration
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.people import SETTLED
from landbridge.platform.exits import TemporalUnreachable

_LINES = 3
"""Maximum lines shown from each log: the newest that report a problem."""
_MAX_LENGTH = 240
"""Characters shown of each line."""
_TAIL = 64 * 1024
"""Bytes read from the end of each log."""
_PROBLEM_WORDS = re.compile(r"error|exception|fatal|fail|kill|refuse|warn", re.IGNORECASE)
"""Finds problems in lines that are not JSON, such as the end of a traceback."""
_PROBLEM_LEVELS = {"warn", "warning", "error", "critical", "fatal"}
"""Levels of JSON log events that report a problem."""


class Stalled(LandbridgeError):
    """The demo cannot complete; the message says why it gave up."""


async def reasons(migration: Migration, logs: Path) -> AsyncIterator[str]:
    """Yield as lines: the migration's status, the people it waits for, and the problems in the logs."""
    try:
        status = await migration.status()
        yield f"The migration is {status.run_state}, in step {status.step}. {status.failure}".rstrip()
        if status.progress is None:
            yield "No worker answers."
        waits = (status.progress.task, status.progress.paused) if status.progress else ()
        for sentence in filter(None, (*waits, *status.problems)):
            yield f"It is waiting: {sentence}"
        async for page in migration.everyone():
            for person in page:
                if person.state not in SETTLED:
                    reason = f": {person.reason}" if person.reason else ""
                    yield f"{person.email} is {person.state} since {person.since:%H:%M:%S} UTC{reason}"
    except TemporalUnreachable as error:
        yield str(error)
    for line in problems_in_logs(logs):
        yield line


def problems_in_logs(logs: Path) -> list[str]:
    """Return the newest lines of each log in a folder that report a problem."""
    return [f"{log.name}: {line}" for log in sorted(logs.glob("*.log")) for line in _problems_in_logs(log)]


def _problems_in_logs(log: Path) -> list[str]:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    return [line[:_MAX_LENGTH] for line in lines if _reports_problem(line)][-_LINES:]


def _reports_problem(line: str) -> bool:
    try:
        event = json.loads(line)
    except ValueError:
        return _PROBLEM_WORDS.search(line) is not None
    return isinstance(event, dict) and str(event.get("level", "")).lower() in _PROBLEM_LEVELS

"""Follows a new migration until it waits for an admin, and assigns the people of a roster file."""

import asyncio
import time
from collections.abc import Callable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from temporalio.client import Client

from landbridge.cli import text
from landbridge.client import migrations
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain import messages
from landbridge.domain.errors import Refused
from landbridge.domain.messages import MigrationRequest, Step, StepStatus
from landbridge.domain.roster import RosterPerson

TIMEOUT_SECONDS = 20
"""Stop following if no worker answers for this long; the migration itself continues."""
_POLL_SECONDS = 0.5


async def follow_start(
    client: Client, migration: Migration, request: MigrationRequest, people: list[RosterPerson] | None
) -> MigrationStatus:
    """Follow a migration until it waits for an admin; assign the people of a roster file when it is ready for them.

    Also returns if no worker answers within `TIMEOUT_SECONDS`; `progress` of the returned status is then None.

    Raises:
        Refused: the first step refused the migration.

    """
    with text.err().status("Step 1: checking the initiator and the roster …"):
        status = await _poll(migration, _roster_checked)
    if status.run_state is RunState.FAILED and status.step == Step.INITIATE:
        raise Refused(status.failure)
    if status.run_state is not RunState.RUNNING or status.progress is None:
        return status
    if status.progress.task_id == messages.PROVIDE_ROSTER and people is not None:
        await _assign(client, request, people)
    elif status.progress.task:
        # Landbridge cannot read the roster until an admin has fixed a problem.
        return status
    with text.err().status("Looking for the site …"):
        return await _poll(migration, _site_known_or_task, timeout_seconds=TIMEOUT_SECONDS)


async def _poll(
    migration: Migration, until: Callable[[messages.Progress], bool], timeout_seconds: float | None = None
) -> MigrationStatus:
    """Poll the status until a condition is met, the migration ends, or a timeout passes; print new problems."""
    started = answered = time.monotonic()
    printed: set[str] = set()
    while True:
        status, now = await migration.status(), time.monotonic()
        for problem in status.problems:
            if problem not in printed:
                printed.add(problem)
                text.say(problem)
        answered = answered if status.progress is None else now
        ended = status.run_state is not RunState.RUNNING
        timed_out = now - answered > TIMEOUT_SECONDS or (
            timeout_seconds is not None and now - started > timeout_seconds
        )
        if ended or timed_out or (status.progress is not None and until(status.progress)):
            return status
        await asyncio.sleep(_POLL_SECONDS)


def _first_step(progress: messages.Progress) -> StepStatus:
    return progress.checklist[0].status


def _roster_checked(progress: messages.Progress) -> bool:
    return _first_step(progress) in {StepStatus.WAITING, StepStatus.DONE}


def _site_known_or_task(progress: messages.Progress) -> bool:
    # Before the first step is done, `task` still asks for the roster, which this command has just sent.
    return _first_step(progress) is StepStatus.DONE and bool(progress.task or progress.site)


async def _assign(client: Client, request: MigrationRequest, people: list[RosterPerson]) -> None:
    console = text.err()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Sending the roster", total=len(people))
        await migrations.assign_people(client, request, people, lambda done: bar.update(task, completed=done))

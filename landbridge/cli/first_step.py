"""From the start of a migration to where it waits for people: what the starter has to see to."""

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

PATIENCE_SECONDS = 20
"""How long nothing may be heard before we stop looking; the migration goes on by itself."""
_LOOK_SECONDS = 0.5


async def take(
    client: Client, migration: Migration, request: MigrationRequest, people: list[RosterPerson] | None
) -> MigrationStatus:
    """Follow a migration until it waits for someone, handing out the roster file when its turn comes.

    Without a worker it returns too; then the answer's `progress` is None.

    Raises:
        Refused: the first step's rules forbid it.

    """
    with text.err().status("Step 1: the initiator and the roster are checked …"):
        status = await _look(migration, _checked)
    if status.run_state is RunState.FAILED and status.step == Step.INITIATE:
        raise Refused(status.failure)
    if status.run_state is not RunState.RUNNING or status.progress is None:
        return status
    if status.progress.task_id == messages.HAND_OUT_ROSTER and people is not None:
        await _hand_out(client, request, people)
    elif status.progress.task:
        # Something keeps the roster from being read, and an admin has to fix it.
        return status
    with text.err().status("The site is looked for …"):
        return await _look(migration, _waits_or_works, at_most=PATIENCE_SECONDS)


async def _look(
    migration: Migration, until: Callable[[messages.Progress], bool], at_most: float | None = None
) -> MigrationStatus:
    began = heard = time.monotonic()
    said: set[str] = set()
    while True:
        status, now = await migration.status(), time.monotonic()
        for problem in status.problems:
            if problem not in said:
                said.add(problem)
                text.say(problem)
        heard = heard if status.progress is None else now
        over = status.run_state is not RunState.RUNNING
        given_up = now - heard > PATIENCE_SECONDS or (at_most is not None and now - began > at_most)
        if over or given_up or (status.progress is not None and until(status.progress)):
            return status
        await asyncio.sleep(_LOOK_SECONDS)


def _first(progress: messages.Progress) -> StepStatus:
    return progress.checklist[0].status


def _checked(progress: messages.Progress) -> bool:
    return _first(progress) in {StepStatus.WAITING, StepStatus.DONE}


def _waits_or_works(progress: messages.Progress) -> bool:
    # The hand-out may still be news to the migration; its task is not what the user is to do next.
    return _first(progress) is StepStatus.DONE and bool(progress.task or progress.site)


async def _hand_out(client: Client, request: MigrationRequest, people: list[RosterPerson]) -> None:
    console = text.err()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("The roster is handed out", total=len(people))
        await migrations.assign_people(client, request, people, lambda done: bar.update(task, completed=done))

"""Starting a migration, and handing out a roster that lies on the starter's disk."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    Priority,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError

from landbridge.client import runs
from landbridge.client.answers import MigrationSummary, RunState, Started
from landbridge.client.calls import QUERY_SECONDS, told
from landbridge.client.cohorts import TemporalCohortClient
from landbridge.client.reader import summarise
from landbridge.domain import ids, roster
from landbridge.domain.audit import Act
from landbridge.domain.errors import NotFound, Refused, ServiceUnavailable
from landbridge.domain.messages import MigrationRequest, Step
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.roster import RosterPerson
from landbridge.domain.text import text
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options, search_attributes

_AT_ONCE = 8
"""Cohorts that get their people at the same time."""
_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS = 0.05, 1.0
"""A worker that is there starts the cohorts at once; one that is not may be away for long."""
_MAX_FAIRNESS_KEY_LENGTH = 64
"""Temporal's limit, in bytes; accounts that share so long a beginning share their turns."""


async def start(
    client: Client, request: MigrationRequest, *, again: bool = False, proofs: Proofs = NO_PROOFS
) -> Started:
    """Start a migration, unless one runs or, without `again`, was completed or cancelled.

    `proofs` proves that an admin asks for it.

    Raises:
        BadInput: no migration can be of an account with such a name.
        Refused: the one that runs has another roster or another site, or an undo of the last one runs.

    """
    workflow_id = ids.migration(ids.check_opsgenie_account(request.opsgenie_account))
    memo = {"asked": _asked(request)}
    await _refuse_while_undoing(client, request.opsgenie_account)
    by = proofs.of_request(request.by, Act.START, request, workflow_id)
    request = request.model_copy(update={"by": by})
    try:
        async with told(text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)):
            started = await client.start_workflow(
                SiteMigrationWorkflow.run,
                request,
                id=workflow_id,
                task_queue=options.WORKFLOWS,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
                if again
                else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                # Cohorts and activities inherit it: a migration of many does not starve one of a few.
                priority=Priority(fairness_key=request.opsgenie_account[:_MAX_FAIRNESS_KEY_LENGTH]),
                static_summary=f"Opsgenie account {request.opsgenie_account} → Atlassian",
                memo=memo,
                search_attributes=TypedSearchAttributes(
                    [
                        SearchAttributePair(search_attributes.OPSGENIE_ACCOUNT, request.opsgenie_account),
                        SearchAttributePair(search_attributes.MIGRATION_STEP, str(Step.INITIATE)),
                    ]
                ),
            )
    except WorkflowAlreadyStartedError:
        return await _already(client, workflow_id, memo["asked"])
    return Started(workflow_id=workflow_id, run=ids.run_of(started.first_execution_run_id or ""))


async def _refuse_while_undoing(client: Client, opsgenie_account: str) -> None:
    """Let nobody be invited whom the undo of the last migration would remove at the same time."""
    with suppress(NotFound):
        async with told("undo"):
            undo = await client.get_workflow_handle(ids.undo(opsgenie_account)).describe(rpc_timeout=QUERY_SECONDS)
        if undo.status is WorkflowExecutionStatus.RUNNING:
            raise Refused(text("The last migration is being undone; start this one when that has ended."))


def _asked(request: MigrationRequest) -> dict[str, str]:
    """Return what must be the same when the same migration is started again; without personal data."""
    return {
        "roster": request.file_roster.digest if request.file_roster else "Opsgenie",
        "site": request.site or (request.new_site.name if request.new_site else ""),
    }


async def _already(client: Client, workflow_id: str, asked: dict[str, str]) -> Started:
    async with told("migration"):
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_SECONDS)
        before: dict[str, str] = await description.memo_value("asked", {}, type_hint=dict[str, str])
    summary = summarise(description)
    different = [what for what, value in asked.items() if value and before.get(what, "") not in {value, ""}]
    if different and summary.run_state is RunState.RUNNING:
        raise Refused(
            text(
                "A migration of this Opsgenie account runs with another {different}. Nothing was changed; let it "
                "end, or start with what it was started with.",
                different=" and another ".join(different),
            )
        )
    return Started(workflow_id=workflow_id, run=summary.run, already=summary.run_state)


async def assign_people(
    client: Client, request: MigrationRequest, people: Sequence[RosterPerson], told_so_far: Callable[[int], None]
) -> None:
    """Hand the people of a roster file to a migration's cohorts; safe to repeat.

    Waits for the cohorts to be there, and so for a worker. `told_so_far` gets the number of people handed out.
    """
    desk, at_once, done = TemporalCohortClient(client), asyncio.Semaphore(_AT_ONCE), 0
    migration = client.get_workflow_handle_for(SiteMigrationWorkflow.run, ids.migration(request.opsgenie_account))

    async def one(number: int, rows: list[RosterPerson]) -> None:
        nonlocal done
        pause = _FIRST_RETRY_SECONDS
        async with at_once:
            while True:
                try:
                    await desk.assign_people(ids.cohort(request.opsgenie_account, number), rows)
                    break
                except ServiceUnavailable:
                    async with told(text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)):
                        description = await migration.describe(rpc_timeout=QUERY_SECONDS)
                    if summarise(description).run_state is not RunState.RUNNING:
                        return
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _MAX_RETRY_SECONDS)
            done += len(rows)
            told_so_far(done)

    cohorts = roster.cohorts_for(len(people))
    await asyncio.gather(*(one(number, rows) for number, rows in roster.divide(people, cohorts).items()))
    # A migration that ended meanwhile, refused for example, says so itself.
    with suppress(NotFound):
        async with told(text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)):
            await migration.signal(SiteMigrationWorkflow.people_assigned)


async def listed(client: Client) -> list[MigrationSummary]:
    """Return all migrations that Temporal still knows, newest first."""
    async with told(text("list of migrations")):
        found = [e async for e in client.list_workflows("WorkflowType = 'SiteMigrationWorkflow'")]
    paused, stuck = [
        {ids.account_of(execution.id) for execution in await runs.running(client, condition)}
        for condition in (runs.PAUSED, runs.FAILING)
    ]
    begun: dict[str, datetime] = {}
    summaries = []
    # A migration that is over may have continued as new, to complete in a short run.
    for execution in sorted(found, key=lambda execution: execution.start_time):
        if execution.status is WorkflowExecutionStatus.CONTINUED_AS_NEW:
            begun[execution.id] = execution.start_time
        else:
            summary, account = summarise(execution), ids.account_of(execution.id)
            runs_still = summary.run_state is RunState.RUNNING
            changes = {
                "started_at": begun.pop(execution.id, summary.started_at),
                "paused": runs_still and account in paused,
                "stuck": runs_still and account in stuck,
            }
            summaries.append(summary.model_copy(update=changes))
    return sorted(summaries, key=lambda summary: summary.started_at, reverse=True)

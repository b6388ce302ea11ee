"""Starts and lists migrations, and assigns the people of a roster file to cohorts."""

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
from landbridge.client.calls import QUERY_SECONDS, translate_rpc_errors
from landbridge.client.cohorts import TemporalCohortClient
from landbridge.client.reader import summarise
from landbridge.domain import ids, roster
from landbridge.domain.audit import Act
from landbridge.domain.errors import NotFound, Refused, ServiceUnavailable
from landbridge.domain.messages import MigrationRequest, Step
from landbridge.domain.migration import MigrationInput
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.roster import RosterPerson
from landbridge.domain.text import text
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options, search_attributes

_ASSIGN_CONCURRENCY = 8
"""Cohorts that are sent their people concurrently."""
_FIRST_RETRY_SECONDS, _MAX_RETRY_SECONDS = 0.05, 1.0
"""Backoff: a running worker starts the cohorts within milliseconds; otherwise it may take long until one runs."""
_MAX_FAIRNESS_KEY_LENGTH = 64
"""Temporal's limit, in bytes. Accounts that share a prefix of this length share one fairness key."""


async def start(
    client: Client, request: MigrationRequest, *, again: bool = False, proofs: Proofs = NO_PROOFS
) -> Started:
    """Start a migration, unless one is running or, without `again`, was completed or cancelled.

    `proofs` signs the request of an admin.

    Raises:
        BadInput: the account's name is invalid.
        Refused: the running migration has another roster or another site, or the last one is being undone.

    """
    workflow_id = ids.migration(ids.check_opsgenie_account(request.opsgenie_account))
    memo = {"asked": _start_values(request)}
    await _refuse_while_undoing(client, request.opsgenie_account)
    by = proofs.of_request(request.by, Act.START, request, workflow_id)
    request = request.model_copy(update={"by": by})
    try:
        async with translate_rpc_errors(
            text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)
        ):
            started = await client.start_workflow(
                SiteMigrationWorkflow.run,
                MigrationInput(request=request),
                id=workflow_id,
                task_queue=options.WORKFLOWS,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE
                if again
                else WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                # Cohorts and activities inherit the key, so a large migration does not starve a small one.
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
        return await _existing(client, workflow_id, memo["asked"])
    return Started(workflow_id=workflow_id, run=ids.run_of(started.first_execution_run_id or ""))


async def _refuse_while_undoing(client: Client, opsgenie_account: str) -> None:
    """Refuse to start during an undo, which could remove people whom the new migration invites."""
    with suppress(NotFound):
        async with translate_rpc_errors("undo"):
            undo = await client.get_workflow_handle(ids.undo(opsgenie_account)).describe(rpc_timeout=QUERY_SECONDS)
        if undo.status is WorkflowExecutionStatus.RUNNING:
            raise Refused(
                text("The invitations of the last migration are being revoked. Start this one when that has finished.")
            )


def _start_values(request: MigrationRequest) -> dict[str, str]:
    """Return what has to be equal when a running migration is started again; it contains no personal data."""
    return {
        "roster": request.file_roster.digest if request.file_roster else "Opsgenie",
        "site": request.site or (request.new_site.name if request.new_site else ""),
    }


async def _existing(client: Client, workflow_id: str, requested: dict[str, str]) -> Started:
    async with translate_rpc_errors("migration"):
        description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=QUERY_SECONDS)
        before: dict[str, str] = await description.memo_value("asked", {}, type_hint=dict[str, str])
    summary = summarise(description)
    different = [what for what, value in requested.items() if value and before.get(what, "") not in {value, ""}]
    if different and summary.run_state is RunState.RUNNING:
        raise Refused(
            text(
                "A migration of this Opsgenie account is already running with another {different}. "
                "Nothing was changed. Wait until it ends, or start it with the same values.",
                different=" and another ".join(different),
            )
        )
    return Started(workflow_id=workflow_id, run=summary.run, already=summary.run_state)


async def assign_people(
    client: Client, request: MigrationRequest, people: Sequence[RosterPerson], on_progress: Callable[[int], None]
) -> None:
    """Assign the people of a roster file to the migration's cohorts; idempotent.

    Waits until the cohorts exist, and so until a worker runs. `on_progress` gets the number of people assigned so far.
    """
    cohorts, slots, done = TemporalCohortClient(client), asyncio.Semaphore(_ASSIGN_CONCURRENCY), 0
    migration = client.get_workflow_handle_for(SiteMigrationWorkflow.run, ids.migration(request.opsgenie_account))

    async def assign(number: int, rows: list[RosterPerson]) -> None:
        nonlocal done
        pause = _FIRST_RETRY_SECONDS
        async with slots:
            while True:
                try:
                    await cohorts.assign_people(ids.cohort(request.opsgenie_account, number), rows)
                    break
                except ServiceUnavailable:
                    async with translate_rpc_errors(
                        text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)
                    ):
                        description = await migration.describe(rpc_timeout=QUERY_SECONDS)
                    if summarise(description).run_state is not RunState.RUNNING:
                        return
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _MAX_RETRY_SECONDS)
            done += len(rows)
            on_progress(done)

    by_cohort = roster.divide(people, roster.cohorts_for(len(people)))
    await asyncio.gather(*(assign(number, rows) for number, rows in by_cohort.items()))
    # If the migration ended in the meantime, its status says why.
    with suppress(NotFound):
        async with translate_rpc_errors(
            text("migration of {opsgenie_account}", opsgenie_account=request.opsgenie_account)
        ):
            await migration.signal(SiteMigrationWorkflow.people_assigned)


async def listed(client: Client) -> list[MigrationSummary]:
    """Return all migrations that Temporal still keeps, newest first."""
    async with translate_rpc_errors(text("list of migrations")):
        found = [execution async for execution in client.list_workflows("WorkflowType = 'SiteMigrationWorkflow'")]
    paused, stuck = [
        {ids.account_of(execution.id) for execution in await runs.running(client, condition)}
        for condition in (runs.PAUSED, runs.FAILING)
    ]
    started_at: dict[str, datetime] = {}
    summaries = []
    # An ended migration has continued as new once, to complete in a short run.
    for execution in sorted(found, key=lambda execution: execution.start_time):
        if execution.status is WorkflowExecutionStatus.CONTINUED_AS_NEW:
            started_at[execution.id] = execution.start_time
        else:
            summary, account = summarise(execution), ids.account_of(execution.id)
            is_running = summary.run_state is RunState.RUNNING
            changes = {
                "started_at": started_at.pop(execution.id, summary.started_at),
                "paused": is_running and account in paused,
                "stuck": is_running and account in stuck,
            }
            summaries.append(summary.model_copy(update=changes))
    return sorted(summaries, key=lambda summary: summary.started_at, reverse=True)

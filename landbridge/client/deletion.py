"""Deletes all runs of an ended migration from Temporal: the migration itself, its cohorts and its undo."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from temporalio.api.common.v1 import WorkflowExecution as Run
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client import runs
from landbridge.client.calls import QUERY_SECONDS, translate_rpc_errors
from landbridge.client.paging import COHORT_CONCURRENCY
from landbridge.domain import ids
from landbridge.domain.errors import NotFound, Refused
from landbridge.platform.exits import TemporalUnreachable

_POLL_SECONDS = 0.5
_TIMEOUT_SECONDS = 60
"""How long the deleted runs may stay in Temporal's lists: deletion is asynchronous."""


async def forget(client: Client, opsgenie_account: str, on_progress: Callable[[int], None]) -> int:
    """Delete every run of an account's migrations; return their number once Temporal lists none of them.

    Idempotent: a repeated call deletes what is left. Runs are deleted by run id, so a migration that is started in the
    meantime is not touched. `on_progress` gets the number of runs deleted so far.

    Raises:
        Refused: the migration, a cohort or the undo still runs.
        TemporalUnreachable: Temporal does not answer, or still lists deleted runs after `_TIMEOUT_SECONDS`.

    """
    what = f"migration of {ids.check_opsgenie_account(opsgenie_account)}"
    deleted: set[str] = set()
    await _refuse_while_running(client, opsgenie_account, what)
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while found := await runs.of_account(client, opsgenie_account):
        if any(run.status is WorkflowExecutionStatus.RUNNING for run in found):
            raise _still_running(what)
        new = [run for run in found if run.run_id not in deleted]
        if not new and time.monotonic() > deadline:
            raise TemporalUnreachable(f"Temporal still lists {len(found)} deleted runs. Try again in a few minutes.")
        slots = asyncio.Semaphore(COHORT_CONCURRENCY)

        async def delete_one(run: WorkflowExecution, slots: asyncio.Semaphore = slots) -> None:
            async with slots:
                await _delete(client, run, what)
            deleted.add(run.run_id)
            on_progress(len(deleted))

        await asyncio.gather(*map(delete_one, new))
        # Temporal deletes asynchronously, and its visibility lists lag behind that.
        await asyncio.sleep(_POLL_SECONDS)
    return len(deleted)


async def _refuse_while_running(client: Client, opsgenie_account: str, what: str) -> None:
    # The visibility lists lag behind: a migration that was just started may be missing from them.
    with suppress(NotFound):
        async with translate_rpc_errors(what):
            migration = await client.get_workflow_handle(ids.migration(opsgenie_account)).describe(
                rpc_timeout=QUERY_SECONDS
            )
        if migration.status is WorkflowExecutionStatus.RUNNING:
            raise _still_running(what)


def _still_running(what: str) -> Refused:
    return Refused(f"The {what} has not ended: only an ended migration can be deleted. Cancel it first.")


async def _delete(client: Client, run: WorkflowExecution, what: str) -> None:
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=Run(workflow_id=run.id, run_id=run.run_id)
    )
    async with translate_rpc_errors(what):
        try:
            await client.workflow_service.delete_workflow_execution(request, timeout=QUERY_SECONDS)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

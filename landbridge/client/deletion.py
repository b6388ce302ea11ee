"""Removing what Temporal keeps of a migration that is over: all histories of it, its cohorts and its undo."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from temporalio.api.common.v1 import WorkflowExecution as Run
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client import runs
from landbridge.client.calls import QUERY_SECONDS, told
from landbridge.client.paging import AT_ONCE
from landbridge.domain import ids
from landbridge.domain.errors import NotFound, Refused
from landbridge.platform.exits import TemporalUnreachable

_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 60
"""How long Temporal may take to delete what it was told to."""


async def forget(client: Client, opsgenie_account: str, told_so_far: Callable[[int], None]) -> int:
    """Delete every run of an account's migrations; return how many there were, once none is listed any more.

    Runs are deleted by their own ids: a migration that is started meanwhile is not touched. A repeat goes on where an
    earlier one ended, and where there is nothing, nothing happens. `told_so_far` gets the number of runs deleted.

    Raises:
        Refused: something of it runs.
        TemporalUnreachable: Temporal has not deleted everything yet; ask again.

    """
    what = f"migration of {ids.check_opsgenie_account(opsgenie_account)}"
    deleted: set[str] = set()
    await _refuse_while_running(client, opsgenie_account, what)
    until = time.monotonic() + _PATIENCE_SECONDS
    while found := await runs.of_account(client, opsgenie_account):
        if any(run.status is WorkflowExecutionStatus.RUNNING for run in found):
            raise _runs_still(what)
        new = [run for run in found if run.run_id not in deleted]
        if not new and time.monotonic() > until:
            raise TemporalUnreachable(f"Temporal still lists {len(found)} runs that it was told to delete; ask again.")
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(run: WorkflowExecution, at_once: asyncio.Semaphore = at_once) -> None:
            async with at_once:
                await _delete(client, run, what)
            deleted.add(run.run_id)
            told_so_far(len(deleted))

        await asyncio.gather(*map(one, new))
        # Temporal deletes behind the answer, and its lists lag behind that.
        await asyncio.sleep(_LOOK_SECONDS)
    return len(deleted)


async def _refuse_while_running(client: Client, opsgenie_account: str, what: str) -> None:
    # Lists lag behind; a migration that was started just now is not in them yet.
    with suppress(NotFound):
        async with told(what):
            migration = await client.get_workflow_handle(ids.migration(opsgenie_account)).describe(
                rpc_timeout=QUERY_SECONDS
            )
        if migration.status is WorkflowExecutionStatus.RUNNING:
            raise _runs_still(what)


def _runs_still(what: str) -> Refused:
    return Refused(f"The {what} is not over: only what has ended can be forgotten. Cancel it first.")


async def _delete(client: Client, run: WorkflowExecution, what: str) -> None:
    request = DeleteWorkflowExecutionRequest(
        namespace=client.namespace, workflow_execution=Run(workflow_id=run.id, run_id=run.run_id)
    )
    async with told(what):
        try:
            await client.workflow_service.delete_workflow_execution(request, timeout=QUERY_SECONDS)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise

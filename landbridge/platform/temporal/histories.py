"""What Temporal's histories say of a run's newest events, asked from the thread that its workflow runs in."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

PATIENCE = timedelta(seconds=2)
"""How long Temporal may take to answer: the workflow waits, and has a few seconds for its task altogether."""
_AT_ONCE = 100
"""Events of one answer."""


class Histories:
    """Asks Temporal about runs. Whatever it does not say in time does not hold."""

    def __init__(self, client: Client) -> None:
        """Ask by `client`, in the event loop that runs now."""
        self._client = client
        self._loop = asyncio.get_running_loop()

    def was_done(self, workflow_id: str, run_id: str, started: int) -> bool:
        """Whether the workflow task that began with event number `started` was completed, by whichever worker."""
        return self._reported(self._was_done(workflow_id, run_id, started))

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        """Whether no task of this run is to come any more."""
        return self._reported(self._has_ended(workflow_id, run_id))

    def _reported(self, question: Coroutine[Any, Any, bool]) -> bool:
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(PATIENCE.total_seconds())
        except (RPCError, TimeoutError):
            future.cancel()
            return False

    async def _was_done(self, workflow_id: str, run_id: str, started: int) -> bool:
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=_AT_ONCE,
        )
        while True:
            page = await self._client.workflow_service.get_workflow_execution_history_reverse(request, timeout=PATIENCE)
            for event in page.history.events:
                # What comes in while a task is under way is written down after it: its outcome is the very next event.
                if event.event_id <= started + 1:
                    return event.workflow_task_completed_event_attributes.started_event_id == started
            if not page.next_page_token:
                return False
            request.next_page_token = page.next_page_token

    async def _has_ended(self, workflow_id: str, run_id: str) -> bool:
        run = await self._client.get_workflow_handle(workflow_id, run_id=run_id).describe(rpc_timeout=PATIENCE)
        return run.status is not WorkflowExecutionStatus.RUNNING

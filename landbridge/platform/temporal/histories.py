"""Query Temporal about a run's newest events, from the thread of its workflow."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError

TIMEOUT = timedelta(seconds=2)
"""Timeout of a call. The workflow waits for it, and its workflow task may take only a few seconds in total."""
_PAGE_SIZE = 100
"""Events on one page."""


class Histories:
    """Queries Temporal about runs. The result is False if there is no response in time."""

    def __init__(self, client: Client) -> None:
        """Use `client`, in the running event loop."""
        self._client = client
        self._loop = asyncio.get_running_loop()

    def task_completed(self, workflow_id: str, run_id: str, started: int) -> bool:
        """Whether a worker completed the workflow task that started with event number `started`."""
        return self._query(self._task_completed(workflow_id, run_id, started))

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        """Whether the run has ended, so that it gets no further task."""
        return self._query(self._has_ended(workflow_id, run_id))

    def _query(self, call: Coroutine[Any, Any, bool]) -> bool:
        future = asyncio.run_coroutine_threadsafe(call, self._loop)
        try:
            return future.result(TIMEOUT.total_seconds())
        except (RPCError, TimeoutError):
            future.cancel()
            return False

    async def _task_completed(self, workflow_id: str, run_id: str, started: int) -> bool:
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=_PAGE_SIZE,
        )
        while True:
            page = await self._client.workflow_service.get_workflow_execution_history_reverse(request, timeout=TIMEOUT)
            for event in page.history.events:
                # Events that arrive during a task are recorded after it, so the next event is the outcome of the task.
                if event.event_id <= started + 1:
                    return event.workflow_task_completed_event_attributes.started_event_id == started
            if not page.next_page_token:
                return False
            request.next_page_token = page.next_page_token

    async def _has_ended(self, workflow_id: str, run_id: str) -> bool:
        run = await self._client.get_workflow_handle(workflow_id, run_id=run_id).describe(rpc_timeout=TIMEOUT)
        return run.status is not WorkflowExecutionStatus.RUNNING

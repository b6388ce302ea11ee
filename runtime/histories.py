"""What Temporal's histories say of a run's newest events, asked from the thread that its workflow runs in."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client
from temporalio.service import RPCError

PATIENCE = timedelta(seconds=2)
"""How long Temporal may take to answer: the workflow waits, and has a few seconds for its task altogether."""
_AT_ONCE = 100
"""Events of one answer."""
_ENDS = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    }
)


class Histories:
    """Asks Temporal about runs. Whatever it does not say in time does not hold."""

    def __init__(self, client: Client) -> None:
        """Ask by `client`, in the event loop that runs now."""
        self._client = client
        self._loop = asyncio.get_running_loop()

    def was_done(self, workflow_id: str, run_id: str, started: int) -> bool:
        """Whether the workflow task that began with event number `started` was completed, by whichever worker."""
        return self._told(self._was_done(workflow_id, run_id, started))

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        """Whether no task of this run is to come any more."""
        return self._told(self._has_ended(workflow_id, run_id))

    def _told(self, question: Coroutine[Any, Any, bool]) -> bool:
        future = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return future.result(PATIENCE.total_seconds())
        except (RPCError, TimeoutError):
            future.cancel()
            return False

    async def _was_done(self, workflow_id: str, run_id: str, started: int) -> bool:
        async for event in self._newest(workflow_id, run_id):
            # What comes in while a task is under way is written down after it: its outcome is the very next event.
            if event.event_id <= started + 1:
                return event.workflow_task_completed_event_attributes.started_event_id == started
        return False

    async def _has_ended(self, workflow_id: str, run_id: str) -> bool:
        async for event in self._newest(workflow_id, run_id):
            return event.event_type in _ENDS
        return False

    async def _newest(self, workflow_id: str, run_id: str) -> AsyncIterator[HistoryEvent]:
        """Yield a run's events, the newest first."""
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run_id),
            maximum_page_size=_AT_ONCE,
        )
        while True:
            page = await self._client.workflow_service.get_workflow_execution_history_reverse(request, timeout=PATIENCE)
            for event in page.history.events:
                yield event
            if not page.next_page_token:
                return
            request.next_page_token = page.next_page_token

"""Diagnoses workflow tasks that fail repeatedly: which task, since when, why, and what to do.

The usual cause is a deploy of code that cannot replay the workflow's history (a nondeterminism error). No data is lost,
but the workflow is stuck until workers run code that can replay the history.
"""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from temporalio.api.enums.v1 import EventType, TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus

from landbridge.client.answers import FailingTask
from landbridge.client.calls import QUERY_SECONDS, translate_rpc_errors
from landbridge.domain.text import Text, text

MIN_ATTEMPTS = 3
"""From this attempt on a task is reported: a task that was lost with its worker succeeds at the second attempt."""
_EVENTS = 100
"""History events per page, newest first."""
_MAX_PAGES = 20


async def task_of(client: Client, workflow: WorkflowExecutionDescription) -> FailingTask | None:
    """Return the workflow's repeatedly failing task; None if there is none."""
    pending = workflow.raw_description.pending_workflow_task
    if workflow.status is not WorkflowExecutionStatus.RUNNING or pending.attempt < MIN_ATTEMPTS:
        return None
    failures, completed = list[HistoryEvent](), None
    async for event in _newest_first(client, workflow):
        if _is_failure(event):
            failures.append(event)
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            completed = event
            break
    if not failures:
        return None
    first = failures[-1]
    since = first.event_time.ToDatetime(tzinfo=UTC)
    return FailingTask(
        workflow_id=workflow.id,
        event=first.event_id,
        since=since,
        attempts=pending.attempt,
        problem=_problem(workflow.id, failures, since),
        remedy=_remedy(completed),
    )


def _is_failure(event: HistoryEvent) -> bool:
    if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
        # A schedule-to-start timeout is no failure: the worker that had the workflow in its cache is gone.
        timeout = event.workflow_task_timed_out_event_attributes.timeout_type
        return timeout == TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED


async def _newest_first(client: Client, workflow: WorkflowExecutionDescription) -> AsyncIterator[HistoryEvent]:
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace, execution=workflow.raw_info.execution, maximum_page_size=_EVENTS
    )
    for _ in range(_MAX_PAGES):
        async with translate_rpc_errors("history"):
            page = await client.workflow_service.get_workflow_execution_history_reverse(request, timeout=QUERY_SECONDS)
        for event in page.history.events:
            yield event
        request.next_page_token = page.next_page_token
        if not page.next_page_token:
            return


def _problem(workflow_id: str, failures: Sequence[HistoryEvent], since: datetime) -> Text:
    # Do not pass on the failures' messages: they may contain personal data.
    # The SDK reports only the first failure; later attempts time out.
    causes = {
        event.workflow_task_failed_event_attributes.cause
        for event in failures
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
    }
    if not causes:
        return text(
            "The workers have not completed a workflow task of {workflow_id} in time since {since}.",
            workflow_id=workflow_id,
            since=since,
        )
    if WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR in causes:
        return text(
            "A workflow task of {workflow_id} has been failing since {since}: the workers run code "
            "that cannot replay its history.",
            workflow_id=workflow_id,
            since=since,
        )
    return text(
        "A workflow task of {workflow_id} has been failing since {since}: see the workers' log.",
        workflow_id=workflow_id,
        since=since,
    )


def _remedy(completed: HistoryEvent | None) -> Text:
    if completed is None:
        return text("Nothing is lost: deploy a corrected build (docs/how-to/deploy.md).")
    build = completed.workflow_task_completed_event_attributes.deployment_version.build_id
    until = completed.event_time.ToDatetime(tzinfo=UTC)
    if build:
        return text(
            "Nothing is lost: roll back to build {build}, which worked until {until}, or deploy a "
            "corrected one (docs/how-to/deploy.md).",
            build=build,
            until=until,
        )
    return text(
        "Nothing is lost: roll back to the build that worked until {until}, or deploy a "
        "corrected one (docs/how-to/deploy.md).",
        until=until,
    )

"""Checks the histories of a migration's workflows: no task failed, and the current code can replay each history."""

from typing import Any

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, _replayer
from temporalio.worker._workflow import _WorkflowWorker

import worker
from landbridge.domain import ids
from landbridge.platform.temporal import connection, sandbox
from landbridge.platform.temporal.malformed_messages import MalformedMessageInterceptor

_TASK_SECONDS = 60
"""How long the replay of a workflow task may take."""
_HARMLESS = {
    # A signal arrived while the workflow was completing or continuing as new; the task runs again with the signal.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    # Temporal was killed while it accepted an update, and the worker sent the response again.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE,
    # The workflow was terminated during the task.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
}


class _PatientWorkflowWorker(_WorkflowWorker):
    """Lets a task take longer than two seconds, which on a busy machine is no deadlock; the SDK has no setting."""

    def __init__(self, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - the SDK's own
        super().__init__(*args, **settings)
        self._deadlock_timeout_seconds = _TASK_SECONDS


_replayer._WorkflowWorker = _PatientWorkflowWorker  # type: ignore[attr-defined]  # noqa: SLF001 - as above


def replayer(data_converter: DataConverter | None = None) -> Replayer:
    """Return a replayer that works like our workers; without a converter, for unencrypted histories."""
    return Replayer(
        workflows=worker.WORKFLOWS,
        workflow_runner=sandbox.runner(),
        interceptors=[MalformedMessageInterceptor()],
        data_converter=data_converter or connection.data_converter([]),
    )


async def of_account(client: Client, account: str) -> list[WorkflowHistory]:
    """Return the histories of all runs of an account's workflows."""
    query = f"WorkflowId STARTS_WITH '{ids.migration(account)}'"
    return [history async for history in client.list_workflows(query).map_histories()]


async def failures(client: Client, account: str) -> list[str]:
    """Return each failed task and failed replay of an account's workflows, as sentences; empty: none failed."""
    problems = []
    for history in await of_account(client, account):
        problems += [
            f"{history.workflow_id}: {WorkflowTaskFailedCause.Name(failed.cause)} "
            f"{await client.data_converter.decode_failure(failed.failure)}"
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            and (failed := event.workflow_task_failed_event_attributes).cause not in _HARMLESS
        ]
        if not any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in history.events):
            continue  # A run that has just started: the SDK would wait for its first task without end.
        replay = await replayer(client.data_converter).replay_workflow(history, raise_on_replay_failure=False)
        if replay.replay_failure is not None:
            problems.append(f"{history.workflow_id} cannot be replayed: {replay.replay_failure}")
    return problems

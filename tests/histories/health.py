"""What Temporal's histories say of a migration's workflows, and whether today's code would do the same again."""

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer

import worker
from landbridge.domain import ids
from landbridge.platform.temporal import connection, sandbox
from landbridge.platform.temporal.malformed_messages import MalformedMessageInterceptor

_ORDINARY = {
    # News came in while the workflow wanted to end or to continue as new: it is told first.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
    # Temporal was killed while it took an update, and the worker told it of it once more.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE,
    # Terminated meanwhile.
    WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
}


def replayer(data_converter: DataConverter | None = None) -> Replayer:
    """Return what replays histories as our workers would; without a converter, those that stand in clear."""
    return Replayer(
        workflows=worker.WORKFLOWS,
        workflow_runner=sandbox.runner(),
        interceptors=[MalformedMessageInterceptor()],
        data_converter=data_converter or connection.data_converter([]),
    )


async def of_account(client: Client, account: str) -> list[WorkflowHistory]:
    """Return the history of every run of an account's workflows."""
    query = f"WorkflowId STARTS_WITH '{ids.migration(account)}'"
    return [history async for history in client.list_workflows(query).map_histories()]


async def failures(client: Client, account: str) -> list[str]:
    """Return, as sentences, each failed task and failed replay of an account's workflows; none if all are well."""
    told = []
    for history in await of_account(client, account):
        told += [
            f"{history.workflow_id}: {WorkflowTaskFailedCause.Name(failed.cause)} "
            f"{await client.data_converter.decode_failure(failed.failure)}"
            for event in history.events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
            and (failed := event.workflow_task_failed_event_attributes).cause not in _ORDINARY
        ]
        replay = await replayer(client.data_converter).replay_workflow(history, raise_on_replay_failure=False)
        if replay.replay_failure is not None:
            told.append(f"{history.workflow_id} cannot be replayed: {replay.replay_failure}")
    return told

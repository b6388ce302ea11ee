"""Queries about a run's newest events. Workflows send them from a thread."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from dev.stack import ports
from dev.stack.temporal_server import TemporalServer, running
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.histories import Histories
from tests.workflows.harness import eventually

KIND = "Listening"
"""The workflow is started by name: mypy (2.4) gives `Listening.run`, without input, a type that fits no other call."""


@workflow.defn(name=KIND, sandboxed=False)
class Listening:
    """Receives signals forever."""

    def __init__(self) -> None:
        self._heard = 0

    @workflow.run
    async def run(self) -> None:
        """Never end."""
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def news(self) -> None:
        """Receive a signal."""
        self._heard += 1


@pytest.fixture
async def client(temporal_environment: dict[str, str]) -> Client:
    """A client of the server."""
    return await connection.connect(environment=temporal_environment)


@pytest.fixture
async def begun(client: Client) -> AsyncIterator[WorkflowHandle[Listening, None]]:
    """A run whose first task was completed, and which no worker serves any more."""
    queue = f"histories-{uuid4()}"
    handle = await client.start_workflow(KIND, id=queue, task_queue=queue, task_timeout=timedelta(seconds=1))
    async with Worker(client, task_queue=queue, workflows=[Listening]):
        await eventually(partial(_has, handle, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED))
    yield handle
    await handle.terminate()


async def _has(handle: WorkflowHandle[Listening, None], kind: EventType.ValueType) -> bool:
    return kind in [event.event_type async for event in handle.fetch_history_events()]


async def _task_completed(client: Client, handle: WorkflowHandle[Listening, None], started: int) -> bool:
    return await asyncio.to_thread(Histories(client).task_completed, handle.id, _run(handle), started)


async def _has_ended(client: Client, handle: WorkflowHandle[Listening, None]) -> bool:
    return await asyncio.to_thread(Histories(client).has_ended, handle.id, _run(handle))


def _run(handle: WorkflowHandle[Listening, None]) -> str:
    assert handle.first_execution_run_id
    return handle.first_execution_run_id


async def _take(client: Client, queue: str) -> int:
    """Take a workflow task and never complete it, like a worker that crashes; return the task's started event id."""
    taken = await client.workflow_service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=client.namespace, task_queue=TaskQueue(name=queue), identity="mortal")
    )
    return taken.started_event_id


async def test_a_completed_task_is_found(client: Client, begun: WorkflowHandle[Listening, None]) -> None:
    """Any number of events may follow the task."""
    assert await _task_completed(client, begun, 3)
    for _ in range(250):
        await begun.signal(Listening.news)
    assert await _task_completed(client, begun, 3)


async def test_a_running_or_lost_task_is_not_completed(client: Client, begun: WorkflowHandle[Listening, None]) -> None:
    """The events that follow do not matter."""
    await begun.signal(Listening.news)
    started = await _take(client, begun.id)
    assert not await _task_completed(client, begun, started)
    await begun.signal(Listening.news)
    await eventually(partial(_has, begun, EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT))
    assert not await _task_completed(client, begun, started)
    assert await _task_completed(client, begun, 3)


async def test_an_event_that_started_no_task_proves_nothing(
    client: Client, begun: WorkflowHandle[Listening, None]
) -> None:
    """For example, the id may belong to a task that left no event."""
    for started in (1, 2, 4, 5, 99):
        assert not await _task_completed(client, begun, started)


async def test_only_a_closed_run_has_ended(client: Client, begun: WorkflowHandle[Listening, None]) -> None:
    """A closed run has ended even if it was closed before it received its signals."""
    await begun.signal(Listening.news)
    assert not await _has_ended(client, begun)
    other = await client.start_workflow(KIND, id=f"{begun.id}-other", task_queue=begun.id)
    await other.signal(Listening.news)
    await other.terminate()
    assert await _has_ended(client, other)


async def test_an_unknown_run_has_neither(client: Client) -> None:
    """The history may have been deleted."""
    unknown = client.get_workflow_handle("nobody", first_execution_run_id=str(uuid4()))
    assert not await _task_completed(client, unknown, 3)
    assert not await _has_ended(client, unknown)


async def test_without_temporal_the_result_is_false(tmp_path: Path) -> None:
    """The calling thread is not blocked."""
    server = TemporalServer(port=ports.preferred_or_free(0))
    async with running(server, tmp_path):
        client = await connection.connect(environment=server.environment)
    unknown = client.get_workflow_handle("nobody", first_execution_run_id=str(uuid4()))
    assert not await _task_completed(client, unknown, 3)
    assert not await _has_ended(client, unknown)

"""The sandbox of workflows, for workers and for replays."""

from dataclasses import dataclass
from typing import Protocol

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import WorkflowSerializationContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from landbridge.domain import ids
from landbridge.platform.temporal.instance_wrapper import InstanceWrapper
from landbridge.platform.temporal.untrusted_payloads import UntrustedPayloads

PASSED_THROUGH = ("activities", "landbridge", "dns", "email_validator", "idna", "structlog")
"""Modules that workflows share with the process. Pydantic imports the modules that check addresses on first use: inside
the sandbox, that would take too long."""
_NOT_FROM_HISTORY = ("query_workflow", "remove_from_cache")
"""Jobs of an activation that do not come from history."""
_QUERY_WITHOUT_TASK = "legacy_query"
"""The id of a query that is not delivered with a workflow task."""


class Histories(Protocol):
    """Queries Temporal about runs. Each call blocks the workflow until the result is known."""

    def task_completed(self, workflow_id: str, run_id: str, started: int) -> bool:
        """Whether the workflow task that started with event number `started` is known to have completed."""
        ...

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        """Whether a run is known to have ended."""
        ...


def runner(histories: Histories | None = None) -> SandboxedWorkflowRunner:
    """Return the workflow runner; a worker passes `histories`, a replayer has none."""
    restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)
    return _Runner(restrictions=restrictions, histories=histories)


@dataclass(frozen=True)
class _Runner(SandboxedWorkflowRunner):
    histories: Histories | None = None

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        info = det.info
        guarded = StaleQueryGuard(super().create_instance(det), info.workflow_id, info.run_id, self.histories)
        return UntrustedPayloads(guarded, WorkflowSerializationContext(info.namespace, info.workflow_id))


class StaleQueryGuard(InstanceWrapper):
    """Rejects queries that would make the SDK process events before their workflow task.

    A pending query may reach a new worker before the pending workflow task does. For the query, the SDK (1.35) brings
    the workflow to the end of its history, including events that no task has delivered yet. These events have no time
    of their own, so the SDK processes them at the time of the previous task. It keeps that workflow in its cache and
    sends its commands with the next task. Every later replay processes these events at their correct time and may
    decide differently: the workflow is stuck with a "Nondeterminism error".

    So such an activation is rejected. The SDK then fails the query (`platform.temporal.query_retries` retries it),
    evicts the workflow, and replays the history when the task arrives.

    A task may also be lost after its start: with its worker, with a connection, or because the SDK drops it. Temporal
    then waits until the task times out, and dispatches its events again, together with newer events. But a query may
    deliver a history that ends with the start of the lost task: the SDK processes its events, and caches a workflow
    that has executed the lost task. These events look like those of a task of this worker. So when a query follows
    events that were not a replay, the guard asks Temporal whether their task completed, and rejects the query if not.

    A run that was terminated may leave events that no task will ever deliver. They are skipped, and the query returns
    the state after the last task.
    """

    def __init__(self, instance: WorkflowInstance, workflow_id: str, run_id: str, histories: Histories | None) -> None:
        """Without `histories`, the guard knows only what the activations contain."""
        super().__init__(instance)
        self._run = workflow_id, run_id
        self._histories = histories
        self._last: tuple[int, int] | None = None
        self._unconfirmed: int | None = None
        """Number of the event that started the newest task, while that task is not known to have completed."""

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Process an activation, unless its events come before their task or after the end of the run."""
        if any(job.WhichOneof("variant") not in _NOT_FROM_HISTORY for job in act.jobs):
            time, events = act.timestamp.ToNanoseconds(), act.history_length
            if self._last is not None and not act.is_replaying and time == self._last[0] and events > self._last[1]:
                ended = self._histories is not None and self._histories.has_ended(*self._run)
                return _empty() if ended else _rejection()
            self._last = time, events
            self._unconfirmed = None if act.is_replaying else events
        elif self._unconfirmed is not None and _is_query_without_task(act):
            if self._histories is None or not self._histories.task_completed(*self._run, self._unconfirmed):
                return _rejection()
            self._unconfirmed = None
        return self._instance.activate(act)


def _rejection() -> WorkflowActivationCompletion:
    rejected = WorkflowActivationCompletion()
    rejected.failed.failure.message = ids.TOO_EARLY
    return rejected


def _empty() -> WorkflowActivationCompletion:
    completion = WorkflowActivationCompletion()
    completion.successful.SetInParent()
    return completion


def _is_query_without_task(act: WorkflowActivation) -> bool:
    return any(job.query_workflow.query_id == _QUERY_WITHOUT_TASK for job in act.jobs)

"""The sandbox workflows run in, for workers and for replays alike."""

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
"""Modules that workflows share with the process. Pydantic loads the address check's parts only when it is first used,
and inside the sandbox that would take too long."""
_NEVER_HAPPENED = ("query_workflow", "remove_from_cache")
"""Jobs that do not come from history."""
_BESIDE_TASKS = "legacy_query"
"""The id of a query that does not come with a workflow task."""


class Histories(Protocol):
    """What Temporal knows of runs. It is asked while the workflow waits."""

    def was_done(self, workflow_id: str, run_id: str, started: int) -> bool:
        """Whether the workflow task that began with event number `started` is known to have been completed."""
        ...

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        """Whether a run is known to have ended."""
        ...


def runner(histories: Histories | None = None) -> SandboxedWorkflowRunner:
    """Return the runner for a worker, which asks `histories`; without them, that of a replayer, which knows no more."""
    return _Runner(histories, restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


class _Runner(SandboxedWorkflowRunner):
    def __init__(self, histories: Histories | None, *, restrictions: SandboxRestrictions) -> None:
        super().__init__(restrictions=restrictions)
        self._histories = histories

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        info = det.info
        in_time = StaleQueryGuard(super().create_instance(det), info.workflow_id, info.run_id, self._histories)
        return UntrustedPayloads(in_time, WorkflowSerializationContext(info.namespace, info.workflow_id))


class StaleQueryGuard(InstanceWrapper):
    """A workflow that is never told of an event before its time has come.

    A query that nobody answered until a new worker comes may reach that worker before the workflow task does which is
    due by then. The SDK (1.35) brings the workflow to the end of its history for it, events included that no task has
    delivered yet, and as these have no time of their own, it hands them over at the time of the task before. It keeps
    that workflow, and its commands go out with the next task. Every later replay hands these events over at their
    right time, decides otherwise by it, and the workflow is stuck for good: "Nondeterminism error".

    So such a hand-over is refused. The SDK then fails the query (`platform.temporal.query_retries` retries it), drops
    what it had built up, and replays the history when the task comes.

    A task may also be lost after it began: with the worker that had it, with a connection, or with what the SDK drops.
    Temporal then waits for it until it times out, and hands its events out anew, together with what came since. But a
    query may bring a history that ends with the start of that task: the SDK hands its events over, and leaves a
    workflow behind that has done the lost task. Nothing in them tells such events from those of a task of our own. So
    when a query follows events that were no replay, Temporal is asked whether their task was completed, and the query
    is refused if it was not.

    A run that was ended from outside may leave events that no task will ever deliver. These are passed over, and the
    answer is what the run knew when it last decided something.
    """

    def __init__(self, instance: WorkflowInstance, workflow_id: str, run_id: str, histories: Histories | None) -> None:
        """Without `histories`, nothing is known but what is handed over."""
        super().__init__(instance)
        self._run = workflow_id, run_id
        self._histories = histories
        self._last: tuple[int, int] | None = None
        self._unproved: int | None = None
        """The number of the event that began the newest task, as long as it is not known to have been completed."""

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Hand events over, unless it is too early or too late."""
        if any(job.WhichOneof("variant") not in _NEVER_HAPPENED for job in act.jobs):
            time, events = act.timestamp.ToNanoseconds(), act.history_length
            if self._last is not None and not act.is_replaying and time == self._last[0] and events > self._last[1]:
                ended = self._histories is not None and self._histories.has_ended(*self._run)
                return _nothing() if ended else _refusal()
            self._last = time, events
            self._unproved = None if act.is_replaying else events
        elif self._unproved is not None and _asks_beside_tasks(act):
            if self._histories is None or not self._histories.was_done(*self._run, self._unproved):
                return _refusal()
            self._unproved = None
        return self._instance.activate(act)


def _refusal() -> WorkflowActivationCompletion:
    refused = WorkflowActivationCompletion()
    refused.failed.failure.message = ids.TOO_EARLY
    return refused


def _nothing() -> WorkflowActivationCompletion:
    taken = WorkflowActivationCompletion()
    taken.successful.SetInParent()
    return taken


def _asks_beside_tasks(act: WorkflowActivation) -> bool:
    return any(job.query_workflow.query_id == _BESIDE_TASKS for job in act.jobs)

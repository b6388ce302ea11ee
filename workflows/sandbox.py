"""The sandbox workflows run in, for workers and for replays alike."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from domain import ids

PASSED_THROUGH = ("activities", "domain", "dns", "email_validator", "idna", "structlog")
"""Modules that workflows share with the process. Pydantic loads the address check's parts only when it is first used,
and inside the sandbox that would take too long."""
_NEVER_HAPPENED = ("query_workflow", "remove_from_cache")
"""Jobs that do not come from history."""
_BESIDE_TASKS = "legacy_query"
"""The id of a query that does not come with a workflow task."""


def runner() -> SandboxedWorkflowRunner:
    """Return the runner for every worker and replayer of Landbridge."""
    return _Runner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


class _Runner(SandboxedWorkflowRunner):
    def __init__(self, *, restrictions: SandboxRestrictions) -> None:
        super().__init__(restrictions=restrictions)
        self._doubts = Doubts()

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return InTime(super().create_instance(det), self._doubts)


@dataclass
class Doubts:
    """What a worker remembers of runs, also when it has dropped what it had built up of them."""

    unproved: dict[str, int] = field(default_factory=dict)
    """Runs whose newest task may be lost, and their events up to it."""
    trusted: set[str] = field(default_factory=set)
    """Runs that had every task proved since they came into memory."""
    ended: set[str] = field(default_factory=set)
    """Runs that have ended with events which no task has delivered: none will."""

    def doubt(self, run: str, events: int) -> None:
        """Note that a task may be lost that ends with so many events."""
        self.unproved[run] = max(events, self.unproved.get(run, 0))
        self.trusted.discard(run)

    def trust(self, run: str) -> None:
        """Note that all tasks of a run so far were done."""
        self.unproved.pop(run, None)
        self.trusted.add(run)

    def dropped(self, run: str, *, over: bool) -> None:
        """Note that what was built up of a run is dropped: a task that was under way may be lost with it."""
        self.trusted.discard(run)
        if over:
            self.unproved.pop(run, None)


class InTime(WorkflowInstance):
    """A workflow that is never told of an event before its time has come.

    A query that nobody answered until a new worker comes may reach that worker before the workflow task does which is
    due by then. The SDK (1.35) brings the workflow to the end of its history for it, events included that no task has
    delivered yet, and as these have no time of their own, it hands them over at the time of the task before. It keeps
    that workflow, and its commands go out with the next task. Every later replay hands these events over at their
    right time, decides otherwise by it, and the workflow is stuck for good: "Nondeterminism error".

    So such a hand-over is refused. The SDK then fails the query (`runtime.temporal` asks again), drops what it had
    built up, and replays the history when the task comes.

    A task may also be lost after it began: with the worker that had it, with a connection, or with what the SDK drops.
    Temporal then waits for it until it times out, and hands its events out anew, together with what came since. But a
    query may bring a history that ends with the start of that task: the SDK hands its events over, and leaves a
    workflow behind that has done the lost task. Nothing tells such events from those of a task of our own. So what a
    workflow is handed first, after the replay that brought it into memory, is in doubt, and a query that follows is
    refused, until a further task or a replay shows that the first one was done. Then the run is trusted for as long as
    it stays in memory.

    A run that was ended from outside may leave events that no task will ever deliver, and would not be answered for any
    more. Only Temporal knows that it has ended: whoever was refused looks, and says so with the question. Then these
    events are passed over, and the answer is what the run knew when it last decided something.
    """

    def __init__(self, instance: WorkflowInstance, doubts: Doubts) -> None:
        """`doubts` are shared by all workflows of a worker."""
        self._instance = instance
        self._doubts = doubts
        self._last: tuple[int, int] | None = None
        self._tasks = 0

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Hand events over, unless it is too early or too late."""
        doubts, run = self._doubts, act.run_id
        doubts.ended.update(_said_to_have_ended(act))
        if any(job.WhichOneof("variant") not in _NEVER_HAPPENED for job in act.jobs):
            time, events = act.timestamp.ToNanoseconds(), act.history_length
            if self._last is not None and not act.is_replaying and time == self._last[0] and events > self._last[1]:
                if run in doubts.ended:
                    return _nothing()
                doubts.doubt(run, events)
                return _refusal()
            # A local activity's answer comes within its task: the events are the same, and nothing is proved by it.
            is_next = self._last is None or events > self._last[1]
            self._last = time, events
            if is_next and not act.is_replaying:
                self._tasks += 1
                if self._tasks == 1 and run not in doubts.trusted:
                    doubts.doubt(run, events)
            if self._tasks > 1 or (act.is_replaying and events >= doubts.unproved.get(run, events + 1)):
                doubts.trust(run)
        elif dropped := _dropped(act):
            doubts.dropped(run, over=dropped.reason == RemoveFromCache.EvictionReason.WORKFLOW_EXECUTION_ENDING)
        elif self._tasks and run in doubts.unproved and run not in doubts.ended and _asks_beside_tasks(act):
            return _refusal()
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> None:  # noqa: ANN401 - the SDK's types are its own
        """Say nothing of what a payload belongs to: our converter does not ask, and the sandbox need not be entered."""

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401 - as above
        """Pass on."""
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:  # noqa: ANN401 - as above
        """Pass on."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """Pass on."""
        return self._instance.get_thread_id()


def _refusal() -> WorkflowActivationCompletion:
    refused = WorkflowActivationCompletion()
    refused.failed.failure.message = ids.TOO_EARLY
    return refused


def _nothing() -> WorkflowActivationCompletion:
    taken = WorkflowActivationCompletion()
    taken.successful.SetInParent()
    return taken


def _dropped(act: WorkflowActivation) -> RemoveFromCache | None:
    return next((job.remove_from_cache for job in act.jobs if job.HasField("remove_from_cache")), None)


def _asks_beside_tasks(act: WorkflowActivation) -> bool:
    return any(job.query_workflow.query_id == _BESIDE_TASKS for job in act.jobs)


def _said_to_have_ended(act: WorkflowActivation) -> Iterator[str]:
    # Its name stands in it: the newest run may be another one by now.
    for job in act.jobs:
        if ids.ENDED_RUN in job.query_workflow.headers:
            yield job.query_workflow.headers[ids.ENDED_RUN].data.decode(errors="replace")

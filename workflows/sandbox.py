"""The sandbox workflows run in, for workers and for replays alike."""

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("activities", "domain", "dns", "email_validator", "idna", "structlog")
"""Modules that workflows share with the process. Pydantic loads the address check's parts only when it is first used,
and inside the sandbox that would take too long."""
_NEVER_HAPPENED = ("query_workflow", "remove_from_cache")
"""Jobs that do not come from history."""


def runner() -> SandboxedWorkflowRunner:
    """Return the runner for every worker and replayer of Landbridge."""
    return _Runner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


class _Runner(SandboxedWorkflowRunner):
    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _InTime(super().create_instance(det))


class _InTime(WorkflowInstance):
    """A workflow that is never told of an event before its time has come.

    A query that nobody answered until a new worker comes may reach that worker before the workflow task does which is
    due by then. The SDK (1.35) brings the workflow to the end of its history for it, events included that no task has
    delivered yet, and as these have no time of their own, it hands them over at the time of the task before. It keeps
    that workflow, and its commands go out with the next task. Every later replay hands these events over at their
    right time, decides otherwise by it, and the workflow is stuck for good: "Nondeterminism error".

    So such a hand-over is refused. The SDK then fails the query (`runtime.temporal` asks again), drops what it had
    built up, and replays the history when the task comes.
    """

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._last: tuple[int, int] | None = None

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Hand events over, unless it is too early."""
        if any(job.WhichOneof("variant") not in _NEVER_HAPPENED for job in act.jobs):
            time, events = act.timestamp.ToNanoseconds(), act.history_length
            if self._last is not None and not act.is_replaying and time == self._last[0] and events > self._last[1]:
                refused = WorkflowActivationCompletion()
                refused.failed.failure.message = "These events belong to a workflow task that is yet to come."
                return refused
            self._last = time, events
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401 - the SDK's types are its own
        """Pass on."""
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401 - as above
        """Pass on."""
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:  # noqa: ANN401 - as above
        """Pass on."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """Pass on."""
        return self._instance.get_thread_id()

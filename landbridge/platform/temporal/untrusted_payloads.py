"""Convert payloads that the codec rejects (`platform.temporal.encryption`) to failures that a workflow can handle.

The SDK drops a signal that it cannot read, and rejects an update or a query. But an unreadable result of an activity or
a child workflow fails the workflow task again and again. Here it becomes a failure of that activity or child workflow,
which the workflow handles like any other.
"""

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import CommandType
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import WorkflowSerializationContext
from temporalio.worker import WorkflowInstance

from landbridge.domain import ids
from landbridge.domain.errors import Untrusted
from landbridge.domain.text import text
from landbridge.platform.temporal.instance_wrapper import InstanceWrapper

# A failure has no place for a text; `workflows.support.failures.text_of` restores it from the message.
ANSWER = text(
    "Temporal delivered a result that no worker of Landbridge wrote. Find out who else has access to Temporal."
)
_INPUT_NOT_ENCRYPTED = text(
    "This workflow's input is unencrypted, or was encrypted without our keys. If it began before encryption was "
    "turned on, set LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR until it has ended; see docs/how-to/encrypt.md."
)
_OF_ANOTHER_WORKFLOW = {
    CommandType.COMMAND_TYPE_START_CHILD_WORKFLOW_EXECUTION,
    CommandType.COMMAND_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION,
}
"""Commands whose payloads belong to another workflow."""


class UntrustedPayloads(InstanceWrapper):
    """Wraps a workflow, and converts rejected payloads to failures."""

    def __init__(self, instance: WorkflowInstance, context: WorkflowSerializationContext) -> None:
        super().__init__(instance)
        self._context = context

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Process an activation without its untrusted payloads."""
        for job in act.jobs:
            if job.HasField("initialize_workflow") and _any_rejected(job.initialize_workflow.arguments):
                return _reject_input(is_replaying=act.is_replaying)
            if job.HasField("resolve_activity"):
                _check_result(job.resolve_activity.result, "activity_failure_info")
            if job.HasField("resolve_child_workflow_execution"):
                _check_result(job.resolve_child_workflow_execution.result, "child_workflow_execution_failure_info")
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401 - the SDK's types are its own
        """Return the context of a payload: this workflow, unless the payload belongs to another one.

        Our codec needs nothing else, and this avoids entering the sandbox for each payload.
        """
        if command_info is None or command_info.command_type not in _OF_ANOTHER_WORKFLOW:
            return self._context
        return self._instance.get_serialization_context(command_info)


def _check_result(result: Any, info: str) -> None:  # noqa: ANN401 - the result of an activity or of a child workflow
    """Convert a rejected result to a failure; remove rejected details from a failure.

    Our workers always write a result, even for None. So a missing result is rejected too.
    """
    if result.HasField("completed") and (
        not result.completed.HasField("result") or _any_rejected([result.completed.result])
    ):
        failure = Failure(message=ANSWER)
        getattr(failure, info).SetInParent()
        failure.cause.message = ANSWER
        failure.cause.application_failure_info.type = Untrusted.code
        result.failed.failure.CopyFrom(failure)
    for outcome in (result.failed, result.cancelled):
        failure = outcome.failure
        while _clear_details(failure):
            failure = failure.cause


def _clear_details(failure: Failure) -> bool:
    """Remove the details of a failure if they are rejected; return whether it has a cause."""
    kind = failure.WhichOneof("failure_info")
    info: Any = getattr(failure, kind) if kind else failure
    for field in ("details", "last_heartbeat_details"):
        details = getattr(info, field, None)
        if details is not None and _any_rejected(details.payloads):
            info.ClearField(field)
    return failure.HasField("cause")


def _any_rejected(payloads: Sequence[Payload]) -> bool:
    return any(payload.metadata.get("encoding") == ids.UNTRUSTED for payload in payloads)


def _reject_input(*, is_replaying: bool) -> WorkflowActivationCompletion:
    """Fail the workflow. During a replay, fail only the workflow task, because a setting can fix the cause."""
    completion = WorkflowActivationCompletion()
    if is_replaying:
        completion.failed.failure.message = _INPUT_NOT_ENCRYPTED
    else:
        failure = completion.successful.commands.add().fail_workflow_execution.failure
        failure.message = _INPUT_NOT_ENCRYPTED
        failure.application_failure_info.type = Untrusted.code
        failure.application_failure_info.non_retryable = True
    return completion

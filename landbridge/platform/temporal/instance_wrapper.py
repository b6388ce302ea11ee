"""A base class for wrappers of a workflow instance of the SDK."""

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance


class InstanceWrapper(WorkflowInstance):
    """Passes every call to the wrapped workflow instance; subclasses override what they check."""

    def __init__(self, instance: WorkflowInstance) -> None:
        """Wrap an instance."""
        self._instance = instance

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        """Process an activation."""
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401 - the SDK's types are its own
        """Return the context in which a command's payloads are converted."""
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401 - as above
        """Return the context of payloads in external storage."""
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Any:  # noqa: ANN401 - as above
        """Return the workflow's info."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """Return the thread that the workflow runs in."""
        return self._instance.get_thread_id()

"""Ignore or reject messages that do not match the signature of their handler.

The SDK drops arguments that it cannot read, but passes on null, missing or extra arguments. The handler then raises an
error, which fails the workflow task again and again: the workflow is stuck.
"""

import inspect
from collections.abc import Sequence
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    HandleSignalInput,
    HandleUpdateInput,
    Interceptor,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
)

from landbridge.domain.errors import Refused


class MalformedMessageInterceptor(Interceptor):
    """Checks the messages to all workflows, in workers and in replays."""

    def workflow_interceptor_class(self, _: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Return the interceptor class."""
        return _MessageCheck


class _MessageCheck(WorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        # Cached: a task may deliver 10,000 signals, and has a few seconds for them.
        self._signatures: dict[str, inspect.Signature] = {}

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - as above
        if self._matches(input.signal, input.args):
            await super().handle_signal(input)
        else:
            workflow.logger.warning("signal_ignored", extra={"signal": input.signal, "reason": "wrong arguments"})

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - as above
        self._check(input)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002, ANN401 - as above
        self._check(input)
        return await super().handle_update_handler(input)

    def _check(self, request: HandleUpdateInput) -> None:
        if not self._matches(request.update, request.args):
            raise ApplicationError(f"This is not a valid input for {request.update}.", type=Refused.code)

    def _matches(self, name: str, args: Sequence[object]) -> bool:
        """Return whether the handler accepts these arguments; no handler of ours accepts null."""
        if name not in self._signatures:
            self._signatures[name] = inspect.signature(getattr(workflow.instance(), name))
        try:
            self._signatures[name].bind(*args)
        except TypeError:
            return False
        return all(arg is not None for arg in args)

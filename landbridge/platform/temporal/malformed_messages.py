"""Messages that do not fit their handler are ignored or refused.

The SDK drops what it cannot read, but hands on what is null, missing or too much. The handler then breaks as a bug of
ours would, and the workflow stands still for good.
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
    """Stands before every handler of our workflows, in workers and replays alike."""

    def workflow_interceptor_class(self, _: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor]:
        """Return what stands there."""
        return _Tolerant


class _Tolerant(WorkflowInboundInterceptor):
    def __init__(self, next: WorkflowInboundInterceptor) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        # Each is worked out once: a task may bring 10,000 signals, and has seconds for them.
        self._signatures: dict[str, inspect.Signature] = {}

    async def handle_signal(self, input: HandleSignalInput) -> None:  # noqa: A002 - as above
        if self._fits(input.signal, input.args):
            await super().handle_signal(input)
        else:
            # Nobody can be told.
            workflow.logger.warning("signal_ignored", extra={"signal": input.signal, "reason": "it does not fit"})

    def handle_update_validator(self, input: HandleUpdateInput) -> None:  # noqa: A002 - as above
        self._check(input)
        super().handle_update_validator(input)

    async def handle_update_handler(self, input: HandleUpdateInput) -> Any:  # noqa: A002, ANN401 - as above
        self._check(input)
        return await super().handle_update_handler(input)

    def _check(self, request: HandleUpdateInput) -> None:
        if not self._fits(request.update, request.args):
            raise ApplicationError(f"This is no input for {request.update}.", type=Refused.code)

    def _fits(self, name: str, args: Sequence[object]) -> bool:
        """Return whether the handler of this name can be called so; none of ours takes a null."""
        if name not in self._signatures:
            self._signatures[name] = inspect.signature(getattr(workflow.instance(), name))
        try:
            self._signatures[name].bind(*args)
        except TypeError:
            return False
        return all(arg is not None for arg in args)

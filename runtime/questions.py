"""Questions to workflows (queries), asked again where a worker could not answer just then."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from math import inf
from time import monotonic
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import (
    DescribeWorkflowInput,
    Interceptor,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from domain import ids

TIMES = 20
_PAUSE_SECONDS = 0.2
_PATIENCE_SECONDS = 2.0
"""How long the first answer may take; then twice as long, since a long history takes its time."""
_NO_ANSWER = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED}


class AskAgain(Interceptor):
    """Asks a question again, for seconds, that could not be answered just then.

    A worker that has just started may have to refuse one (see `workflows.sandbox`); ours fail in no other way. Where
    the run has ended, no task will come that would settle it, and a worker cannot know: so it is told. And while a
    workflow waits for a worker, Temporal keeps only so many questions for it and turns others away.
    """

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """Put ourselves before the calls of a client."""
        return _Patient(next)


class _Patient(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        until = inf if input.rpc_timeout is None else monotonic() + input.rpc_timeout.total_seconds()
        patience = _PATIENCE_SECONDS
        for left in range(TIMES - 1, -1, -1):
            within = min(patience, until - monotonic())
            asked = replace(input, rpc_timeout=timedelta(seconds=max(within, 0)))
            try:
                return await super().query_workflow(asked)
            except WorkflowQueryFailedError:
                if not left:
                    raise
                await self._tell_if_ended(input)
            except RPCError as error:
                lost = error.status in _NO_ANSWER and within == patience
                if not left or not (lost or error.status is RPCStatusCode.RESOURCE_EXHAUSTED):
                    raise
                patience *= 2 if lost else 1
            await asyncio.sleep(_PAUSE_SECONDS)
        raise AssertionError("the last answer is returned or raised")

    async def _tell_if_ended(self, input: QueryWorkflowInput) -> None:  # noqa: A002 - as above
        """Have the question say that its run has ended, if that is so."""
        asked = DescribeWorkflowInput(
            id=input.id,
            run_id=input.run_id,
            rpc_metadata=input.rpc_metadata,
            rpc_timeout=input.rpc_timeout,
        )
        found = await super().describe_workflow(asked)
        if found.status is not WorkflowExecutionStatus.RUNNING:
            input.headers = {**input.headers, ids.ENDED_RUN: Payload(data=found.run_id.encode())}

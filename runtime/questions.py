"""Questions to workflows (queries), asked again where a worker could not answer just then."""

import asyncio
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
        for _ in range(TIMES - 1):
            try:
                return await super().query_workflow(input)
            except WorkflowQueryFailedError:
                await self._tell_if_ended(input)
            except RPCError as error:
                if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
        return await super().query_workflow(input)

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

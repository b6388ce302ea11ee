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
DROPPED_SECONDS = 2.0
"""After which a question is asked a second time, or after half of its time if that is less."""
_PAUSE_SECONDS = 0.2


class AskAgain(Interceptor):
    """Asks a question again, for seconds, that could not be answered just then.

    A worker that has just started may have to refuse one (see `workflows.sandbox`); ours fail in no other way. Where
    the run has ended, no task will come that would settle it, and a worker cannot know: so it is told. And while a
    workflow waits for a worker, Temporal keeps only so many questions for it and turns others away.

    A worker that is killed takes the questions it was handed with it, and one that has no room to keep a workflow drops
    some (SDK 1.35): neither says so. So another one is asked beside a question that stays without an answer.
    """

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """Put ourselves before the calls of a client."""
        return _Patient(next)


class _Patient(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        for _ in range(TIMES - 1):
            try:
                return await self._answer(input)
            except WorkflowQueryFailedError:
                await self._tell_if_ended(input)
            except RPCError as error:
                if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
        return await self._answer(input)

    async def _answer(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - as above
        """Return the first answer to a question, which is asked a second time if there is none soon."""
        patience = DROPPED_SECONDS
        if input.rpc_timeout is not None:
            patience = min(patience, input.rpc_timeout.total_seconds() / 2)
        asked = [asyncio.ensure_future(super().query_workflow(input))]
        try:
            await asyncio.wait(asked, timeout=patience)
            if not asked[0].done():
                asked.append(asyncio.ensure_future(super().query_workflow(input)))
                await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            first, *again = asked
            answered = next((one for one in again if one.done() and one.exception() is None), first)
            return await answered
        finally:
            for one in asked:
                one.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

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

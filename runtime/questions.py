"""Questions to workflows (queries), asked again where a worker could not answer just then."""

import asyncio
from typing import Any

from temporalio.client import Interceptor, OutboundInterceptor, QueryWorkflowInput, WorkflowQueryFailedError

TIMES = 4
_PAUSE_SECONDS = 0.2


class AskAgain(Interceptor):
    """Asks a question again that failed: ours have no other way to fail than a worker that is not ready for them.

    A worker that has just started may have to refuse (see `workflows.sandbox`); the next time it knows more.
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
                await asyncio.sleep(_PAUSE_SECONDS)
        return await super().query_workflow(input)

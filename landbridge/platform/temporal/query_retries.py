"""Questions to workflows (queries), asked again where a worker could not answer just then."""

import asyncio
from typing import Any

from temporalio.client import Interceptor, OutboundInterceptor, QueryWorkflowInput, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

TIMES = 20
_PAUSE_SECONDS = 0.2


class QueryRetryInterceptor(Interceptor):
    """Asks a question again, for seconds, that could not be answered just then.

    A worker may have to refuse a query (see `platform.temporal.sandbox`); our queries fail in no other way. And while a
    workflow waits for a worker, Temporal buffers a few queries for it and rejects the rest.
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
                pass
            except RPCError as error:
                if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)
        return await super().query_workflow(input)

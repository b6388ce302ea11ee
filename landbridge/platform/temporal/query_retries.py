"""Retry queries that a worker could not answer at that moment."""

import asyncio
from typing import Any

from temporalio.client import Interceptor, OutboundInterceptor, QueryWorkflowInput, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

MAX_ATTEMPTS = 20
_BACKOFF_SECONDS = 0.2


class QueryRetryInterceptor(Interceptor):
    """Retries a failed query for a few seconds.

    A worker may have to reject a query (see `platform.temporal.sandbox`); our queries fail for no other reason. And
    while a workflow waits for a worker, Temporal buffers a few queries and rejects the rest.
    """

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap the calls of a client."""
        return _Retrying(next)


class _Retrying(OutboundInterceptor):
    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        for _ in range(MAX_ATTEMPTS - 1):
            try:
                return await super().query_workflow(input)
            except WorkflowQueryFailedError:
                pass
            except RPCError as error:
                if error.status is not RPCStatusCode.RESOURCE_EXHAUSTED:
                    raise
            await asyncio.sleep(_BACKOFF_SECONDS)
        return await super().query_workflow(input)

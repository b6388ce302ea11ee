"""Deliver the result of an activity to Temporal, even if Temporal is unreachable for minutes.

The SDK retries the delivery for some ten seconds and then drops the result silently (sdk-core resets the retry options
of a worker's client, so no setting changes that). Temporal then times the attempt out and retries the whole activity.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.client import AsyncActivityHandle
from temporalio.converter import ActivitySerializationContext
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

RPC_TIMEOUT = timedelta(seconds=5)
"""Timeout of one call to Temporal about an attempt."""
_RETRY_SECONDS = 1.0
_TRANSIENT = {
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.DATA_LOSS,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.OUT_OF_RANGE,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.UNKNOWN,
}
"""The status codes that sdk-core retries, and those of a call that timed out."""

_logger = structlog.get_logger()


def current_attempt() -> AsyncActivityHandle:
    """Return a handle of the current attempt, for calls that Temporal acknowledges.

    It encodes payloads with the context of this activity, as the SDK does for results and heartbeats: encrypted
    payloads are bound to their workflow.
    """
    info = activity.info()
    context = ActivitySerializationContext(
        namespace=info.namespace,
        activity_id=info.activity_id,
        activity_type=info.activity_type,
        activity_task_queue=info.task_queue,
        workflow_id=info.workflow_id,
        workflow_type=info.workflow_type,
        is_local=info.is_local,
    )
    return activity.client().get_async_activity_handle(task_token=info.task_token).with_context(context)


async def until_acknowledged(call: Callable[[], Awaitable[None]]) -> None:
    """Retry a call about the current attempt until Temporal acknowledges it.

    It retries without a limit: the SDK cancels an attempt whose heartbeat or start-to-close timeout has expired, and
    the attempts of a worker that shuts down.

    Raises:
        RPCError: a retry does not help. `NOT_FOUND`: the attempt is over.

    """
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in _TRANSIENT:
                raise
            _logger.warning("attempt_not_acknowledged", status=error.status.name)
        await asyncio.sleep(_RETRY_SECONDS)


class AcknowledgedResults(Interceptor):
    """Reports the result of each activity until Temporal acknowledges it."""

    def __init__(self) -> None:
        # A heartbeat may still be in flight when the result is reported. Temporal then responds that the attempt is
        # unknown, and the SDK tries to cancel an activity that has ended.
        warnings.filterwarnings("ignore", message="Cannot find activity to cancel")

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap every activity."""
        return _Reporting(next)


class _Reporting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        result = await super().execute_activity(input)
        attempt = current_attempt()
        try:
            await until_acknowledged(lambda: attempt.complete(result, rpc_timeout=RPC_TIMEOUT))
        except (RPCError, asyncio.CancelledError) as error:
            if not isinstance(error, RPCError) or error.status is not RPCStatusCode.NOT_FOUND:
                # Let the SDK report the result; it retries for some ten seconds.
                return result
            # Temporal has the result if only the response to an earlier call was lost.
            _logger.warning("attempt_already_over", attempt=activity.info().attempt)
        # The SDK must not report the result again.
        return activity.raise_complete_async()

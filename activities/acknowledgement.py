"""What an activity did reaches Temporal, even if Temporal is away for minutes.

The SDK reports a result for some ten seconds and then drops it without a word (sdk-core resets the retry options of a
worker's client, so no setting changes that). Temporal times the attempt out later and has everything done again.
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

ANSWER = timedelta(seconds=5)
"""How long Temporal may take over one call about an attempt."""
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
"""What sdk-core retries, and what a call ends with that got no answer in time."""

_logger = structlog.get_logger()


def current_attempt() -> AsyncActivityHandle:
    """Return the handle of the attempt that runs here, for calls that Temporal acknowledges.

    What it sends is encoded for this activity, as the SDK encodes results and heartbeats: encrypted payloads are bound
    to their workflow.
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
    """Repeat a call about the current attempt until Temporal acknowledges it.

    There is no limit of our own: the SDK cancels an attempt that Temporal must have given up by now (its heartbeat or
    start-to-close timeout), and the attempts of a worker that shuts down.

    Raises:
        RPCError: Temporal answers, and repeating the call does not help. `NOT_FOUND`: the attempt is over.

    """
    while True:
        try:
            return await call()
        except RPCError as error:
            if error.status not in _TRANSIENT:
                raise
            _logger.warning("temporal_does_not_acknowledge", status=error.status.name)
        await asyncio.sleep(_RETRY_SECONDS)


class AcknowledgedResults(Interceptor):
    """Reports the result of each activity until Temporal acknowledges it."""

    def __init__(self) -> None:
        # A heartbeat may be on its way when we report the result. Temporal then does not know the attempt any more, and
        # the SDK wants to cancel what is over.
        warnings.filterwarnings("ignore", message="Cannot find activity to cancel")

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap every activity."""
        return _Reporting(next)


class _Reporting(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        result = await super().execute_activity(input)
        attempt = current_attempt()
        try:
            await until_acknowledged(lambda: attempt.complete(result, rpc_timeout=ANSWER))
        except (RPCError, asyncio.CancelledError) as error:
            if not isinstance(error, RPCError) or error.status is not RPCStatusCode.NOT_FOUND:
                # Leave it to the SDK, which tries for its ten seconds.
                return result
            # If only the answer to an earlier call was lost, Temporal has the result all the same.
            _logger.warning("attempt_is_over", attempt=activity.info().attempt)
        # Keeps the SDK from reporting the result once more.
        return activity.raise_complete_async()

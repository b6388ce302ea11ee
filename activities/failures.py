"""What Temporal's history keeps of an error: a sentence of ours, never a foreign text that may name a person."""

import traceback
from datetime import timedelta
from typing import Any

import structlog
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from domain.errors import LandbridgeError, NeighbourUnavailable

_logger = structlog.get_logger()


class PlainFailures(Interceptor):
    """Turns every error of an activity into one that Temporal may keep."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Put the translation around every activity."""
        return _Translation(next)


class _Translation(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except LandbridgeError as error:
            wait = error.retry_after if isinstance(error, NeighbourUnavailable) else None
            raise ApplicationError(
                str(error),
                type=type(error).__name__,
                next_retry_delay=None if wait is None else timedelta(seconds=wait),
            ) from None
        except Exception as error:  # noqa: BLE001 - a bug of ours: its text may hold anything, so only its place is told
            where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _logger.error("activity_failed_unexpectedly", error=type(error).__name__, where=where)  # noqa: TRY400 - as above
            raise ApplicationError(
                f"Unexpected {type(error).__name__}; the worker's log says where.", type=type(error).__name__
            ) from None

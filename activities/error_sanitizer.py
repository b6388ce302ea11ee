"""Keeps of an error only its code and our own text: a foreign message could contain personal data."""

import traceback
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities import timeouts
from landbridge.domain.errors import LandbridgeError, ServiceUnavailable
from landbridge.domain.text import as_json, text

LAST_TRY = timedelta(seconds=5)
"""Before Temporal gives an activity up: then it is tried a last time, however long the neighbour wants us to wait."""

_logger = structlog.get_logger()


class ErrorSanitizer(Interceptor):
    """Turns every error of an activity into one that Temporal may keep."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Put the translation around every activity."""
        return _Translation(next)


class _Translation(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        begun = monotonic()
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except LandbridgeError as error:
            wait = _wait(error, monotonic() - begun) if isinstance(error, ServiceUnavailable) else None
            raise ApplicationError(
                str(error),
                as_json(error.text),
                type=error.code,
                next_retry_delay=wait,
            ) from None
        except Exception as error:  # noqa: BLE001 - a bug of ours: its text may hold anything, so only its place is told
            where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _logger.error("activity_failed_unexpectedly", error=type(error).__name__, where=where)  # noqa: TRY400 - as above
            kind = type(error).__name__
            why = text("Unexpected {name}; the worker's log says where.", name=kind)
            raise ApplicationError(str(why), as_json(why), type=kind) from None


def _wait(error: ServiceUnavailable, elapsed: float) -> timedelta | None:
    """Return how long to wait until the next attempt; this one took `elapsed` seconds. None: as Temporal thinks fit.

    A wait that is longer than Temporal tries would end the activity at once. Its workflow would begin it anew, to hear
    the same again: dozens of times a second, until its history is full.
    """
    if error.retry_after is None:
        return None
    wait, left = timedelta(seconds=error.retry_after), timeouts.left(activity.info())
    if left is None:
        return wait
    last = left - timedelta(seconds=elapsed) - LAST_TRY
    return min(wait, last) if last > timedelta(0) else wait

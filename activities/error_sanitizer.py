"""Keep personal data out of the errors in Temporal's history: only codes and Landbridge's own texts are recorded."""

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

LAST_ATTEMPT = timedelta(seconds=5)
"""Time kept for a last attempt before the schedule-to-close timeout, even if the service requests a longer wait."""

_logger = structlog.get_logger()


class ErrorSanitizer(Interceptor):
    """Converts every error of an activity into an `ApplicationError` without personal data."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 - the SDK's name
        """Wrap every activity."""
        return _Sanitizing(next)


class _Sanitizing(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        started = monotonic()
        try:
            return await super().execute_activity(input)
        except FailureError:
            raise
        except LandbridgeError as error:
            wait = _wait(error, monotonic() - started) if isinstance(error, ServiceUnavailable) else None
            raise ApplicationError(
                str(error),
                as_json(error.text),
                type=error.code,
                next_retry_delay=wait,
            ) from None
        except Exception as error:  # noqa: BLE001 - a bug: its text may hold personal data, so only the location is logged
            where = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
            _logger.error("activity_failed_unexpectedly", error=type(error).__name__, where=where)  # noqa: TRY400 - as above
            kind = type(error).__name__
            why = text("Unexpected {name}. See the worker's log for details.", name=kind)
            raise ApplicationError(str(why), as_json(why), type=kind) from None


def _wait(error: ServiceUnavailable, elapsed: float) -> timedelta | None:
    """Return the delay before the next attempt; this one took `elapsed` seconds. None: the retry policy decides.

    A delay beyond the schedule-to-close timeout would fail the activity immediately. Its workflow would start it again
    and get the same error, dozens of times a second, until the history is full.
    """
    if error.retry_after is None:
        return None
    wait, left = timedelta(seconds=error.retry_after), timeouts.time_left(activity.info())
    if left is None:
        return wait
    last = left - timedelta(seconds=elapsed) - LAST_ATTEMPT
    return min(wait, last) if last > timedelta(0) else wait

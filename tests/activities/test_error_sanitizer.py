"""Temporal's history keeps no personal data of an error."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.error_sanitizer import ErrorSanitizer
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.domain.text import Text, text


class _Fails(ActivityInboundInterceptor):
    def __init__(self, error: Exception) -> None:
        self._error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        raise self._error


async def failure(error: Exception, scheduled: timedelta = timedelta(0)) -> ApplicationError:
    """Return the error for Temporal; the activity has a timeout of ten minutes and was scheduled `scheduled` ago."""
    translated, environment = ErrorSanitizer().intercept_activity(_Fails(error)), ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info,
        scheduled_time=environment.info.started_time - scheduled,
        schedule_to_close_timeout=timedelta(minutes=10),
    )
    with pytest.raises(ApplicationError) as failed:
        await environment.run(
            translated.execute_activity, ExecuteActivityInput(fn=print, args=[], executor=None, headers={})
        )
    assert failed.value.__cause__ is None
    return failed.value


async def test_own_error_messages_are_kept() -> None:
    """The error keeps its text, and the code that decides about retries."""
    kept = await failure(ServiceRejected(text("{service} did not answer in time.", service="Opsgenie")))
    assert (kept.message, kept.type) == ("Opsgenie did not answer in time.", "ServiceRejected")
    assert Text.read(kept.details[0]).key == "{service} did not answer in time."


async def test_a_requested_wait_becomes_the_retry_delay() -> None:
    """Without one, Temporal's own backoff applies."""
    assert (await failure(ServiceUnavailable("Busy.", retry_after=7))).next_retry_delay == timedelta(seconds=7)
    assert (await failure(ServiceUnavailable("Busy."))).next_retry_delay is None


async def test_a_long_wait_is_cut_to_allow_a_last_attempt() -> None:
    """A delay beyond the timeout would fail the activity immediately; after the last attempt it may."""
    hour = ServiceUnavailable("Busy.", retry_after=3600)
    cut = (await failure(hour, timedelta(minutes=4))).next_retry_delay
    assert cut is not None
    assert timedelta(minutes=5) < cut < timedelta(minutes=6)
    assert (await failure(hour, timedelta(minutes=9, seconds=56))).next_retry_delay == timedelta(hours=1)


async def test_the_message_of_any_other_error_is_dropped() -> None:
    """The message may contain personal data."""
    kept = await failure(ValueError("ann@example.com is not in the list"))
    assert kept.type == "ValueError"
    assert "ann" not in str(kept)


async def test_application_errors_pass_unchanged() -> None:
    """Errors that are meant for Temporal are not converted."""
    meant = ApplicationError("as it is", type="Meant")
    assert await failure(meant) is meant

"""What history keeps of an error names nobody."""

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
    """Return what Temporal gets to see of an error of an activity that is tried for ten minutes, `scheduled` ago."""
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


async def test_our_own_sentences_are_kept() -> None:
    """With the kind that says whether to try again."""
    kept = await failure(ServiceRejected(text("{neighbour} did not answer in time.", neighbour="Opsgenie")))
    assert (kept.message, kept.type) == ("Opsgenie did not answer in time.", "ServiceRejected")
    assert Text.read(kept.details[0]).key == "{neighbour} did not answer in time."


async def test_the_wait_that_a_neighbour_asks_for_is_kept() -> None:
    """And only that: without one Temporal's own backoff holds."""
    assert (await failure(ServiceUnavailable("Busy.", retry_after=7))).next_retry_delay == timedelta(seconds=7)
    assert (await failure(ServiceUnavailable("Busy."))).next_retry_delay is None


async def test_a_wait_beyond_what_temporal_tries_is_cut_to_a_last_try() -> None:
    """Or Temporal gives up at once, and the workflow asks at once again; after the last try it may."""
    hour = ServiceUnavailable("Busy.", retry_after=3600)
    cut = (await failure(hour, timedelta(minutes=4))).next_retry_delay
    assert cut is not None
    assert timedelta(minutes=5) < cut < timedelta(minutes=6)
    assert (await failure(hour, timedelta(minutes=9, seconds=56))).next_retry_delay == timedelta(hours=1)


async def test_the_text_of_any_other_error_is_not() -> None:
    """It could say anything of anyone."""
    kept = await failure(ValueError("ann@example.com is not in the list"))
    assert kept.type == "ValueError"
    assert "ann" not in str(kept)


async def test_what_is_meant_for_temporal_passes() -> None:
    """Unchanged."""
    meant = ApplicationError("as it is", type="Meant")
    assert await failure(meant) is meant

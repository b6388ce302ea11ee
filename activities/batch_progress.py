"""Progress of a batch, reported by heartbeats: after a crash the next attempt resumes where this one ended."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from activities import timeouts
from activities.acknowledgement import RPC_TIMEOUT, current_attempt, until_acknowledged
from landbridge.domain.base import Model
from landbridge.domain.errors import LandbridgeError, ServiceUnavailable
from landbridge.domain.text import text

GRACE_SECONDS = 15.0
"""How long work may take to finish after the workflow cancels the activity."""
_Outcome = TypeVar("_Outcome", bound=Model)
HEARTBEAT_SECONDS = 5.0
"""Interval between heartbeats: shorter than any heartbeat timeout in `workflows.support.options`."""
MIN_TIME_LEFT = 0.05
"""Share of the schedule-to-close timeout. With less time left than this, an attempt starts no work."""
_FROZEN = text("This worker was suspended for a while; another worker may have taken over its task.")


def cancel_requested() -> bool:
    """Return whether the workflow cancelled the activity; a cancellation by a worker shutdown does not count."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested


async def finish_if_cancelled(work: Coroutine[Any, Any, None]) -> None:
    """Await work; if the workflow cancels the activity, give the work `GRACE_SECONDS` to finish.

    The workflow must learn of every account that Atlassian has created already: otherwise nobody can revoke it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if cancel_requested():
            await asyncio.wait([task], timeout=GRACE_SECONDS)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise
        task.result()


class BatchProgress(Generic[_Outcome]):
    """The outcomes of one batch, including those of earlier attempts."""

    def __init__(self, outcomes: TypeAdapter[list[_Outcome]]) -> None:
        info = activity.info()
        self.outcomes: list[_Outcome] = (
            outcomes.validate_python(info.heartbeat_details[0]) if info.heartbeat_details else []
        )
        # Half of the heartbeat timeout, because Temporal may not have received the last heartbeat that was sent.
        self._max_silence = info.heartbeat_timeout.total_seconds() / 2 if info.heartbeat_timeout else inf
        self._dispatched_at = info.started_time
        self._last_heartbeat = self._started = monotonic()
        self._seconds_left = _seconds_left(info)
        limit = info.schedule_to_close_timeout
        self.started_too_late = (
            (info.attempt == 1 or bool(self.outcomes))
            and limit is not None
            and self._seconds_left < limit.total_seconds() * MIN_TIME_LEFT
        )
        """Whether Temporal is about to time the activity out: then return the outcomes, and let a new activity do the
        rest. False for a retry without outcomes, which has to report why the earlier attempts failed."""
        self.frozen = False
        """Whether this process sent no heartbeat for so long (it was frozen, or its machine slept) that Temporal may
        have dispatched the batch to another worker. Then nothing more of the batch may be started here."""

    @property
    def out_of_time(self) -> bool:
        """Whether half of the time is used up; the other half is for running work and for reporting the outcomes.

        When Temporal times an activity out, it discards the outcomes.
        """
        return monotonic() - self._started > self._seconds_left / 2

    def add(self, *outcomes: _Outcome) -> None:
        """Record outcomes, and send them with a heartbeat."""
        self.outcomes.extend(outcomes)
        self.heartbeat()

    def heartbeat(self) -> None:
        """Send the outcomes as a heartbeat; the SDK throttles heartbeats to the worker's interval."""
        activity.heartbeat(self.outcomes)
        now = monotonic()
        self.frozen = self.frozen or now - self._last_heartbeat > self._max_silence
        self._last_heartbeat = now

    def raise_if_frozen(self) -> None:
        """Stop the batch if this process was frozen.

        Raises:
            ServiceUnavailable: another worker may have the batch by now.

        """
        if self.frozen:
            raise ServiceUnavailable(_FROZEN)

    @asynccontextmanager
    async def heartbeats(self) -> AsyncIterator[None]:
        """Send heartbeats while the body runs, however long a service takes to respond.

        If the body fails, wait until Temporal acknowledges the outcomes: the next attempt needs them.

        Raises:
            ServiceUnavailable: this process was frozen when it received the batch. Temporal has dispatched the batch
                to another worker since, or does not respond. Nothing was started.

        """
        # The two clocks may differ, so this only decides when to ask Temporal.
        if (datetime.now(UTC) - self._dispatched_at).total_seconds() > self._max_silence:
            await self._check_still_assigned()

        async def keep_sending() -> None:
            while True:
                self.heartbeat()
                await asyncio.sleep(HEARTBEAT_SECONDS)

        sender = asyncio.create_task(keep_sending())
        try:
            yield
        except LandbridgeError:
            if self.outcomes:
                await self._acknowledge()
            raise
        finally:
            sender.cancel()
            with suppress(asyncio.CancelledError):
                await sender

    async def _acknowledge(self) -> None:
        attempt = current_attempt()
        # Ignore both errors: Temporal responded that the attempt is over or cancelled.
        with suppress(RPCError, AsyncActivityCancelledError):
            await until_acknowledged(lambda: attempt.heartbeat(self.outcomes, rpc_timeout=RPC_TIMEOUT))

    async def _check_still_assigned(self) -> None:
        try:
            await current_attempt().heartbeat(self.outcomes, rpc_timeout=RPC_TIMEOUT)
        except (RPCError, AsyncActivityCancelledError):
            raise ServiceUnavailable(_FROZEN) from None


def _seconds_left(info: activity.Info) -> float:
    """Return how long Temporal lets this attempt run; time in the task queue counts."""
    limits = [inf]
    if info.start_to_close_timeout is not None:
        limits.append(info.start_to_close_timeout.total_seconds())
    if (left := timeouts.time_left(info)) is not None:
        limits.append(left.total_seconds())
    return min(limits)

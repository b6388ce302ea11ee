"""How far a slice is, told to Temporal while it runs: after a crash the next attempt goes on from there."""

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
from activities.acknowledgement import ANSWER, current_attempt, until_acknowledged
from landbridge.domain.base import Model
from landbridge.domain.errors import LandbridgeError, ServiceUnavailable
from landbridge.domain.text import text

GRACE_SECONDS = 15.0
"""How long work that is called off may go on."""
_Outcome = TypeVar("_Outcome", bound=Model)
BEAT_SECONDS = 5.0
"""Between two signs of life: often enough for any heartbeat timeout in `workflows.support.options`."""
TOO_LITTLE = 0.05
"""Of the time that Temporal tries an activity for: with less left than that, nothing is begun."""
_STOOD_STILL = text("This worker stood still for a while; another one may have its work.")


def called_off() -> bool:
    """Return whether the workflow does not want the activity to go on; a worker that stops does not count."""
    details = activity.cancellation_details()
    return details is not None and details.cancel_requested


async def finished(work: Coroutine[Any, Any, None]) -> None:
    """Await work; when the activity is called off, let it end what it has begun, within `GRACE_SECONDS`.

    What Atlassian has done already must be known, or nobody could undo it.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if called_off():
            await asyncio.wait([task], timeout=GRACE_SECONDS)
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            raise
        task.result()


class BatchProgress(Generic[_Outcome]):
    """The outcomes of one slice, including those of earlier attempts."""

    def __init__(self, outcomes: TypeAdapter[list[_Outcome]]) -> None:
        doing = activity.info()
        self.outcomes: list[_Outcome] = (
            outcomes.validate_python(doing.heartbeat_details[0]) if doing.heartbeat_details else []
        )
        # Half of what Temporal allows: the last sign of life that it heard may be older than the last one given.
        self._longest_silence = doing.heartbeat_timeout.total_seconds() / 2 if doing.heartbeat_timeout else inf
        self._people_assigned = doing.started_time
        self._beaten_at = self._begun_at = monotonic()
        self._left = _seconds_left(doing)
        whole = doing.schedule_to_close_timeout
        self.came_too_late = (
            (doing.attempt == 1 or bool(self.outcomes))
            and whole is not None
            and self._left < whole.total_seconds() * TOO_LITTLE
        )
        """Temporal is about to give it up: the rest is better begun anew, with time. Trouble that was met is told."""
        self._stood_still = False

    def add(self, *outcomes: _Outcome) -> None:
        """Keep outcomes, and tell Temporal.

        Raises:
            ServiceUnavailable: this process gave no sign of life for so long (it was frozen, or its machine slept)
                that another worker may have the slice by now. Nothing more of it may be begun here.

        """
        self.outcomes.extend(outcomes)
        self.beat()
        if self._stood_still:
            raise ServiceUnavailable(_STOOD_STILL)

    def add_in_time(self, *outcomes: _Outcome) -> None:
        """Keep outcomes, and tell Temporal, which gives an activity up after a time and then forgets what it did.

        Raises:
            ServiceUnavailable: half of that time is over. Nothing more may be begun, so that what is under way ends.

        """
        self.add(*outcomes)
        if monotonic() - self._begun_at > self._left / 2:
            # Nobody is told: there are outcomes, which are the answer.
            raise ServiceUnavailable("")

    def beat(self) -> None:
        """Tell Temporal how far the slice is; it sends on no more than the worker's throttle allows."""
        activity.heartbeat(self.outcomes)
        now = monotonic()
        self._stood_still = self._stood_still or now - self._beaten_at > self._longest_silence
        self._beaten_at = now

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Give signs of life while the body runs, however long a neighbour takes over one answer.

        If the body fails, Temporal acknowledges the outcomes first: the next attempt must know them.

        Raises:
            ServiceUnavailable: the slice was handed out long ago, to a process that was frozen then, and Temporal has
                given it to another one since, or cannot be asked. Nothing was begun.

        """
        # By two clocks, which may differ: so this only tells when to ask.
        if (datetime.now(UTC) - self._people_assigned).total_seconds() > self._longest_silence:
            await self._ask_whether_it_is_ours()

        async def beat() -> None:
            while True:
                self.beat()
                await asyncio.sleep(BEAT_SECONDS)

        beater = asyncio.create_task(beat())
        try:
            yield
        except LandbridgeError:
            if self.outcomes:
                await self._acknowledge()
            raise
        finally:
            beater.cancel()
            with suppress(asyncio.CancelledError):
                await beater

    async def _acknowledge(self) -> None:
        attempt = current_attempt()
        # Either way Temporal has answered: the attempt is over, or called off.
        with suppress(RPCError, AsyncActivityCancelledError):
            await until_acknowledged(lambda: attempt.heartbeat(self.outcomes, rpc_timeout=ANSWER))

    async def _ask_whether_it_is_ours(self) -> None:
        try:
            await current_attempt().heartbeat(self.outcomes, rpc_timeout=ANSWER)
        except (RPCError, AsyncActivityCancelledError):
            raise ServiceUnavailable(_STOOD_STILL) from None


def _seconds_left(doing: activity.Info) -> float:
    """Return for how long Temporal lets this attempt run; what it lay in the queue counts."""
    limits = [inf]
    if doing.start_to_close_timeout is not None:
        limits.append(doing.start_to_close_timeout.total_seconds())
    if (left := timeouts.left(doing)) is not None:
        limits.append(left.total_seconds())
    return min(limits)

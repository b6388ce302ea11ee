"""One clock for everything that a cohort waits for: as few timers as can be, since each is paid for."""

import asyncio
from datetime import datetime

from temporalio import workflow


class SharedTimer:
    """Rings at the latest when it was set for; whoever waits looks then whether it is their turn.

    A timer that runs is never stopped for an earlier or a later one. It may ring for nothing, which costs less than
    stopping it and starting it again with every click.
    """

    def __init__(self) -> None:
        self._rings: list[datetime] = []
        self._rung: datetime | None = None
        self._timers: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> datetime:
        """The time to act by: a timer that has fired is believed, and not the clock, since replays agree on timers."""
        now = workflow.now()
        return now if self._rung is None else max(now, self._rung)

    def is_set_for(self, at: datetime) -> bool:
        """Return whether it rings by then."""
        return any(ring <= at for ring in self._rings)

    def set_for(self, at: datetime) -> None:
        """Have it ring by then; `at` is still to come."""
        if not self.is_set_for(at):
            self._rings.append(at)
            timer = asyncio.create_task(self._ring(at))
            self._timers.add(timer)
            timer.add_done_callback(self._timers.discard)

    async def _ring(self, at: datetime) -> None:
        await workflow.sleep(at - workflow.now(), summary="Next look at what is due")
        self._rings.remove(at)
        self._rung = at

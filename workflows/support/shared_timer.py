"""One timer for everything that a cohort waits for: each timer is a billable action."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow


class SharedTimer:
    """A timer that several tasks share. When it fires, every task re-checks its own condition.

    A running timer is never cancelled, even if an earlier or later time is needed. A timer that fires unnecessarily
    costs less than cancelling and restarting a timer with every click.
    """

    def __init__(self) -> None:
        self._set_for: list[datetime] = []
        self._fired_at: datetime | None = None
        self._timers: set[asyncio.Task[None]] = set()

    @property
    def now(self) -> datetime:
        """The workflow's time, or the time for which the last fired timer was set if that is later.

        Timers fire at the same point in every replay, but the workflow's clock may lag behind a fired timer.
        """
        now = workflow.now()
        return now if self._fired_at is None else max(now, self._fired_at)

    async def wait_until_due(
        self, next_due: Callable[[], datetime | None], stop: Callable[[], bool]
    ) -> datetime | None:
        """Wait until the time that `next_due` returns. It may change while waiting; None: nothing is due.

        Return the time to use as now, or None once `stop` returns true.
        """

        def needs_attention() -> bool:
            due = next_due()
            return due is not None and (due <= self.now or not self._fires_by(due))

        while not stop():
            due = next_due()
            if due is not None and due <= self.now:
                return self.now
            if due is not None and not self._fires_by(due):
                self._start(due)
            await workflow.wait_condition(lambda: stop() or needs_attention())
        return None

    def _fires_by(self, at: datetime) -> bool:
        return any(set_for <= at for set_for in self._set_for)

    def _start(self, at: datetime) -> None:
        self._set_for.append(at)
        timer = asyncio.create_task(self._fire(at))
        self._timers.add(timer)
        timer.add_done_callback(self._timers.discard)

    async def _fire(self, at: datetime) -> None:
        await workflow.sleep(at - workflow.now(), summary="Next check of what is due")
        self._set_for.remove(at)
        self._fired_at = at

"""How far a slice is, told to Temporal while it runs: after a crash the next attempt goes on from there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Generic, TypeVar

from pydantic import TypeAdapter
from temporalio import activity

from domain.model import Model

_Outcome = TypeVar("_Outcome", bound=Model)
BEAT_SECONDS = 5.0
"""Between two signs of life; a sixth of the shortest heartbeat timeout in `workflows.options`."""


class SliceProgress(Generic[_Outcome]):
    """The outcomes of one slice, including those of earlier attempts."""

    def __init__(self, outcomes: TypeAdapter[list[_Outcome]]) -> None:
        details = activity.info().heartbeat_details
        self.outcomes: list[_Outcome] = outcomes.validate_python(details[0]) if details else []

    def add(self, *outcomes: _Outcome) -> None:
        """Keep outcomes, and tell Temporal."""
        self.outcomes.extend(outcomes)
        self.beat()

    def beat(self) -> None:
        """Tell Temporal how far the slice is; it sends on no more than the worker's throttle allows."""
        activity.heartbeat(self.outcomes)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Give signs of life while the body runs, however long a neighbour takes over one answer."""

        async def beat() -> None:
            while True:
                self.beat()
                await asyncio.sleep(BEAT_SECONDS)

        beater = asyncio.create_task(beat())
        try:
            yield
        finally:
            beater.cancel()
            with suppress(asyncio.CancelledError):
                await beater

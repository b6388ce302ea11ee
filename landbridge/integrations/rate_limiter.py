"""How fast one worker may call a neighbour, and when not at all: shared by everything that calls it."""

import asyncio

from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.text import text


class RateLimiter:
    """Lets calls to one neighbour through, so many a second; none while it asks for patience.

    A neighbour that has told one task to wait has told all of them: the others do not ask before the time is over.
    """

    def __init__(self, neighbour: str, per_second: float = 0) -> None:
        """Take the limit; 0: none."""
        self._neighbour = neighbour
        self._between = 1 / per_second if per_second else 0.0
        self._next = 0.0
        self._held_until = 0.0

    async def turn(self) -> None:
        """Wait until it is this call's turn.

        Raises:
            ServiceUnavailable: the neighbour asks for patience; nothing is sent before it is over.

        """
        self._refuse_while_held()
        if self._between:
            now = asyncio.get_running_loop().time()
            mine = max(self._next, now)
            self._next = mine + self._between
            await asyncio.sleep(mine - now)
            self._refuse_while_held()

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long: the neighbour has asked for it."""
        self._held_until = max(self._held_until, asyncio.get_running_loop().time() + seconds)

    def _refuse_while_held(self) -> None:
        left = self._held_until - asyncio.get_running_loop().time()
        if left > 0:
            raise ServiceUnavailable(
                text("{neighbour} asks for patience.", neighbour=self._neighbour), retry_after=left
            )

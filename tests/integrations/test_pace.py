"""How fast a neighbour is called."""

import asyncio

import pytest

from landbridge.domain.errors import ServiceUnavailable
from landbridge.integrations.rate_limiter import RateLimiter


async def test_turns_are_apart() -> None:
    """However many want theirs at once."""
    pace, time = RateLimiter("Opsgenie", per_second=50), asyncio.get_running_loop().time
    began = time()
    await asyncio.gather(*(pace.turn() for _ in range(6)))
    # The clock's own steps are finer.
    assert time() - began > 5 / 50 - 0.001


async def test_who_waits_for_a_turn_hears_of_a_hold() -> None:
    """It was asked before, but nothing was sent yet."""
    pace = RateLimiter("Opsgenie", per_second=20)
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    pace.hold(60)
    with pytest.raises(ServiceUnavailable, match="patience"):
        await waiting


async def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    """Answers to calls that were under way together may name different times."""
    pace = RateLimiter("Opsgenie")
    pace.hold(60)
    pace.hold(0)
    with pytest.raises(ServiceUnavailable) as caught:
        await pace.turn()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 50

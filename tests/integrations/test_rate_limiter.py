"""The rate limit of one service."""

import asyncio

import pytest

from landbridge.domain.errors import ServiceUnavailable
from landbridge.integrations.rate_limiter import RateLimiter


async def test_concurrent_calls_are_spaced() -> None:
    """Six concurrent calls at 50 a second take at least five intervals."""
    limiter, time = RateLimiter("Opsgenie", per_second=50), asyncio.get_running_loop().time
    started = time()
    await asyncio.gather(*(limiter.acquire() for _ in range(6)))
    # The margin covers the resolution of the clock.
    assert time() - started > 5 / 50 - 0.001


async def test_a_pause_stops_calls_that_are_waiting_already() -> None:
    """A call that is waiting for its slot when the pause begins is not sent either."""
    limiter = RateLimiter("Opsgenie", per_second=20)
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.pause(60)
    with pytest.raises(ServiceUnavailable, match="limits the request rate"):
        await waiting


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    """Responses to concurrent calls may request different waits, and the longest wait applies."""
    limiter = RateLimiter("Opsgenie")
    limiter.pause(60)
    limiter.pause(0)
    with pytest.raises(ServiceUnavailable) as caught:
        await limiter.acquire()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 50

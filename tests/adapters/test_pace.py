"""How fast a neighbour is called."""

import asyncio

import pytest

from adapters.pace import Pace
from domain.errors import NeighbourUnavailable


async def test_turns_are_apart() -> None:
    """However many want theirs at once."""
    pace, moments = Pace("Opsgenie", per_second=50), []

    async def call() -> None:
        await pace.turn()
        moments.append(asyncio.get_running_loop().time())

    await asyncio.gather(*(call() for _ in range(6)))
    assert moments[-1] - moments[0] >= 5 / 50


async def test_who_waits_for_a_turn_hears_of_a_hold() -> None:
    """It was asked before, but nothing was sent yet."""
    pace = Pace("Opsgenie", per_second=20)
    await pace.turn()
    waiting = asyncio.create_task(pace.turn())
    await asyncio.sleep(0)
    pace.hold(60)
    with pytest.raises(NeighbourUnavailable, match="patience"):
        await waiting


async def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    """Answers to calls that were under way together may name different times."""
    pace = Pace("Opsgenie")
    pace.hold(60)
    pace.hold(0)
    with pytest.raises(NeighbourUnavailable) as caught:
        await pace.turn()
    assert caught.value.retry_after is not None
    assert caught.value.retry_after > 50

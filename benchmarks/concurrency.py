"""Bounded concurrency."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def for_each(do: Callable[[int], Awaitable[None]], people: Iterable[int], limit: int) -> None:
    """Call `do` for each person, with at most `limit` concurrent calls."""
    remaining = iter(people)

    async def work() -> None:
        for person in remaining:
            await do(person)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(work())

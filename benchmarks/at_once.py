"""Do something for many, a few at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable


async def at_once(do: Callable[[int], Awaitable[None]], people: Iterable[int], most: int) -> None:
    """Do it for each person, for at most `most` at the same time."""
    left = iter(people)

    async def work() -> None:
        for person in left:
            await do(person)

    async with asyncio.TaskGroup() as group:
        for _ in range(most):
            group.create_task(work())

"""Read what ports yield."""

from collections.abc import AsyncIterator, Callable
from typing import TypeVar

_Item = TypeVar("_Item")


async def collect(stream: AsyncIterator[_Item], keep: Callable[[_Item], object]) -> None:
    """Pass each item to `keep`; items that were yielded before an error are kept."""
    async for item in stream:
        keep(item)

"""People of many cohorts as pages: asked in order, a few cohorts at once, and no more of them than a page takes.

A page says where the next one begins: at a number in a cohort. Numbers never change, so whoever is wanted during the
whole listing is on exactly one of its pages; who comes to be wanted, or ceases to be, is there as they stood when their
cohort was asked.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from landbridge.domain.errors import BadInput
from landbridge.domain.messages import PeoplePage, PeopleQuery
from landbridge.domain.people import Person
from landbridge.domain.text import text

AT_ONCE = 8
"""Cohorts that are asked at the same time."""
PAGE_SECONDS = 5.0
"""After these a page is answered as it is, even if it is not full: a search may have to go through all cohorts."""
_WRITTEN = re.compile(r"([1-9][0-9]{0,3})\.([1-9][0-9]{0,6})")


class Position(NamedTuple):
    """Where a page begins."""

    cohort: int
    number: int

    def __str__(self) -> str:
        """Return it as `read` takes it; it holds nothing personal."""
        return f"{self.cohort}.{self.number}"

    @classmethod
    def read(cls, written: str) -> "Position":
        """Return the position that a page told; of nothing, the first.

        Raises:
            BadInput: no page told it.

        """
        if not written:
            return FIRST
        match = _WRITTEN.fullmatch(written)
        if match is None:
            raise BadInput(text("There is no such page: name one as the page before it does, or none for the first."))
        return cls(int(match[1]), int(match[2]))


FIRST = Position(1, 1)


@dataclass(frozen=True)
class Page:
    """Some people, each with the number of the cohort."""

    people: list[tuple[int, Person]]
    next: Position | None
    """Where to go on; none: that was everyone."""


async def read_page(
    ask: Callable[[int, PeopleQuery], Awaitable[PeoplePage]],
    cohorts: int,
    query: PeopleQuery,
    begin: Position = FIRST,
    seconds: float = PAGE_SECONDS,
) -> Page:
    """Return up to `query.limit` people from `begin` on.

    Args:
        ask: asks one cohort, by its number.
        cohorts: how many there are.
        query: who is wanted.
        begin: where the page before left off.
        seconds: how long to go on asking while the page is not full.

    """
    people: list[tuple[int, Person]] = []
    until, at_once = time.monotonic() + seconds, 1
    first = begin.cohort
    while first <= cohorts:
        numbers = range(first, min(first + at_once, cohorts + 1))
        left = query.limit - len(people)
        pages = await asyncio.gather(
            *(
                ask(n, query.model_copy(update={"start": begin.number if n == begin.cohort else 1, "limit": left}))
                for n in numbers
            )
        )
        for number, page in zip(numbers, pages, strict=True):
            left = query.limit - len(people)
            people += ((number, person) for person in page.people[:left])
            if len(page.people) > left:
                return Page(people, Position(number, page.people[left].number))
            if page.next:
                return Page(people, Position(number, page.next))
        first, at_once = numbers.stop, min(at_once * 2, AT_ONCE)
        if first <= cohorts and time.monotonic() >= until:
            return Page(people, Position(first, 1))
    return Page(people, None)

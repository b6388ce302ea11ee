"""Pages through the people of many cohorts, querying only as many cohorts as a page needs.

A page token is a position: a cohort and a person's number in it. Numbers never change, so a person who matches the
query during the whole listing is on exactly one page. A person who starts or stops matching meanwhile is listed
according to their state at the time when their cohort was queried.
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

COHORT_CONCURRENCY = 8
"""Cohorts that are queried concurrently."""
PAGE_SECONDS = 5.0
"""After this time a page is returned even if it is not full: a search may have to go through all cohorts."""
_TOKEN = re.compile(r"([1-9][0-9]{0,3})\.([1-9][0-9]{0,6})")


class Position(NamedTuple):
    """The start of a page; its string form is the page token."""

    cohort: int
    number: int

    def __str__(self) -> str:
        """Return the page token; it contains no personal data."""
        return f"{self.cohort}.{self.number}"

    @classmethod
    def read(cls, token: str) -> "Position":
        """Parse a page token; an empty token is the first page.

        Raises:
            BadInput: this is no page token.

        """
        if not token:
            return FIRST
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise BadInput(
                text("There is no such page. Use the token that the previous page gave, or none for the first page.")
            )
        return cls(int(match[1]), int(match[2]))


FIRST = Position(1, 1)


@dataclass(frozen=True)
class Page:
    """One page of people, each with the cohort's number."""

    people: list[tuple[int, Person]]
    next: Position | None
    """The start of the next page; None: this was the last page."""


async def read_page(
    ask: Callable[[int, PeopleQuery], Awaitable[PeoplePage]],
    cohorts: int,
    query: PeopleQuery,
    begin: Position = FIRST,
    seconds: float = PAGE_SECONDS,
) -> Page:
    """Return up to `query.limit` people, starting at `begin`.

    Args:
        ask: queries one cohort, by its number.
        cohorts: number of cohorts.
        query: whom to list.
        begin: the start of the page.
        seconds: stop querying more cohorts after this time, even if the page is not full.

    """
    people: list[tuple[int, Person]] = []
    deadline, concurrency = time.monotonic() + seconds, 1
    first = begin.cohort
    while first <= cohorts:
        numbers = range(first, min(first + concurrency, cohorts + 1))
        missing = query.limit - len(people)
        pages = await asyncio.gather(
            *(
                ask(n, query.model_copy(update={"start": begin.number if n == begin.cohort else 1, "limit": missing}))
                for n in numbers
            )
        )
        for number, page in zip(numbers, pages, strict=True):
            missing = query.limit - len(people)
            people += ((number, person) for person in page.people[:missing])
            if len(page.people) > missing:
                return Page(people, Position(number, page.people[missing].number))
            if page.next:
                return Page(people, Position(number, page.next))
        first, concurrency = numbers.stop, min(concurrency * 2, COHORT_CONCURRENCY)
        if first <= cohorts and time.monotonic() >= deadline:
            return Page(people, Position(first, 1))
    return Page(people, None)

"""Paging across cohorts: each person is listed once, nobody is missed, and no cohort is queried needlessly."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.client.paging import COHORT_CONCURRENCY, FIRST, Page, Position, read_page
from landbridge.domain.cohort import CohortPeople
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import PeoplePage, PeopleQuery
from landbridge.domain.people import Person, State, arrive
from landbridge.domain.roster import RosterPerson

NOW = datetime(2026, 11, 23, tzinfo=UTC)
COHORTS = st.lists(st.lists(st.sampled_from(State), max_size=8), min_size=1, max_size=12)
FILTERS = st.lists(st.sampled_from(State), max_size=3)
LIMITS = st.integers(1, 9)
SECONDS = st.sampled_from([0.0, 60.0])
"""A page may end after one round of queries, or has more time than it needs."""


class Cohorts:
    """A fake for a migration's cohorts: the real `CohortPeople`, without Temporal."""

    def __init__(self, cohorts: list[list[State]]) -> None:
        self.people = [
            [replace(arrive(n, RosterPerson(email=f"p{n}@example.com"), NOW), state=s) for n, s in enumerate(c, 1)]
            for c in cohorts
        ]
        self.queries = Counter[int]()

    async def ask(self, number: int, query: PeopleQuery) -> PeoplePage:
        """Query one cohort."""
        self.queries[number] += 1
        page = CohortPeople(self.people[number - 1]).page(query)
        assert len(page.people) <= query.limit
        return page

    async def page(self, query: PeopleQuery, begin: Position, seconds: float = 60) -> Page:
        """Read one page."""
        return await read_page(self.ask, len(self.people), query, begin, seconds)

    def move(self, cohort: int, number: int, state: State) -> None:
        """Move a person to another state."""
        people = self.people[cohort - 1]
        people[number - 1] = replace(people[number - 1], state=state)

    def all(self) -> list[tuple[int, Person]]:
        """Everyone, in order."""
        return [(cohort, person) for cohort, people in enumerate(self.people, 1) for person in people]


def key(listed: tuple[int, Person]) -> tuple[int, int]:
    """Return what identifies a person."""
    return listed[0], listed[1].number


@settings(deadline=None)
@given(COHORTS, FILTERS, LIMITS, SECONDS)
async def test_each_person_is_on_exactly_one_page(
    cohorts: list[list[State]], states: list[State], limit: int, seconds: float
) -> None:
    """The order is the roster's, for every filter; a next page exists only if more people follow or time ran out."""
    world, found, begin = Cohorts(cohorts), list[tuple[int, Person]](), FIRST
    while True:
        page = await world.page(PeopleQuery(states=states, limit=limit), begin, seconds)
        assert len(page.people) <= limit
        found += page.people
        if page.next is None:
            break
        assert page.next > begin
        assert seconds == 0 or len(page.people) == limit
        begin = Position.read(str(page.next))
    assert list(map(key, found)) == [key(one) for one in world.all() if not states or one[1].state in states]


@settings(deadline=None)
@given(COHORTS, FILTERS, LIMITS, st.data())
async def test_people_who_match_throughout_are_listed_while_others_move(
    cohorts: list[list[State]], states: list[State], limit: int, data: st.DataObject
) -> None:
    """Nobody is on two pages; a person who matched all the time is on one, a person who never matched on none."""
    world, found, begin = Cohorts(cohorts), list[tuple[int, int]](), FIRST
    everyone = [key(one) for one in world.all()]
    seen = {key(one): {one[1].state} for one in world.all()}
    while True:
        page = await world.page(PeopleQuery(states=states, limit=limit), begin)
        found += map(key, page.people)
        if page.next is None:
            break
        begin = page.next
        for one in data.draw(st.lists(st.sampled_from(everyone), max_size=5)) if everyone else []:
            state = data.draw(st.sampled_from(State))
            world.move(*one, state)
            seen[one].add(state)
    assert len(found) == len(set(found))
    wanted = set(states or State)
    assert {one for one, had in seen.items() if had <= wanted} <= set(found)
    assert {one for one, had in seen.items() if had & wanted} >= set(found)


@settings(deadline=None)
@given(st.integers(1, 100), LIMITS)
async def test_a_page_queries_only_the_cohorts_it_needs(cohorts: int, limit: int) -> None:
    """The first page takes one query, whatever the migration's size, if the first cohort can fill it."""
    world = Cohorts([[State.CONNECTED] * 10] * cohorts)
    await world.page(PeopleQuery(limit=limit), FIRST)
    assert world.queries == {1: 1}
    await world.page(PeopleQuery(limit=limit), Position(cohorts, 1))
    assert sum(world.queries.values()) == 2


async def test_a_search_for_few_people_queries_each_cohort_at_most_once() -> None:
    """It queries few cohorts beyond the one that fills the page."""
    world = Cohorts([[State.CONNECTED]] * 20 + [[State.ATTENTION] * 3] + [[State.CONNECTED]] * 379)
    page = await world.page(PeopleQuery(states=[State.ATTENTION], limit=2), FIRST)
    assert page.next == Position(21, 3)
    assert set(world.queries.values()) == {1}
    assert max(world.queries) <= 21 + COHORT_CONCURRENCY


@pytest.mark.parametrize(
    "token", ["2", "0.1", "1.0", "1.-1", "x", "1.1 ", "99999.1", "1.1.1", "1.1\N{ARABIC-INDIC DIGIT ONE}"]
)
def test_an_invalid_page_token_is_bad_input(token: str) -> None:
    """The error does not show the first page instead."""
    with pytest.raises(BadInput):
        Position.read(token)

"""The people of a cohort: how they are packed and counted."""

import random
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import events
from landbridge.domain.cohort import CohortPeople, packed, unpacked
from landbridge.domain.links import Purpose
from landbridge.domain.people import LINK, TIMELINE_LENGTH, Actor, Counts, Entry, Mailing, Person, State, arrive
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.text import text
from tests.domain.test_lifecycle import ANY_EVENT

START = datetime(2026, 11, 23, tzinfo=UTC)
MAX_BYTES = 1024 * 1024
"""Half of Temporal's limit for one payload, in bytes."""
LARGEST_COHORT = 330
"""The hashes of 100,000 addresses spread over 400 cohorts: 250 people each, plus five standard deviations."""


def test_a_large_cohort_fits_into_a_payload() -> None:
    """Even a cohort with the longest names and full timelines of proven entries fits."""
    chance = random.Random(1)  # noqa: S311 - no secret

    def noise(length: int) -> str:
        return "".join(chance.choices(string.ascii_letters + string.digits, k=length))

    def life(number: int) -> Person:
        email = f"{noise(60)}@{noise(60)}.{noise(60)}.{noise(60)}.example"
        row = RosterPerson(email=email, name=noise(512), role=noise(100), locale="de_DE")
        person = arrive(number, row, START)
        moments = [START + timedelta(microseconds=chance.randrange(10**12)) for _ in range(TIMELINE_LENGTH)]
        who = [Actor(name=f"admin{chance.randrange(20)}@example.com"), LINK]
        proofs = [".".join(chance.randbytes(size).hex() for size in (12, 4, 4, 16)) for _ in moments]
        return replace(
            person,
            former_emails=[f"{noise(60)}@example.com"],
            account_id=noise(40),
            timeline=[
                Entry(at=at, what=text("authentication email sent"), by=replace(chance.choice(who), proof=proof))
                for at, proof in zip(moments, proofs, strict=True)
            ],
            mailings={
                purpose: Mailing(generation=9, sent=9, sent_at=START, links=dict(enumerate(moments[:9])))
                for purpose in Purpose
            },
        )

    people = [life(number) for number in range(1, LARGEST_COHORT + 1)]
    carried = packed(people)
    assert len(carried) < MAX_BYTES
    assert unpacked(carried) == people


def test_an_empty_cohort_is_packed() -> None:
    """The first run starts with an empty cohort."""
    assert unpacked("") == []
    assert unpacked(packed([])) == []


@given(st.dictionaries(st.sampled_from(State), st.integers(min_value=0, max_value=10_000_000)))
def test_the_numbers_by_state_fit_into_a_search_attribute(numbers: dict[State, int]) -> None:
    """Unpacking returns the same counts."""
    counts = Counts(by_state=numbers)
    assert len(counts.packed()) <= 255
    assert Counts.unpacked(counts.packed()) == counts


def test_counts_of_unknown_states_are_ignored() -> None:
    """A worker may be newer than the command line that reads its counts."""
    assert Counts.unpacked("connected=3 levitating=2 arrived=x") == Counts(by_state={State.CONNECTED: 3})


@given(st.lists(st.tuples(st.integers(1, 4), ANY_EVENT), max_size=12))
def test_cached_results_equal_fresh_ones(happened: list[tuple[int, events.Event]]) -> None:
    """Caches stay correct after any events, and when people join."""
    people = CohortPeople()
    for number in range(1, 4):
        people.receive(RosterPerson(email=f"p{number}@example.com", email_verified=number % 2 == 0), START)
    for number, event in happened:
        _answers(people)
        people.apply(number, event, START, Rules())
        assert _answers(people) == _answers(CohortPeople(people.everyone()))
    people.receive(RosterPerson(email="late@example.com"), START)
    assert _answers(people) == _answers(CohortPeople(people.everyone()))


def _answers(people: CohortPeople) -> list[object]:
    questions = (people.next_account, people.next_mail, people.to_look_up, people.opened, people.settled)
    return [people.counts(), *(question() for question in questions)]

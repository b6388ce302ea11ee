"""The roster: no person is lost or changes cohort, and every change is detected."""

import random

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import addresses, roster
from landbridge.domain.roster import COHORT_SIZE, MAX_COHORTS, RosterPerson

REST = {
    "name": st.text(max_size=5),
    "role": st.sampled_from(["owner", "admin", "user", "night shift"]),
    "email_verified": st.booleans(),
}
PROBLEM = st.just("the address cannot be used")
PEOPLE = st.lists(
    st.one_of(
        st.builds(
            RosterPerson,
            email=st.from_regex(r"[A-Ca-c]{1,2}@[ab]\.example", fullmatch=True),
            problem=st.just("") | PROBLEM,
            **REST,
        ),
        # An invalid address is kept as it was read, together with the problem.
        st.builds(RosterPerson, email=st.text(max_size=5), problem=PROBLEM, **REST),
    ),
    max_size=30,
)
COHORTS = st.integers(1, MAX_COHORTS)


@given(PEOPLE, COHORTS)
def test_dividing_loses_nobody(people: list[RosterPerson], cohorts: int) -> None:
    """Everyone is in exactly one cohort, no other cohorts exist, and each keeps the roster's order."""
    divided = roster.divide(people, cohorts)
    assert list(divided) == list(range(1, cohorts + 1))
    assert sorted(map(id, people)) == sorted(id(person) for part in divided.values() for person in part)
    for number, part in divided.items():
        assert part == [person for person in people if roster.cohort_of(person.email, cohorts) == number]


@given(st.text(), COHORTS)
def test_a_cohort_is_in_range_and_stays(email: str, cohorts: int) -> None:
    """Any text has a cohort, and every process computes the same one."""
    number = roster.cohort_of(email, cohorts)
    assert 1 <= number <= cohorts
    assert roster.cohort_of(f" {email} ", cohorts) == number


def test_a_cohort_is_the_same_for_every_version() -> None:
    """Running migrations use these numbers to find people: a change here would lose people."""
    spellings = ["Ann@Example.com", " ann@example.com", "ANN@EXAMPLE.COM"]
    assert [roster.cohort_of(email, 400) for email in spellings] == [254] * 3
    assert roster.cohort_of("ann@xn--bcher-kva.example", 400) == roster.cohort_of("ann@bücher.example", 400)


@given(st.integers(0, 10**7))
def test_cohorts_are_enough_and_not_too_many(total: int) -> None:
    """At least one, at most Temporal's limit; below that limit, no cohort exceeds the planned size."""
    cohorts = roster.cohorts_for(total)
    assert 1 <= cohorts <= MAX_COHORTS
    assert cohorts == MAX_COHORTS or (cohorts - 1) * COHORT_SIZE < max(total, 1) <= cohorts * COHORT_SIZE


@given(PEOPLE, st.randoms())
def test_the_digest_does_not_know_the_order(people: list[RosterPerson], shuffled: random.Random) -> None:
    """A roster in another order has the same digest."""
    mixed = [*people]
    shuffled.shuffle(mixed)
    assert roster.digest(mixed) == roster.digest(people)


@given(PEOPLE, PEOPLE)
def test_the_digest_shows_every_change(people: list[RosterPerson], others: list[RosterPerson]) -> None:
    """Rosters of different people have different digests, also if a person is only listed twice."""
    assert roster.digest([*people, RosterPerson(email="new@example.com")]) != roster.digest(people)
    same = sorted(map(repr, people)) == sorted(map(repr, others))
    assert (roster.digest(people) == roster.digest(others)) == same


@given(PEOPLE)
def test_one_row_of_each_mailbox_stands(people: list[RosterPerson]) -> None:
    """Marking duplicates removes nobody, changes nothing else, and a second pass changes nothing."""
    marked = roster.mark_duplicates(people)
    assert [person.email for person in marked] == [person.email for person in people]
    assert all(after == before for after, before in zip(marked, people, strict=True) if before.problem)
    assert roster.mark_duplicates(marked) == marked
    usable = [addresses.key(person.email) for person in marked if not person.problem]
    assert len(usable) == len(set(usable))


@given(PEOPLE)
def test_a_survey_counts_everyone_and_names_who_leads(people: list[RosterPerson]) -> None:
    """The admins are owners and admins with a usable row; the case of the role's name makes no difference."""
    survey = roster.survey(people)
    assert (survey.total, survey.problems) == (len(people), sum(bool(person.problem) for person in people))
    assert [admin.email for admin in survey.admins] == [
        person.email for person in people if person.role in {"owner", "admin"} and not person.problem
    ]
    assert survey.cohorts == roster.cohorts_for(len(people))
    assert RosterPerson(email="ann@example.com", role="Owner").is_admin

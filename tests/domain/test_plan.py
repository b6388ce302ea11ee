"""A plan says for each person, once, what the migration would do."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import events, planner
from landbridge.domain.cohort import CohortPeople
from landbridge.domain.links import Purpose
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import SETTLED, State
from landbridge.domain.plan import BlockerKind, PlanLine, PlannedAction, Totals
from landbridge.domain.planner import Planner
from landbridge.domain.roster import ADMIN, OWNER, RosterPerson, mark_duplicates, survey
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.survey import AccountLookup, AccountState, Manager, Seats
from landbridge.domain.text import Text, text

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SITE = Site(id="1", name="acme", url="https://acme.atlassian.net", admin=True)
ROWS = st.builds(
    RosterPerson,
    email=st.sampled_from([f"{name}@example.com" for name in ("ann", "Ann", "bob", "cid", "dan", "eve")]),
    name=st.sampled_from(["", "Somebody"]),
    email_verified=st.booleans(),
    blocked=st.booleans(),
    sso=st.booleans(),
    problem=st.sampled_from(["", "", "", "the address cannot be used"]),
)
ROSTERS = st.lists(ROWS, max_size=12).map(mark_duplicates)


def as_answered(state: AccountState, manager: Manager, *, verified: bool) -> AccountLookup:
    """Return a look-up as the adapter does: an unusable account has a problem, a hidden account has no details."""
    shown = state is not AccountState.NOT_SHOWN
    problem = f"It is {state}." if shown and state is not AccountState.ACTIVE else ""
    return AccountLookup(email="", state=state, manager=manager, verified=verified and shown, problem=Text(problem))


LOOKUPS = st.builds(as_answered, st.sampled_from(AccountState), st.sampled_from(Manager), verified=st.booleans())


def planned(
    roster: list[RosterPerson], answers: list[AccountLookup], seats: int | None
) -> tuple[list[PlanLine], Totals]:
    """Return a plan; `answers` has one look-up for each row, needed or not."""
    taking = Planner(seats)
    lines = [
        taking.take(row, answer if planner.asks_atlassian(row) else None)
        for row, answer in zip(roster, answers, strict=True)
    ]
    return lines, taking.totals


@st.composite
def answered_rosters(draw: st.DrawFn) -> tuple[list[RosterPerson], list[AccountLookup]]:
    """Return a roster, and a look-up for each of its rows."""
    roster = draw(ROSTERS)
    return roster, draw(st.lists(LOOKUPS, min_size=len(roster), max_size=len(roster)))


@given(answered_rosters(), st.none() | st.integers(0, 5))
def test_everyone_has_one_line_and_the_totals_add_up(
    answered: tuple[list[RosterPerson], list[AccountLookup]], seats: int | None
) -> None:
    """Lines are in roster order, each person is counted once, and no more people are invited than there are seats."""
    roster, answers = answered
    lines, totals = planned(roster, answers, seats)
    assert [line.email for line in lines] == [row.email for row in roster]
    assert totals.people == len(roster) == sum(totals.by_action.values())
    assert totals.by_mail == {
        mail: sum(line.mail is mail for line in lines) for mail in Purpose if any(line.mail is mail for line in lines)
    }
    assert sum(totals.by_manager.values()) == sum(planner.asks_atlassian(row) for row in roster)
    assert totals.sso == sum(row.sso for row in roster)
    assert all(line.reason for line in lines)
    if seats is not None:
        assert totals[PlannedAction.NEW] <= seats
        assert not totals[PlannedAction.OVER_LICENCE] or totals[PlannedAction.NEW] == seats


@given(answered_rosters())
def test_a_plan_agrees_with_what_a_cohort_does(answered: tuple[list[RosterPerson], list[AccountLookup]]) -> None:
    """With the same answers from Atlassian, everyone has the planned state, and the planned mail is due."""
    roster, answers = answered
    lines, _ = planned(roster, answers, None)
    people, number_of_row = CohortPeople(), dict[int, int]()
    for at, row in enumerate(roster):
        if people.receive(row, NOW) is None:
            number_of_row[at] = len(people)
    asked = {person.number for person in people.accounts_due(NOW, 100)}
    for at, number in number_of_row.items():
        person, answer = people.get(number), answers[at]
        assert person is not None
        assert (number in asked) == planner.asks_atlassian(roster[at])
        if number in asked and answer.problem:
            people.apply(number, events.AccountProblem(person.email, answer.problem), NOW, Rules())
        elif number in asked:
            people.apply(number, events.AccountSeen(person.email, "1", answer.verified), NOW, Rules())
    mails = {person.number: mail.purpose for person, mail in people.mails_due(NOW, 100)}
    for at, number in number_of_row.items():
        person = people.get(number)
        assert person is not None
        assert lines[at].state is person.state
        assert lines[at].mail == mails.get(number)
        assert person.reason in lines[at].reason


@given(ROWS, LOOKUPS)
def test_the_guides_rules_hold_in_a_plan(row: RosterPerson, answer: AccountLookup) -> None:
    """A verified account gets no mail; an unverified Opsgenie email never gets the authentication email first."""
    (line,), _ = planned([row], [answer], None)
    if not row.email_verified:
        assert line.mail is not Purpose.AUTHENTICATION
    if line.action is PlannedAction.NEEDS_NOTHING:
        assert (line.mail, line.state) == (None, State.CONNECTED)
    if line.action in {
        PlannedAction.UNUSABLE,
        PlannedAction.BLOCKED,
        PlannedAction.DUPLICATE,
        PlannedAction.INVALID,
        PlannedAction.OVER_LICENCE,
    }:
        assert line.mail is None
    if line.action in {PlannedAction.NEW, PlannedAction.ADOPTED}:
        assert line.mail is not None
        assert line.state not in SETTLED


OWNED = [RosterPerson(email="olga@example.com", role=OWNER), RosterPerson(email="ann@example.com")]


def asked(**changes: object) -> MigrationRequest:
    """Return a request that nothing blocks, with these changes."""
    return MigrationRequest.model_validate(
        {"opsgenie_account": "acme", "initiator": "Olga@example.com", "site": "acme", **changes}
    )


def stopped_by(request: MigrationRequest, **changes: object) -> list[BlockerKind]:
    """Return the kinds of the request's blockers."""
    known = {"survey": survey(OWNED), "listed": [SITE], "seats": None, "totals": Totals(), **changes}
    return [blocker.kind for blocker in planner.blockers(request, **known)]  # type: ignore[arg-type]  # a test's choice


@pytest.mark.parametrize(
    "request_, known, kinds",
    [
        (asked(), {}, []),
        (asked(initiator="ann@example.com"), {}, [BlockerKind.INITIATOR]),
        (asked(site="other"), {}, [BlockerKind.SITE]),
        (asked(), {"listed": [SITE.model_copy(update={"admin": False})]}, [BlockerKind.SITE]),
        (asked(site=SITE.url), {}, []),
        (asked(site="", new_site=NewSite(name="A!", first_name="A", last_name="B")), {}, [BlockerKind.SITE]),
        (asked(site="", new_site=NewSite(name="abc", first_name="A", last_name="")), {}, [BlockerKind.SITE]),
        (asked(site="", new_site=NewSite(name="abc", first_name="A", last_name="B")), {}, []),
        (
            asked(site="", new_site=NewSite(name="abc", first_name="A", last_name="B")),
            {"name_taken": True},
            [BlockerKind.SITE],
        ),
        (asked(site="other", initiator="x@example.com"), {"survey": None, "listed": None}, []),
    ],
)
def test_what_stops_a_migration(request_: MigrationRequest, known: dict[str, object], kinds: list[BlockerKind]) -> None:
    """The rules are those of the workflow itself; unknown facts block nothing."""
    assert stopped_by(request_, **known) == kinds


def test_too_few_seats_stop_a_migration() -> None:
    """The blocker says how many seats are missing, for the scarcest licence on the chosen site."""
    seats = [
        Seats(site=SITE, product="jira", used=8, allowed=9),
        Seats(site=SITE, product="confluence", used=1, allowed=9),
        Seats(site=SITE, product="free"),
        Seats(site=Site(id="2", name="b", url="https://b.atlassian.net"), product="jira", used=9, allowed=9),
    ]
    scarcest = planner.seats_for(seats, SITE)
    assert scarcest == seats[0]
    assert planner.seats_for(seats, None) is None
    totals = Totals(by_action={PlannedAction.NEW: 1, PlannedAction.OVER_LICENCE: 4})
    (blocker,) = planner.blockers(asked(), survey=survey(OWNED), listed=[SITE], seats=scarcest, totals=totals)
    assert blocker.kind is BlockerKind.LICENCE
    assert "jira on acme has 1 seats left for 5 new people: buy 4 more" in blocker.message


def test_only_owners_and_admins_lead() -> None:
    """Any spelling of the address is accepted; a row that cannot be used does not make an admin."""
    people = [
        RosterPerson(email="olga@example.com", role=OWNER),
        RosterPerson(email="adam@example.com", role=ADMIN, problem=text("wrong")),
    ]
    assert survey(people).has_admin("OLGA@example.com")
    assert not survey(people).has_admin("adam@example.com")

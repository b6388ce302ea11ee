"""Listing, searching and resending to people who are in several cohorts."""

from datetime import timedelta

import pytest

from landbridge.client.answers import ReportLine
from landbridge.domain import roster
from landbridge.domain.errors import BadInput, NotFound, Refused
from landbridge.domain.messages import Step
from landbridge.domain.people import GROUPS, Actor, Source, State
from landbridge.domain.roster import RosterPerson
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

BY = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
NAMES = ("Anna Müller", "Ben Okoye", "Çelik Aydin", "Søren Ørsted", "李小龙", "Samuel Mueller", "Zoë")
CROWD = [
    RosterPerson(email=f"p{n}@example.com", name=NAMES[n % len(NAMES)], email_verified=n % 2 == 0) for n in range(20)
]


@pytest.fixture
async def crowd(harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> MigrationHarness:
    """Twenty people and the owner in six cohorts, all with their first mail; the mail server refuses two addresses."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    harness.world.opsgenie.add(*CROWD)
    harness.world.mailer.refused |= {"p0@example.com", "p1@example.com"}
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    assert (await harness.migration.progress()).cohorts == 6
    return harness


async def listed(harness: MigrationHarness, *states: State, search: str = "", limit: int = 3) -> list[ReportLine]:
    """Return everyone on all pages."""
    found, page = list[ReportLine](), ""
    while True:
        people = await harness.migration.people(states, search=search, page=page, limit=limit)
        found += people.people
        if not people.next:
            return found
        assert len(people.people) == limit
        page = people.next


async def test_pages_show_everyone_once_in_any_filter(crowd: MigrationHarness) -> None:
    """Any page size gives the same people in the same order, and so does the report."""
    everyone = await listed(crowd)
    assert sorted(line.email for line in everyone) == sorted([OWNER_EMAIL, *(person.email for person in CROWD)])
    assert await listed(crowd, limit=250) == everyone
    assert (await crowd.migration.report()).people == everyone
    for states in GROUPS.values():
        assert await listed(crowd, *states, limit=2) == [line for line in everyone if line.state in states]


async def test_a_person_shows_sent_mails_and_the_next_mail(crowd: MigrationHarness) -> None:
    """How many mails were sent, the time of the last mail, and the time of the next mail, if any."""
    everyone = {line.email: line for line in await listed(crowd)}
    waiting, dead, owner = everyone["p3@example.com"], everyone["p1@example.com"], everyone[OWNER_EMAIL]
    assert (waiting.state, waiting.mails) == (State.EMAIL_UNVERIFIED, 1)
    assert waiting.mailed_at
    assert waiting.next_mail == waiting.mailed_at + timedelta(days=3)
    assert (dead.state, dead.mails, dead.next_mail) == (State.UNREACHABLE, 0, None)
    assert dead.reason
    assert (owner.state, owner.next_mail) == (State.CONNECTED, None)
    found = await crowd.migration.person_numbered(waiting.cohort, waiting.number)
    assert found == await crowd.migration.person("p3@example.com")
    assert found.person.timeline


async def test_unknown_numbers_find_nobody(crowd: MigrationHarness) -> None:
    """Numbers out of range raise `NotFound`, and an invalid page raises `BadInput`."""
    for numbers in ((0, 1), (7, 1), (1, 0), (1, 99), (10**30, 10**30)):
        with pytest.raises(NotFound):
            await crowd.migration.person_numbered(*numbers)
    with pytest.raises(BadInput):
        await crowd.migration.people(page="second")


async def test_a_search_finds_people_in_all_cohorts(crowd: MigrationHarness) -> None:
    """Part of a name or address is enough, in any spelling, with any filter; a whole address finds only its person."""
    assert {line.name for line in await listed(crowd, search="MULLER")} == {"Anna Müller"}
    assert {line.name for line in await listed(crowd, search="mueller")} == {"Anna Müller", "Samuel Mueller"}
    assert {line.email for line in await listed(crowd, State.UNREACHABLE, search="p1")} == {"p1@example.com"}
    assert {line.email for line in await listed(crowd, search="p1@")} == {"p1@example.com"}
    assert [line.email for line in await listed(crowd, search=" P10@Example.COM ")] == ["p10@example.com"]
    assert await listed(crowd, search="p1@example.co") == [
        line for line in await listed(crowd) if line.email == "p1@example.com"
    ]
    assert await listed(crowd, State.CONNECTED, search="p10@example.com") == []
    assert await listed(crowd, search="nobody@example.com") == []


async def test_a_corrected_address_is_found_where_the_person_is(crowd: MigrationHarness) -> None:
    """The new and the old address both find the person, although the hash of the new one may select another cohort."""
    for n in range(2, 6):
        await crowd.migration.correct_email(f"p{n}@example.com", f"new{n}@example.com", BY)
        for email in (f"new{n}@example.com", f"p{n}@example.com"):
            assert [line.email for line in await listed(crowd, search=email)] == [f"new{n}@example.com"]


async def test_resend_to_a_selection_reports_each_refusal(crowd: MigrationHarness) -> None:
    """One request to each cohort; refusals are reported with reasons, and the audit names the recipients."""
    emails = [f"p{n}@example.com" for n in range(20)]
    both = await crowd.migration.resend(*emails, "P0@EXAMPLE.COM", OWNER_EMAIL, "nobody@example.com", by=BY)
    assert (both.queued, both.not_now) == (2, 20)
    reasons = {one.email: one.reason for one in both.refused}
    assert "wait" in reasons["p7@example.com"]
    assert "Connected" in reasons[OWNER_EMAIL]
    assert "Nobody" in reasons["nobody@example.com"]
    for email in ("p0@example.com", "p1@example.com"):
        await crowd.until(email, State.UNREACHABLE)
    recorded = [entry for entry in (await crowd.migration.audit()).entries if entry.act == "resend"]
    assert {(entry.about, entry.by) for entry in recorded} == {("p0@example.com", BY), ("p1@example.com", BY)}
    alone = list({line.cohort: line.email for line in await listed(crowd, State.AUTHENTICATING)}.values())
    assert len(alone) > 1
    assert {one.email for one in (await crowd.migration.resend(*alone, by=BY)).refused} == set(alone)
    with pytest.raises(Refused, match="wait"):
        await crowd.migration.resend("p7@example.com", by=BY)
    with pytest.raises(NotFound):
        await crowd.migration.resend("nobody@example.com", by=BY)


async def test_only_an_owner_or_admin_may_resend(crowd: MigrationHarness) -> None:
    """The whole request is refused, for one person and for many."""
    stranger = Actor(source=Source.ADMIN, name="p7@example.com")
    for emails in (["p0@example.com"], ["p0@example.com", "p1@example.com"]):
        with pytest.raises(Refused, match="owner or admin"):
            await crowd.migration.resend(*emails, by=stranger)

"""The verifier accepts a correct migration and reports each kind of error."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dev.demo import verifier
from dev.demo.mails import Mail, MailKind
from dev.demo.records import (
    Account,
    AtlassianAccount,
    Connection,
    Evidence,
    Member,
    SamplePerson,
    Services,
    Site,
)
from landbridge.client.answers import Report, ReportLine, RunState
from landbridge.domain.people import NEXT_STEP, Counts, State
from landbridge.domain.sites import Site as ReportedSite
from landbridge.domain.text import NO_TEXT, text

OWNER, ADMIN, ANN, BEN, BLAKE, RITA, VERA, UMA = (
    f"{name}@example.com" for name in ("owner", "admin", "ann", "ben", "blake", "rita", "vera", "uma")
)
STRANGER = "stranger@example.com"
URL = "https://acme.atlassian.example"
PEOPLE = [
    SamplePerson(OWNER, role="owner", atlassian=AtlassianAccount.VERIFIED),
    SamplePerson(ADMIN, role="Admin"),
    SamplePerson(ANN, atlassian=AtlassianAccount.UNVERIFIED),
    SamplePerson(BEN, verified=False),
    SamplePerson(BLAKE, blocked=True),
    SamplePerson(RITA, mailable=False),
    SamplePerson(VERA, atlassian=AtlassianAccount.VERIFIED),
    SamplePerson(UMA, uninvitable="The address is not allowed"),
]
STATES = {
    OWNER: State.CONNECTED,
    ADMIN: State.CONNECTED,
    ANN: State.CONNECTED,
    BEN: State.CONNECTED,
    BLAKE: State.SKIPPED,
    RITA: State.EXCLUDED,
    VERA: State.CONNECTED,
    UMA: State.ATTENTION,
}
MAILS = {ADMIN: 1, ANN: 1, BEN: 2}
Tampering = Callable[[Evidence], Evidence]


def account(email: str, *, verified: bool = True) -> Account:
    """Return an Atlassian account for a person."""
    return Account(id=f"id of {email}", email=email, email_verified=verified)


def mail(number: int, email: str, kind: MailKind) -> Mail:
    """Return a mail that contains a link."""
    return Mail(
        number=number,
        recipients=(email,),
        message_id=f"<{number}@example.com>",
        subject="Please",
        text="Hello",
        kind=kind,
        link=f"https://landbridge.example.com/{kind}/token",
    )


def verify(number: int, email: str) -> Mail:
    """Return a verification mail."""
    return mail(number, email, MailKind.VERIFY)


def authenticate(number: int, email: str) -> Mail:
    """Return an authentication mail."""
    return mail(number, email, MailKind.AUTHENTICATE)


def notice(number: int, email: str, text: str = "5 of the 8 people of your account are connected.") -> Mail:
    """Return the notice that the migration is complete."""
    message_id = f"<migration_complete.{number}@example.com>"
    return Mail(number, (email,), message_id, "Umzug beendet", text, MailKind.NOTICE, "")


def line(email: str, state: State) -> ReportLine:
    """Return a person's line in the report."""
    return ReportLine(
        cohort=1,
        number=1,
        email=email,
        name="",
        role="user",
        state=state,
        reason=NO_TEXT if state is State.CONNECTED else text("For a reason"),
        since=datetime.now(UTC),
        mails=MAILS.get(email, 0),
        next_step=NEXT_STEP[state],
    )


@pytest.fixture
def evidence() -> Evidence:
    """Return the evidence of a correct migration of eight people."""
    accounts = [*map(account, (OWNER, VERA, ANN, ADMIN, BEN)), account(RITA, verified=False)]
    return Evidence(
        people=PEOPLE,
        mails=[
            authenticate(1, ADMIN),
            authenticate(2, ANN),
            verify(3, BEN),
            authenticate(4, BEN),
            notice(5, OWNER),
            notice(6, ADMIN),
        ],
        services=Services(
            opsgenieUsers=[],
            accounts=accounts,
            members=[Member(account_id=one.id) for one in accounts],
            sites=[Site(id="1", url=URL)],
            connections=[Connection(opsgenie_account="acme", site_id="1")],
        ),
        report=Report(
            opsgenie_account="acme",
            site=ReportedSite(id="1", name="acme", url=URL),
            run_state=RunState.COMPLETED,
            counts=Counts(by_state={State.CONNECTED: 5, State.SKIPPED: 1, State.EXCLUDED: 1, State.ATTENTION: 1}),
            people=[line(email, state) for email, state in STATES.items()],
        ),
        confirmed={BEN: 3},
        scanned={ANN: True},
        excluded=[RITA],
    )


def reported(evidence: Evidence, **lines: ReportLine | None) -> Evidence:
    """Replace lines of the report, keyed by the local part of the address; None removes a line."""
    others = [one for one in evidence.report.people if one.email.split("@")[0] not in lines]
    people = [*others, *(one for one in lines.values() if one is not None)]
    return replace(evidence, report=evidence.report.model_copy(update={"people": people}))


def recounted(evidence: Evidence) -> Evidence:
    """Recompute the report's counts from its lines."""
    states = [one.state for one in evidence.report.people]
    counts = Counts(by_state={state: states.count(state) for state in states})
    return replace(evidence, report=evidence.report.model_copy(update={"counts": counts}))


def mailed(evidence: Evidence, *more: Mail, without: int = 0) -> Evidence:
    """Add mails, or remove one. An added mail replaces the mail with the same number."""
    mails = {mail.number: mail for mail in (*evidence.mails, *more) if mail.number != without}
    return replace(evidence, mails=list(mails.values()))


def stored(evidence: Evidence, **tables: object) -> Evidence:
    """Replace tables in the state of the services."""
    return replace(evidence, services=evidence.services.model_copy(update=tables))


def accounts(evidence: Evidence, *more: Account, without: str = "") -> Evidence:
    """Add Atlassian accounts, or remove one."""
    kept = [one for one in evidence.services.accounts if one.email != without]
    return stored(evidence, accounts=[*kept, *more])


ROSTER, STATE, VERIFIED, ACCOUNTS, SITE = (
    "people on the roster once",
    "expected state",
    "verified Atlassian account in the organization",
    "accounts were created",
    "connected to the site",
)
RECIPIENTS, TWICE, UNNEEDED, NEEDED, FIRST = (
    "only to people on the roster",
    "no mail was delivered twice",
    "unneeded mail",
    "account to set up",
    "had to confirm",
)
COUNTED, SCANNERS, UNREACHABLE, NOTIFIED = (
    "report counts the",
    "mail scanners",
    "Unreachable by mail",
    "notified of the end",
)
TAMPERINGS: dict[str, tuple[str, Tampering]] = {
    "a person is in the report twice": (ROSTER, lambda e: recounted(reported(e, extra=line(ANN, State.CONNECTED)))),
    "a person is missing in the report": (ROSTER, lambda e: recounted(reported(e, ann=None))),
    "a stranger is in the report": (ROSTER, lambda e: recounted(reported(e, extra=line(STRANGER, State.EXCLUDED)))),
    "the counts do not add up": (ROSTER, lambda e: reported(e, ann=line(ANN, State.EXCLUDED))),
    "a person is excluded and nobody excluded them": (
        STATE,
        lambda e: recounted(reported(e, ann=line(ANN, State.EXCLUDED))),
    ),
    "a person whom an admin excluded is not excluded": (STATE, lambda e: replace(e, excluded=[RITA, ANN])),
    "an unreachable person is connected": (STATE, lambda e: recounted(reported(e, rita=line(RITA, State.CONNECTED)))),
    "a person is connected without a verified account": (
        VERIFIED,
        lambda e: accounts(e, account(ANN, verified=False), without=ANN),
    ),
    "a person is connected without an account": (VERIFIED, lambda e: accounts(e, without=ANN)),
    "a person has a verified account and is not connected": (
        VERIFIED,
        lambda e: recounted(reported(e, ann=line(ANN, State.AUTHENTICATING))),
    ),
    "a connected person is not in the organization": (VERIFIED, lambda e: stored(e, members=e.services.members[1:])),
    "a person has two accounts": (ACCOUNTS, lambda e: accounts(e, account(ANN))),
    "a person's account is gone": (ACCOUNTS, lambda e: accounts(e, without=VERA)),
    "a stranger was given an account": (ACCOUNTS, lambda e: accounts(e, account(STRANGER))),
    "a blocked person was given an account": (ACCOUNTS, lambda e: accounts(e, account(BLAKE, verified=False))),
    "a person who cannot be invited was given an account": (
        ACCOUNTS,
        lambda e: accounts(e, account(UMA, verified=False)),
    ),
    "Opsgenie is connected to another site": (
        SITE,
        lambda e: stored(e, sites=[Site(id="1", url="https://other.atlassian.example")]),
    ),
    "Opsgenie is not connected": (SITE, lambda e: stored(e, connections=[])),
    "another Opsgenie account is connected": (
        SITE,
        lambda e: stored(e, connections=[*e.services.connections, Connection(opsgenie_account="b", site_id="1")]),
    ),
    "a stranger received mail": (RECIPIENTS, lambda e: mailed(e, authenticate(7, STRANGER))),
    "a mail went to two people": (
        RECIPIENTS,
        lambda e: mailed(e, replace(authenticate(2, ANN), recipients=(ANN, ADMIN))),
    ),
    "a notice went to a person who is no admin": (RECIPIENTS, lambda e: mailed(e, notice(7, ANN))),
    "a mail was delivered twice": (TWICE, lambda e: mailed(e, replace(e.mails[1], number=7))),
    "more mails were delivered twice than a crash excuses": (
        TWICE,
        lambda e: mailed(replace(e, max_duplicates=1), replace(e.mails[1], number=7), replace(e.mails[1], number=8)),
    ),
    "two different mails have one Message-ID": (
        TWICE,
        lambda e: mailed(replace(e, max_duplicates=1), replace(e.mails[1], number=7, subject="Other")),
    ),
    "a person with a verified account received mail": (UNNEEDED, lambda e: mailed(e, authenticate(7, VERA))),
    "a blocked person received mail": (UNNEEDED, lambda e: mailed(e, verify(7, BLAKE))),
    "an unreachable person received mail": (UNNEEDED, lambda e: mailed(e, authenticate(7, RITA))),
    "a person who cannot be invited received mail": (UNNEEDED, lambda e: mailed(e, authenticate(7, UMA))),
    "a verified person received the verification mail": (UNNEEDED, lambda e: mailed(e, verify(7, ANN))),
    "a person received a second mail without a request": (UNNEEDED, lambda e: mailed(e, authenticate(7, ANN))),
    "a person never received the authentication mail": (NEEDED, lambda e: mailed(e, without=2)),
    "an unverified person never received the verification mail": (NEEDED, lambda e: mailed(e, without=3)),
    "the authentication mail came before the person confirmed": (FIRST, lambda e: replace(e, confirmed={BEN: 4})),
    "the authentication mail came although the person never confirmed": (FIRST, lambda e: replace(e, confirmed={})),
    "an unverified person received the authentication mail first": (FIRST, lambda e: mailed(e, without=3)),
    "the report counts fewer mails than were delivered": (COUNTED, lambda e: mailed(e, authenticate(7, ANN))),
    "the report counts more mails than were delivered": (COUNTED, lambda e: mailed(e, without=2)),
    "the report lacks more mails than a race excuses": (
        COUNTED,
        lambda e: mailed(replace(e, max_uncounted=1), authenticate(7, ANN), authenticate(8, ANN)),
    ),
    "a scanner used up a link": (SCANNERS, lambda e: replace(e, scanned={ANN: False})),
    "an unreachable person has no reason": (
        UNREACHABLE,
        lambda e: reported(e, rita=line(RITA, State.EXCLUDED).model_copy(update={"reason": ""})),
    ),
    "an owner was not notified": (NOTIFIED, lambda e: mailed(e, without=5)),
    "an admin was notified twice": (NOTIFIED, lambda e: mailed(e, notice(7, ADMIN))),
    "another person was notified": (NOTIFIED, lambda e: mailed(e, notice(7, ANN))),
    "an owner was notified with other numbers": (
        NOTIFIED,
        lambda e: mailed(e, notice(5, OWNER, "7 of the 8 people of your account are connected.")),
    ),
}
EXCUSED: dict[str, Tampering] = {
    "a mail was delivered twice because a process died": lambda e: mailed(
        replace(e, max_duplicates=1), replace(e.mails[1], number=7)
    ),
    "a person requested a second mail": lambda e: mailed(
        reported(replace(e, requested_mails={ANN: 1}), ann=line(ANN, State.CONNECTED).model_copy(update={"mails": 2})),
        authenticate(7, ANN),
    ),
    "a mail was being sent when its person was connected": lambda e: reported(
        replace(e, max_uncounted=1), ann=line(ANN, State.CONNECTED).model_copy(update={"mails": 0})
    ),
    "an admin verified the address": lambda e: replace(e, confirmed={}, verified_by_admin=[BEN]),
    "an admin connected a person without a verified account": lambda e: accounts(
        replace(e, connected_by_admin=[ANN]), account(ANN, verified=False), without=ANN
    ),
    "an admin excluded a person before the mail": lambda e: mailed(
        recounted(
            reported(
                accounts(replace(e, excluded=[RITA, ANN]), account(ANN, verified=False), without=ANN),
                ann=line(ANN, State.EXCLUDED).model_copy(update={"mails": 0}),
            )
        ),
        notice(5, OWNER, "4 of 8"),
        notice(6, ADMIN, "4 of 8"),
        without=2,
    ),
}


def test_a_good_migration_passes(evidence: Evidence) -> None:
    """Every check passes, and each has a sentence of its own."""
    findings = verifier.verify(evidence)
    assert [finding.problems for finding in findings] == [()] * len(findings)
    assert len({finding.message for finding in findings}) == len(findings)


@pytest.mark.parametrize("wrong", TAMPERINGS)
def test_each_problem_is_reported_by_its_check(wrong: str, evidence: Evidence) -> None:
    """The sentence of the failed check names the broken promise."""
    about, tamper = TAMPERINGS[wrong]
    failed = [finding for finding in verifier.verify(tamper(evidence)) if not finding.passed]
    assert any(about in finding.message for finding in failed), failed


@pytest.mark.parametrize("excuse", EXCUSED)
def test_what_is_excused_is_no_problem(excuse: str, evidence: Evidence) -> None:
    """The evidence lists the deviations that a crash, a race or an admin explains."""
    assert verifier.problems(EXCUSED[excuse](evidence)) == []


def test_every_check_can_fail(evidence: Evidence) -> None:
    """Each check fails for at least one of the problems above."""
    failed = {
        number
        for _, tamper in TAMPERINGS.values()
        for number, finding in enumerate(verifier.verify(tamper(evidence)))
        if not finding.passed
    }
    assert failed == set(range(len(verifier.verify(evidence))))

"""The oracle agrees with a migration that went as it should, and with none that did not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dev.demo import verifier
from dev.demo.mails import Mail
from dev.demo.people import AdminAct, Doing
from dev.demo.records import AtlassianAccount, Connection, OpsgenieUser, Records, Services, Site
from landbridge.client.answers import Report, ReportLine, RunState
from landbridge.domain import addresses
from landbridge.domain.people import NEXT_STEP, Counts, State
from landbridge.domain.sites import Site as ReportedSite
from landbridge.domain.text import NO_TEXT, text

OWNER, ADMIN, ANN, BEN, BLAKE, RITA, VERA = (
    f"{name}@example.com" for name in ("owner", "admin", "ann", "ben", "blake", "rita", "vera")
)
STRANGER = "stranger@example.com"
URL = "https://acme.atlassian.example"
STATES = {
    OWNER: State.CONNECTED,
    ADMIN: State.CONNECTED,
    ANN: State.CONNECTED,
    BEN: State.CONNECTED,
    BLAKE: State.SKIPPED,
    RITA: State.EXCLUDED,
    VERA: State.CONNECTED,
}
MAILS = {ADMIN: 1, ANN: 1, BEN: 2}
Tampering = Callable[[Records], Records]


def user(email: str, role: str = "user") -> OpsgenieUser:
    """Return someone on the roster: Ben has yet to verify, Blake is blocked."""
    return OpsgenieUser(username=email, full_name="", role=role, verified=email != BEN, blocked=email == BLAKE)


def account(email: str, *, verified: bool = True) -> AtlassianAccount:
    """Return a person's account."""
    return AtlassianAccount(email=email, email_verified=verified)


def mail(number: int, email: str, page: str) -> Mail:
    """Return a mail that leads to a page."""
    return Mail(
        number=number,
        recipients=(email,),
        message_id=f"<{number}@example.com>",
        subject="Please",
        text="Hello",
        link=f"https://landbridge.example.com/{page}/token",
    )


def notice(number: int, email: str, text: str = "Of your account, 5 of 7 people have made it.") -> Mail:
    """Return the notice of the end."""
    return Mail(number, (email,), f"<migration_complete.{number}@example.com>", "Umzug beendet", text, "")


def services(*accounts: AtlassianAccount) -> Services:
    """Return what Opsgenie and Atlassian have."""
    users = [user(email, {OWNER: "owner", ADMIN: "Admin"}.get(email, "user")) for email in STATES]
    return Services(
        opsgenieUsers=users,
        accounts=list(accounts),
        sites=[Site(id="1", url=URL)],
        connections=[Connection(opsgenie_account="acme", site_id="1")],
    )


def line(email: str, state: State) -> ReportLine:
    """Return someone's line of the report."""
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
def records() -> Records:
    """Return what a good migration of seven people leaves behind."""
    report = Report(
        opsgenie_account="acme",
        site=ReportedSite(id="1", name="acme", url=URL),
        run_state=RunState.COMPLETED,
        counts=Counts(by_state={State.CONNECTED: 5, State.SKIPPED: 1, State.EXCLUDED: 1}),
        people=[line(email, state) for email, state in STATES.items()],
    )
    there = [account(OWNER), account(VERA), account(ANN, verified=False)]
    return Records(
        report=report,
        before=services(*there),
        after=services(*map(account, (OWNER, VERA, ANN, ADMIN, BEN)), account(RITA, verified=False)),
        mails=[
            mail(1, ADMIN, "authenticate"),
            mail(2, ANN, "authenticate"),
            mail(3, BEN, "verify"),
            mail(4, BEN, "authenticate"),
            notice(5, OWNER),
            notice(6, ADMIN),
        ],
        deeds=[AdminAct(ANN, "Ann", Doing.SCANNED), AdminAct(BEN, "Ben", Doing.CONFIRMED, newest_mail=3)],
        refused=frozenset({addresses.key(RITA)}),
    )


def reported(records: Records, **lines: ReportLine | None) -> Records:
    """Return the records with other lines in the report, by the person's name; None takes one out."""
    others = [one for one in records.report.people if one.email.split("@")[0] not in lines]
    people = [*others, *(one for one in lines.values() if one is not None)]
    return replace(records, report=records.report.model_copy(update={"people": people}))


def recounted(records: Records) -> Records:
    """Return the records with the report's counts made to fit its lines."""
    states = [one.state for one in records.report.people]
    counts = Counts(by_state={state: states.count(state) for state in states})
    return replace(records, report=records.report.model_copy(update={"counts": counts}))


def mailed(records: Records, *more: Mail, without: int = 0) -> Records:
    """Return the records with more mails, or without one."""
    return replace(records, mails=[*(one for one in records.mails if one.number != without), *more])


def after(records: Records, *accounts: AtlassianAccount, without: str = "") -> Records:
    """Return the records with more accounts in the end, or without one."""
    kept = [one for one in records.after.accounts if one.email != without]
    return replace(records, after=records.after.model_copy(update={"accounts": [*kept, *accounts]}))


def elsewhere(records: Records) -> Records:
    """Return the records with Opsgenie connected to another site."""
    others = [Site(id="1", url="https://other.atlassian.example")]
    return replace(records, after=records.after.model_copy(update={"sites": others}))


TAMPERINGS: dict[str, tuple[str, Tampering]] = {
    "someone stands in the report twice": (
        "on the roster, each once",
        lambda r: recounted(reported(r, extra=line(ANN, State.CONNECTED))),
    ),
    "someone is missing in the report": ("on the roster, each once", lambda r: recounted(reported(r, ann=None))),
    "a stranger stands in the report": (
        "on the roster, each once",
        lambda r: recounted(reported(r, extra=line(STRANGER, State.EXCLUDED))),
    ),
    "the counts do not add up": ("on the roster, each once", lambda r: reported(r, ann=line(ANN, State.EXCLUDED))),
    "someone is connected without a verified account": (
        "verified account at Atlassian",
        lambda r: after(r, account(ANN, verified=False), without=ANN),
    ),
    "someone is connected without any account": ("verified account at Atlassian", lambda r: after(r, without=ANN)),
    "someone has a verified account and is not connected": (
        "verified account at Atlassian",
        lambda r: recounted(reported(r, ann=line(ANN, State.AUTHENTICATING))),
    ),
    "someone has two accounts": ("one a person", lambda r: after(r, account(ANN))),
    "a stranger got an account": ("one a person", lambda r: after(r, account(STRANGER))),
    "a blocked person got an account": ("one a person", lambda r: after(r, account(BLAKE, verified=False))),
    "Opsgenie is connected to another site": ("connected to the site", elsewhere),
    "Opsgenie is not connected": (
        "connected to the site",
        lambda r: replace(r, after=r.after.model_copy(update={"connections": []})),
    ),
    "a stranger got mail": ("on the roster", lambda r: mailed(r, mail(7, STRANGER, "authenticate"))),
    "a mail went to two people": (
        "to people on the roster",
        lambda r: mailed(r, replace(mail(2, ANN, "authenticate"), recipients=(ANN, ADMIN)), without=2),
    ),
    "a mail came twice": (
        "none was delivered twice",
        lambda r: mailed(r, replace(mail(7, ANN, "authenticate"), message_id="<2@example.com>")),
    ),
    "someone who needs nothing got mail": ("need nothing", lambda r: mailed(r, mail(7, VERA, "authenticate"))),
    "a blocked person got mail": ("are blocked", lambda r: mailed(r, mail(7, BLAKE, "verify"))),
    "an unreachable person got mail": ("cannot be reached", lambda r: mailed(r, mail(7, RITA, "authenticate"))),
    "the authentication email came before the button was pressed": (
        "only then",
        lambda r: replace(r, deeds=[AdminAct(BEN, "Ben", Doing.CONFIRMED, newest_mail=4)]),
    ),
    "the authentication email came although nobody pressed the button": (
        "only then",
        lambda r: replace(r, deeds=[]),
    ),
    "an unverified person got the authentication email first": ("only then", lambda r: mailed(r, without=3)),
    "a verified person was asked to verify": ("only then", lambda r: mailed(r, mail(7, ANN, "verify"))),
    "someone never got the authentication email": (
        "had an Atlassian account to set up",
        lambda r: mailed(r, without=2),
    ),
    "the report counts another number of mails": (
        "as many as the report counts",
        lambda r: mailed(r, mail(7, ANN, "authenticate")),
    ),
    "a scanner used a link up": (
        "mail scanners",
        lambda r: replace(r, deeds=[*r.deeds, AdminAct(ANN, "Ann", Doing.SCANNED, still_asked=False)]),
    ),
    "an unreachable person is connected": (
        "could not be reached",
        lambda r: recounted(reported(r, rita=line(RITA, State.CONNECTED))),
    ),
    "an unreachable person has no reason": (
        "could not be reached",
        lambda r: reported(r, rita=line(RITA, State.EXCLUDED).model_copy(update={"reason": ""})),
    ),
    "an owner was not told": ("told of the end", lambda r: mailed(r, without=5)),
    "an admin was told twice": ("told of the end", lambda r: mailed(r, notice(7, ADMIN))),
    "someone else was told": ("told of the end", lambda r: mailed(r, notice(7, ANN))),
    "they were told other numbers": (
        "told of the end",
        lambda r: mailed(r, notice(5, OWNER, "Of your account, 7 of 7 people have made it."), without=5),
    ),
}


def test_a_good_migration_passes(records: Records) -> None:
    """Every check holds and says what it found."""
    findings = verifier.judge(records)
    assert [finding.against for finding in findings] == [()] * len(findings)
    assert len({finding.sentence for finding in findings}) == len(findings)


@pytest.mark.parametrize("wrong", TAMPERINGS)
def test_what_went_wrong_is_found(wrong: str, records: Records) -> None:
    """The check that is there for it says what is not so, and about whom."""
    about, tamper = TAMPERINGS[wrong]
    findings = verifier.judge(tamper(records))
    failed = [finding for finding in findings if not finding.holds]
    assert any(about in finding.sentence for finding in failed), failed
    assert all(finding.against for finding in failed)


def test_every_check_can_fail(records: Records) -> None:
    """No check is there for show."""
    can_fail = [
        any(not verifier.judge(tamper(records))[number].holds for _, tamper in TAMPERINGS.values())
        for number in range(len(verifier.judge(records)))
    ]
    assert all(can_fail)

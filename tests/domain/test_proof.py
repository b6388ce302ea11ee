"""Proofs of who did something: made by the portal, recorded by a workflow, checked by whoever shows the act."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from landbridge.domain import proof
from landbridge.domain.audit import Act, Audit, AuditEntry
from landbridge.domain.base import Model
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.messages import (
    Cancel,
    CorrectEmail,
    Exclude,
    LinkUse,
    LinkUsed,
    MigrationRequest,
    Pause,
    PersonFact,
    Resend,
    SetDeadline,
)
from landbridge.domain.people import Actor, Entry, Source
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sign_in import AdminSession
from landbridge.domain.text import text

OLD, NEW = "o" * 32, "n" * 32
PROOFS = Proofs([NEW])
OLGA = Actor(source=Source.ADMIN, name="olga@example.com")
CLAIMED = Actor(name=OLGA.name, claimed=Source.ADMIN)
PERSON = Actor(claimed=Source.LINK)
HERE = proof.in_migration("acme", "0123456789ab")
COHORT = proof.in_cohort("site-migration:acme:cohort:1", "0123456789ab")
NOW = datetime.now(UTC)
EXCLUDE = Exclude(email="ann@example.com", reason="left", by=OLGA)
USED = LinkUsed(use=LinkUse.FOLLOWED, run="0123456789ab", person=1, purpose=Purpose.VERIFICATION, generation=2)
CLAIMS = LinkClaims(
    cohort_id="site-migration:acme:cohort:1", run="0123456789ab", person=1, purpose=Purpose.VERIFICATION, generation=2
)


def asked(message: Model, act: Act = Act.EXCLUDE, proofs: Proofs = PROOFS) -> Actor:
    """Return who asks, as the portal sends it."""
    return proofs.of_request(OLGA, act, message, HERE)


def shown(
    by: Actor, act: Act = Act.EXCLUDE, message: Model = EXCLUDE, where: str = HERE, proofs: Proofs = PROOFS
) -> Actor:
    """Return who did something, as it is shown once a workflow has recorded it."""
    entry = AuditEntry(at=NOW, by=proof.recorded(by, act, message), act=act)
    return proofs.checked_audit(Audit(entries=(entry,)), where).entries[0].by


def person_shown(used: LinkUsed, cohort: str = COHORT) -> Actor:
    """Return who used a link, as a timeline shows it."""
    entry = Entry(at=NOW, what=text("email verified"), by=proof.recorded_link(used))
    return PROOFS.checked_timeline([entry], migration=HERE, cohort=cohort)[0].by


@pytest.mark.parametrize(
    "act,message",
    [
        (Act.EXCLUDE, EXCLUDE),
        (Act.PAUSE, Pause(reason=text("x"), by=OLGA)),
        (Act.RESEND, Resend(emails=["ann@example.com"], by=OLGA)),
        (Act.SET_DEADLINE, SetDeadline(deadline=NOW, at_deadline=AtDeadline.KEEP_WAITING, by=OLGA)),
        (Act.CANCEL, Cancel(reason="x", undo=True, by=OLGA)),
    ],
)
def test_an_admins_request_is_theirs(act: Act, message: Model) -> None:
    """Also as it comes out of Temporal; the proof itself is not shown."""
    by = asked(message, act)
    received = type(message).model_validate_json(message.model_copy(update={"by": by}).model_dump_json())
    assert shown(received.by, act, received) == OLGA  # type: ignore[attr-defined]  # all requests have it


def test_without_a_proof_it_is_a_claim() -> None:
    """Whoever can write to Temporal can write any name; an operator's own name needs no proof."""
    assert shown(OLGA) == CLAIMED
    assert shown(asked(EXCLUDE, proofs=Proofs(["x" * 32]))) == CLAIMED
    assert shown(replace(OLGA, proof="." * 80)) == CLAIMED
    assert shown(Actor(name="ops")) == Actor(name="ops")
    assert person_shown(USED) == PERSON


@pytest.mark.parametrize(
    "changes",
    [
        {"message": Exclude(email="bo@example.com", reason="left", by=OLGA)},
        {"message": Exclude(email="ann@example.com", reason="fraud", by=OLGA)},
        {
            "act": Act.CORRECT_EMAIL,
            "message": CorrectEmail(email="ann@example.com", new_email="eve@x.example", by=OLGA),
        },
        {"act": Act.VERIFY, "message": PersonFact(email="ann@example.com", by=OLGA)},
        {"where": proof.in_migration("acme", "ba9876543210")},
        {"where": proof.in_migration("acme2", "0123456789ab")},
    ],
)
def test_a_proof_cannot_be_copied(changes: dict[str, object]) -> None:
    """To another person, reason, act, migration of the account, or account."""
    assert shown(asked(EXCLUDE), **changes) == CLAIMED  # type: ignore[arg-type]


def test_a_proof_is_its_admins() -> None:
    """Nobody else can use it."""
    assert shown(replace(asked(EXCLUDE), name="ada@example.com")) == replace(CLAIMED, name="ada@example.com")


def test_facts_about_a_person_are_told_apart() -> None:
    """They are the same message, and mean different things."""
    fact = PersonFact(email="ann@example.com", by=OLGA)
    assert shown(asked(fact, Act.VERIFY), Act.VERIFY, fact) == OLGA
    assert shown(asked(fact, Act.VERIFY), Act.AUTHENTICATE, fact) == CLAIMED


def test_a_request_that_is_sent_again_is_a_copy() -> None:
    """The first one counts; what an admin asks for twice has two proofs. What one request did at once is one."""
    first, second = (proof.recorded(asked(EXCLUDE), Act.EXCLUDE, EXCLUDE) for _ in range(2))
    later = NOW + timedelta(seconds=1)
    entries = [(NOW, first), (NOW, first), (later, first), (later, second)]
    audit = Audit(entries=tuple(AuditEntry(at=at, by=by, act=Act.EXCLUDE) for at, by in entries))
    assert [entry.by for entry in PROOFS.checked_audit(audit, HERE).entries] == [OLGA, OLGA, CLAIMED, OLGA]
    timeline = [Entry(at=at, what=text("excluded"), by=by) for at, by in entries]
    told = PROOFS.checked_timeline(timeline, migration=HERE, cohort=COHORT)
    assert [entry.by for entry in told] == [OLGA, OLGA, CLAIMED, OLGA]


@pytest.mark.parametrize("late,by", [(0, OLGA), (10, OLGA), (60, CLAIMED), (-60, CLAIMED)])
def test_the_proof_of_a_start_is_good_at_its_time(late: int, by: Actor) -> None:
    """There is no run yet that it could name; the same request would start another migration some day."""
    request = MigrationRequest(opsgenie_account="acme", initiator=OLGA.name, by=OLGA)
    proven = PROOFS.of_request(OLGA, Act.START, request, HERE.partition(" ")[0])
    at = datetime.now(UTC) + timedelta(minutes=late)
    entry = AuditEntry(at=at, by=proof.recorded(proven, Act.START, request), act=Act.START)
    assert PROOFS.checked_audit(Audit(entries=(entry,)), HERE).entries[0].by == by


def test_the_use_of_a_link_is_the_persons() -> None:
    """But not another use of it, nor that of another person's, cohort's, migration's, mail's or purpose's link."""
    used = PROOFS.of_link(USED, CLAIMS)
    assert person_shown(used) == Actor(source=Source.LINK)
    for changes in (
        {"use": LinkUse.NEW_WANTED},
        {"person": 2},
        {"generation": 3},
        {"purpose": Purpose.AUTHENTICATION},
        {"run": "ba9876543210"},
    ):
        assert person_shown(used.model_copy(update=changes)) == PERSON
    assert person_shown(used, proof.in_cohort("site-migration:acme:cohort:2", "0123456789ab")) == PERSON


def test_keys_rotate() -> None:
    """What the old key proved holds as long as the key is there."""
    by = asked(EXCLUDE, proofs=Proofs([OLD]))
    assert shown(by, proofs=Proofs([NEW, OLD])) == OLGA
    assert shown(by, proofs=Proofs([NEW])) == CLAIMED
    assert shown(by, proofs=NO_PROOFS) == CLAIMED
    assert asked(EXCLUDE, proofs=NO_PROOFS) == OLGA


def test_a_role_is_proven_for_one_session_at_one_moment() -> None:
    """Not for another session, address or account, nor by another key; without keys nothing is proven."""
    session = AdminSession(email=OLGA.name, opsgenie_account="acme")
    made = PROOFS.of_role(session, "session:1")
    confirmed_at = Proofs([OLD, NEW]).role_confirmed_at(made, session, "session:1")
    assert confirmed_at is not None
    assert abs(confirmed_at - datetime.now(UTC)) < timedelta(minutes=1)
    others = [
        (made, session, "session:2"),
        (made, session.model_copy(update={"email": "eve@example.com"}), "session:1"),
        (made, session.model_copy(update={"opsgenie_account": "another"}), "session:1"),
        ("f" + made, session, "session:1"),
        ("é", session, "session:1"),
        ("", session, "session:1"),
    ]
    assert [PROOFS.role_confirmed_at(*other) for other in others] == [None] * len(others)
    assert Proofs([OLD]).role_confirmed_at(made, session, "session:1") is None
    assert not NO_PROOFS.of_role(session, "session:1")

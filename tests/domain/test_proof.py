"""Proofs of who did something: the portal makes them, workflows record them, and readers of the audit check them."""

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
    """Return the actor of a request, with the portal's proof."""
    return proofs.of_request(OLGA, act, message, HERE)


def shown(
    by: Actor, act: Act = Act.EXCLUDE, message: Model = EXCLUDE, where: str = HERE, proofs: Proofs = PROOFS
) -> Actor:
    """Return the actor as readers see it, after a workflow has recorded it."""
    entry = AuditEntry(at=NOW, by=proof.recorded(by, act, message), act=act)
    return proofs.checked_audit(Audit(entries=(entry,)), where).entries[0].by


def person_shown(used: LinkUsed, cohort: str = COHORT) -> Actor:
    """Return the actor of a used link as a timeline shows it."""
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
    """The proof is still valid after a round trip through JSON, and readers do not see the proof itself."""
    by = asked(message, act)
    received = type(message).model_validate_json(message.model_copy(update={"by": by}).model_dump_json())
    assert shown(received.by, act, received) == OLGA  # type: ignore[attr-defined]  # all requests have it


def test_without_a_proof_it_is_a_claim() -> None:
    """Anyone who can write to Temporal can write any name; the name of an operator needs no proof."""
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
    """It is not valid for another person, reason, action, migration of the account, or account."""
    assert shown(asked(EXCLUDE), **changes) == CLAIMED  # type: ignore[arg-type]


def test_a_proof_is_its_admins() -> None:
    """No other admin can use the proof."""
    assert shown(replace(asked(EXCLUDE), name="ada@example.com")) == replace(CLAIMED, name="ada@example.com")


def test_facts_about_a_person_are_told_apart() -> None:
    """Different facts have the same message type, so the proof also covers the action."""
    fact = PersonFact(email="ann@example.com", by=OLGA)
    assert shown(asked(fact, Act.VERIFY), Act.VERIFY, fact) == OLGA
    assert shown(asked(fact, Act.VERIFY), Act.AUTHENTICATE, fact) == CLAIMED


def test_a_request_that_is_sent_again_is_a_copy() -> None:
    """Only the first one counts; two requests have two proofs. Several entries of one request at one time all count."""
    first, second = (proof.recorded(asked(EXCLUDE), Act.EXCLUDE, EXCLUDE) for _ in range(2))
    later = NOW + timedelta(seconds=1)
    entries = [(NOW, first), (NOW, first), (later, first), (later, second)]
    audit = Audit(entries=tuple(AuditEntry(at=at, by=by, act=Act.EXCLUDE) for at, by in entries))
    assert [entry.by for entry in PROOFS.checked_audit(audit, HERE).entries] == [OLGA, OLGA, CLAIMED, OLGA]
    timeline = [Entry(at=at, what=text("excluded"), by=by) for at, by in entries]
    checked = PROOFS.checked_timeline(timeline, migration=HERE, cohort=COHORT)
    assert [entry.by for entry in checked] == [OLGA, OLGA, CLAIMED, OLGA]


@pytest.mark.parametrize("late,by", [(0, OLGA), (10, OLGA), (60, CLAIMED), (-60, CLAIMED)])
def test_the_proof_of_a_start_is_good_at_its_time(late: int, by: Actor) -> None:
    """There is no run yet that the proof could name; later, the same request would start another migration."""
    request = MigrationRequest(opsgenie_account="acme", initiator=OLGA.name, by=OLGA)
    proven = PROOFS.of_request(OLGA, Act.START, request, HERE.partition(" ")[0])
    at = datetime.now(UTC) + timedelta(minutes=late)
    entry = AuditEntry(at=at, by=proof.recorded(proven, Act.START, request), act=Act.START)
    assert PROOFS.checked_audit(Audit(entries=(entry,)), HERE).entries[0].by == by


def test_the_use_of_a_link_is_the_persons() -> None:
    """The proof does not cover another use, or a link of another person, cohort, migration, mail or purpose."""
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
    """Proofs of an old key are valid while that key is configured."""
    by = asked(EXCLUDE, proofs=Proofs([OLD]))
    assert shown(by, proofs=Proofs([NEW, OLD])) == OLGA
    assert shown(by, proofs=Proofs([NEW])) == CLAIMED
    assert shown(by, proofs=NO_PROOFS) == CLAIMED
    assert asked(EXCLUDE, proofs=NO_PROOFS) == OLGA


def test_a_role_is_proven_for_one_session_at_one_moment() -> None:
    """The proof is not valid for another session, address, account or key; without keys there is no proof."""
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

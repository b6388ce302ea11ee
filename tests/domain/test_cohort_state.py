"""The rules of a cohort: which requests about people are allowed, and what is due when."""

from datetime import UTC, datetime, timedelta

import pytest

from landbridge.domain import events, stale
from landbridge.domain.activity_io import Delivery, MailOutcome, MailProblem, SendMailsResult
from landbridge.domain.audit import Act
from landbridge.domain.cohort_state import MAX_PROBLEMS_REPORTED, CohortInput, CohortState
from landbridge.domain.errors import NotFound, Refused
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.messages import (
    AddressClaim,
    AssignPeople,
    Cancel,
    CorrectEmail,
    Exclude,
    LinkUse,
    LinkUsed,
    PersonFact,
    Request,
    Resend,
)
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.domain.text import text, verbatim

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ANN, BO = "ann@example.com", "bo@example.com"
SITE = Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
LATER = NOW + timedelta(minutes=1)


def mailed(*emails: str) -> CohortState:
    """Return a cohort whose people have just been sent the authentication email."""
    state = CohortState(rules=Rules(), admins=[], site=SITE)
    state.assign(AssignPeople(people=[RosterPerson(email=email, email_verified=True) for email in emails]), NOW)
    for person in state.people.everyone():
        state.apply(person.number, events.AccountSeen(person.email, f"id-{person.number}", verified=False), NOW)
        state.apply(person.number, events.MailSent(Purpose.AUTHENTICATION, 1), NOW)
    return state


def used(use: LinkUse, generation: int = 1) -> LinkUsed:
    """Return a use of Ann's authentication link."""
    return LinkUsed(use=use, run="run", person=1, purpose=Purpose.AUTHENTICATION, generation=generation)


class TestRequests:
    """Requests of owners, admins and operators."""

    def test_resend_respects_the_cool_down(self) -> None:
        state, request = mailed(ANN), Resend(emails=[ANN])
        with pytest.raises(Refused, match="wait 30 seconds"):
            state.check_resend(request, "run", NOW + timedelta(seconds=1))
        state.check_resend(request, "run", LATER)
        resent, entries = state.resend(request, LATER)
        assert (resent.queued, [entry.act for entry in entries]) == (1, [Act.RESEND])
        assert state.next_mail() == LATER

    def test_resend_to_many_reports_each_refusal(self) -> None:
        state = mailed(ANN, BO)
        state.apply(2, events.Excluded("left", Actor()), NOW)
        request = Resend(emails=[ANN, BO, "nobody@example.com"], one_of_many=True)
        state.check_resend(request, "run", LATER)
        resent, entries = state.resend(request, LATER)
        assert (resent.queued, resent.not_now, len(entries)) == (1, 2, 1)
        assert [refused.email for refused in resent.refused] == [BO, "nobody@example.com"]

    def test_resend_to_a_state_is_one_audit_entry(self) -> None:
        state = mailed(ANN, BO)
        resent, entries = state.resend(Resend(state=State.AUTHENTICATING), LATER)
        assert (resent.queued, [entry.people for entry in entries]) == (2, [2])
        resent, entries = state.resend(Resend(state=State.UNREACHABLE), LATER)
        assert (resent.queued, entries) == (0, [])

    def test_a_former_address_is_refused(self) -> None:
        state = mailed(ANN)
        state.correct_email(CorrectEmail(email=ANN, new_email=BO), NOW)
        with pytest.raises(Refused, match=stale.CORRECTED):
            state.check_resend(Resend(emails=[ANN]), "run", LATER)
        with pytest.raises(Refused, match=stale.CORRECTED):
            state.check_exclude(Exclude(email=ANN, reason="left"), "run")
        with pytest.raises(Refused, match=stale.CORRECTED):
            state.check_correct_email(CorrectEmail(email=ANN, new_email="c@example.com"), "run")

    def test_a_settled_person_is_neither_excluded_nor_corrected(self) -> None:
        state = mailed(ANN)
        state.exclude(Exclude(email=ANN, reason="left"), NOW)
        with pytest.raises(Refused, match="Excluded"):
            state.check_exclude(Exclude(email=ANN, reason="left"), "run")
        with pytest.raises(Refused, match="Excluded"):
            state.correct_email(CorrectEmail(email=ANN, new_email=BO), NOW)

    def test_an_unknown_person_is_not_found(self) -> None:
        with pytest.raises(NotFound):
            mailed(ANN).check_resend(Resend(emails=[BO]), "run", LATER)
        with pytest.raises(NotFound):
            mailed(ANN).check_exclude(Exclude(email=BO, reason="left"), "run")

    def test_an_exclusion_needs_a_reason(self) -> None:
        with pytest.raises(Refused, match="Give a reason"):
            mailed(ANN).check_exclude(Exclude(email=ANN, reason=" "), "run")

    def test_an_address_that_another_person_has_is_refused(self) -> None:
        state = mailed(ANN, BO)
        state.claim(AddressClaim(email="c@example.com", cohort=2, person=1))
        for taken in (BO, "c@example.com", ANN):
            with pytest.raises(Refused, match="already belongs to another person"):
                state.check_correct_email(CorrectEmail(email=ANN, new_email=taken), "run")
        with pytest.raises(Refused, match="cannot be used"):
            state.check_correct_email(CorrectEmail(email=ANN, new_email="@"), "run")

    def test_strangers_other_runs_and_cancelled_migrations_are_refused(self) -> None:
        state = mailed(ANN)
        stranger = Actor(source=Source.ADMIN, name="sam@example.com")
        for request in (Request(by=stranger), Request(run="another")):
            with pytest.raises(Refused):
                state.check_sender(request, "run")
        state.cancel(Cancel(reason="off"))
        with pytest.raises(Refused, match="cancelled"):
            state.check_sender(Request(), "run")


class TestFacts:
    """Signals, which cannot be refused, only ignored."""

    def test_a_fact_is_recorded_once(self) -> None:
        state = mailed(ANN)
        assert state.record_fact(Act.AUTHENTICATE, PersonFact(email=ANN), "run", NOW) is not None
        assert state.people.counts()[State.CONNECTED] == 1
        assert state.record_fact(Act.AUTHENTICATE, PersonFact(email=ANN), "run", NOW) is None

    @pytest.mark.parametrize(
        "fact",
        [
            PersonFact(email="nobody@example.com"),
            PersonFact(email=ANN, run="another"),
            PersonFact(email=ANN, by=Actor(source=Source.ADMIN, name="sam@example.com")),
        ],
    )
    def test_other_facts_change_nothing(self, fact: PersonFact) -> None:
        state = mailed(ANN)
        with pytest.raises((NotFound, Refused)):
            state.record_fact(Act.AUTHENTICATE, fact, "run", NOW)
        assert state.people.counts()[State.CONNECTED] == 0

    def test_a_followed_link_is_looked_up_soon(self) -> None:
        state = mailed(ANN)
        state.use_link(used(LinkUse.FOLLOWED), NOW)
        assert [person.email for person in state.next_returned(10)] == [ANN]
        assert state.next_returned(10) == []

    def test_an_expired_link_is_not_followed(self) -> None:
        state = mailed(ANN)
        state.use_link(used(LinkUse.FOLLOWED), NOW + timedelta(days=30))
        assert state.next_returned(10) == []

    def test_no_link_works_in_a_cancelled_migration(self) -> None:
        state = mailed(ANN)
        state.cancel(Cancel(reason="off"))
        state.use_link(used(LinkUse.FOLLOWED), NOW)
        state.use_link(used(LinkUse.DECLINED), NOW)
        assert state.next_returned(10) == []
        assert state.link_state(state.people.everyone()[0], Purpose.AUTHENTICATION, 1, NOW) is LinkState.CLOSED
        assert state.people.everyone()[0].state is State.AUTHENTICATING

    def test_a_link_requests_mail_after_the_cool_down(self) -> None:
        state = mailed(ANN)
        reminder = state.next_mail()
        state.use_link(used(LinkUse.NEW_WANTED), NOW)
        assert state.next_mail() == reminder
        state.use_link(used(LinkUse.NEW_WANTED), LATER)
        assert state.next_mail() == LATER


class TestAddressClaims:
    """Addresses that hash to this cohort and that people of other cohorts want."""

    CLAIM = AddressClaim(email="c@example.com", cohort=2, person=1)
    RIVAL = AddressClaim(email="c@example.com", cohort=3, person=1)

    def test_the_first_claim_is_granted_until_it_is_released(self) -> None:
        state = mailed(ANN)
        assert state.claim(self.CLAIM)
        assert state.claim(self.CLAIM)
        assert not state.claim(self.RIVAL)
        state.release(self.RIVAL)
        assert not state.claim(self.RIVAL)
        state.release(self.CLAIM)
        assert state.claim(self.RIVAL)

    def test_an_address_in_the_cohort_is_not_granted(self) -> None:
        assert not mailed("c@example.com").claim(self.CLAIM)

    def test_a_claimed_address_on_the_roster_adds_nobody(self) -> None:
        state = mailed(ANN)
        state.claim(self.CLAIM)
        assert state.assign(AssignPeople(people=[RosterPerson(email="c@example.com")]), NOW) == 1


class TestMail:
    """What changes with the outcome of a batch."""

    def record(self, state: CohortState, problem: MailProblem | None) -> None:
        state.record_mails(SendMailsResult(problem=problem), state.resumes, "mail", NOW)

    def test_a_quota_holds_mail_until_it_is_retried(self) -> None:
        state = mailed(ANN)
        self.record(state, MailProblem(message=text("Quota."), retry_after=3600 * 24 * 30, lasts=60))
        assert state.mail_hold is not None
        assert state.next_mail() == state.mail_hold.until
        self.record(state, None)
        assert state.mail_hold is None

    def test_a_renewed_hold_keeps_the_latest_end_of_the_quota(self) -> None:
        state = mailed(ANN)
        self.record(state, MailProblem(message=text("Quota."), retry_after=1, lasts=60))
        self.record(state, MailProblem(message=text("Quota."), retry_after=1, lasts=600))
        assert state.mail_hold is not None
        assert state.mail_hold.over_by == NOW + timedelta(seconds=60)

    def test_a_problem_that_only_people_can_fix_pauses(self) -> None:
        state = mailed(ANN)
        self.record(state, MailProblem(message=text("Credentials."), needs_people=True))
        assert not state.may_act
        state.resume(NOW)
        assert state.may_act

    def test_a_batch_that_started_before_a_resume_does_not_pause_again(self) -> None:
        state = mailed(ANN)
        resumes = state.resumes
        state.resume(NOW)
        problem = MailProblem(message=text("Credentials."), needs_people=True)
        state.record_mails(SendMailsResult(problem=problem), resumes, "mail", NOW)
        assert state.may_act
        self.record(state, problem)
        assert not state.may_act

    def test_another_problem_is_reported_and_retried(self) -> None:
        state = mailed(ANN)
        self.record(state, MailProblem(message=text("Unavailable.")))
        assert state.status(1).problem == "Unavailable."
        assert state.may_act

    def test_a_deferred_mail_is_due_again_after_a_backoff(self) -> None:
        state = mailed(ANN)
        state.resend(Resend(emails=[ANN]), LATER)
        outcome = MailOutcome(
            person=1, purpose=Purpose.AUTHENTICATION, generation=2, delivery=Delivery.DEFERRED, reason=text("451")
        )
        state.record_mails(SendMailsResult(outcomes=[outcome]), state.resumes, "mail", LATER)
        assert state.next_mail() == LATER + timedelta(minutes=1)


def test_polls_back_off_while_nothing_changes() -> None:
    state, intervals = mailed(ANN), []
    for _ in range(7):
        state.record_poll(changed=False, now=NOW)
        assert state.poll_due is not None
        intervals.append(state.poll_due - NOW)
    assert intervals == sorted(intervals)
    assert intervals[-1] == state.rules.max_poll_interval
    state.record_poll(changed=True, now=NOW)
    assert state.next_poll() == NOW + state.rules.poll_interval


def test_only_milestones_are_reported_and_only_so_many_problems() -> None:
    state = mailed(ANN)
    state.record_report(state.status(1))
    assert not state.report_is_due(1)
    for number in range(2 * MAX_PROBLEMS_REPORTED):
        state.problems = {"mail": verbatim(f"Problem {number}.")}
        if state.report_is_due(1):
            state.record_report(state.status(1))
    assert state.problems_reported == MAX_PROBLEMS_REPORTED


def test_the_end_of_a_cancelled_migration_leaves_people_behind() -> None:
    state = mailed(ANN)
    state.problems["mail"] = text("Unavailable.")
    state.cancel(Cancel(reason="The merger is off."))
    state.end(NOW)
    person = state.people.everyone()[0]
    assert (person.state, state.status(1).problem) == (State.LEFT_BEHIND, "")
    assert "The merger is off." in person.reason


def test_continue_as_new_carries_the_whole_state() -> None:
    state = mailed(ANN, BO)
    state.returned.add(2)
    state.claim(AddressClaim(email="c@example.com", cohort=2, person=1))
    state.record_report(state.status(1))
    state.record_poll(changed=False, now=NOW)
    cohort = CohortInput(opsgenie_account="acme", number=1, run="run", initiator=ANN, state=state)
    carried = CohortInput.model_validate_json(cohort.model_dump_json()).state
    assert carried.people.everyone() == state.people.everyone()
    carried.people = state.people
    assert carried == state

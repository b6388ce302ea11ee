"""The state machine of one person: the guide's rules apply to any events in any order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from landbridge.domain import events, lifecycle
from landbridge.domain.lifecycle import Mail
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.people import (
    AFTER_DECLINE,
    AFTER_DEFERRAL,
    ATLASSIAN,
    LINK,
    MAILED,
    OPSGENIE,
    SETTLED,
    Actor,
    Person,
    State,
    arrive,
    next_step,
)
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.text import text

START = datetime(2026, 11, 23, tzinfo=UTC)
RULES = Rules()
ADMIN = Actor(name="olga@example.com")
ANN = "ann@example.com"


def ann(*events_in_order: events.Event, verified: bool = True, now: datetime = START) -> Person:
    """Return Ann, after some events at one moment."""
    person = arrive(1, RosterPerson(email=ANN, email_verified=verified), now)
    for event in events_in_order:
        person = lifecycle.transition(person, event, now, RULES)
    return person


def seen(*, verified: bool = False) -> events.AccountSeen:
    """Return Atlassian's answer about Ann."""
    return events.AccountSeen(ANN, "account-1", verified=verified)


def mailed(person: Person, now: datetime = START) -> Person:
    """Send the mail that is due."""
    mail = lifecycle.due_mail(person, now)
    assert mail is not None
    return lifecycle.transition(person, events.MailSent(mail.purpose, mail.generation), now, RULES)


class TestFirstState:
    """The state that the roster and Atlassian's first answer decide."""

    def test_a_verified_account_gets_no_mail(self) -> None:
        """The person is connected immediately."""
        person = ann(seen(verified=True))
        assert person.state is State.CONNECTED
        assert lifecycle.due_mail(person, START + timedelta(days=30)) is None

    def test_a_verified_email_gets_the_authentication_email(self) -> None:
        """The mail is due immediately."""
        person = ann(seen())
        assert lifecycle.due_mail(person, START) == Mail(Purpose.AUTHENTICATION, 1)

    def test_an_unverified_email_gets_the_verification_email_only(self) -> None:
        """The mail is due immediately; the authentication email follows after verification."""
        person = ann(seen(), verified=False)
        assert lifecycle.due_mail(person, START) == Mail(Purpose.VERIFICATION, 1)

    def test_blocked_people_are_skipped_with_a_reason(self) -> None:
        """They have no seat in Opsgenie."""
        person = arrive(1, RosterPerson(email=ANN, blocked=True), START)
        assert person.state is State.SKIPPED
        assert "Blocked" in person.reason

    def test_an_unusable_row_waits_for_an_admin_and_is_never_mailed(self) -> None:
        """Neither a resend nor Atlassian's answer sends mail to it; a correction does."""
        person = arrive(1, RosterPerson(email="broken@", problem=text("it is not an email address")), START)
        assert person.state is State.ATTENTION
        assert "correct the address" in lifecycle.resend_denial_reason(person, START, RULES)
        person = lifecycle.transition(person, events.MailRequested(ADMIN), START, RULES)
        assert person.state is State.ATTENTION
        person = lifecycle.transition(person, events.EmailCorrected(ANN, ADMIN), START, RULES)
        assert lifecycle.needs_account(person, START)


class TestVerification:
    """Step 6 of the guide: email verification."""

    @pytest.mark.parametrize("by", [LINK, OPSGENIE, ADMIN])
    def test_verification_triggers_the_authentication_email(self, by: Actor) -> None:
        """A link, Opsgenie or an admin may verify."""
        person = lifecycle.transition(mailed(ann(seen(), verified=False)), events.EmailVerified(by), START, RULES)
        assert person.state is State.AUTHENTICATING
        assert lifecycle.due_mail(person, START) == Mail(Purpose.AUTHENTICATION, 1)
        assert person.timeline[-1].by == by

    def test_a_click_on_the_verification_link_verifies(self) -> None:
        """A click proves that the person receives mail at that address."""
        person = mailed(ann(seen(), verified=False))
        person = lifecycle.transition(person, events.LinkFollowed(Purpose.VERIFICATION, 1), START, RULES)
        assert person.state is State.AUTHENTICATING

    def test_verification_before_the_look_up_is_kept(self) -> None:
        """No verification email is sent then."""
        person = ann(events.EmailVerified(OPSGENIE), seen(), verified=False)
        assert lifecycle.due_mail(person, START) == Mail(Purpose.AUTHENTICATION, 1)

    def test_a_click_on_the_authentication_link_does_not_connect(self) -> None:
        """Only Atlassian's answer does, unless the rules say that the click connects."""
        person = mailed(ann(seen()))
        click = events.LinkFollowed(Purpose.AUTHENTICATION, 1)
        assert lifecycle.transition(person, click, START, RULES).state is State.AUTHENTICATING
        assert lifecycle.transition(person, click, START, Rules(click_counts=True)).state is State.CONNECTED


class TestAtlassiansOwnInvitation:
    """Atlassian sends its own invitation."""

    INVITED = events.AccountSeen(ANN, "account-1", verified=False, created=True, mailed=True)

    def test_it_replaces_the_first_authentication_email(self) -> None:
        """Our first mail is the first reminder, and there are as many reminders as after our own first mail."""
        person, now, sent = ann(self.INVITED), START, 0
        assert person.state is State.AUTHENTICATING
        assert lifecycle.due_mail(person, START) is None
        while person.due is not None:
            now = person.due
            person, sent = mailed(person, now), sent + 1
        assert now == START + RULES.max_reminders * RULES.reminder_interval
        assert sent == RULES.max_reminders

    def test_without_reminders_our_mail_is_sent_only_on_request(self) -> None:
        """The request is for a person who lost Atlassian's mail."""
        rules = Rules(max_reminders=0)
        person = lifecycle.transition(ann(), self.INVITED, START, rules)
        assert person.due is None
        asked = lifecycle.transition(person, events.MailRequested(ADMIN), START, rules)
        assert lifecycle.due_mail(asked, START) == Mail(Purpose.AUTHENTICATION, 1)

    def test_an_unverified_email_still_gets_our_verification_email(self) -> None:
        """Atlassian's invitation does not verify the Opsgenie email."""
        person = ann(self.INVITED, verified=False)
        assert lifecycle.due_mail(person, START) == Mail(Purpose.VERIFICATION, 1)


class TestMails:
    """Reminders, resends, refusals."""

    def test_reminders_are_limited(self) -> None:
        """At most the first mail and five reminders are sent, three days apart."""
        person, now = ann(seen()), START
        for _ in range(6):
            person = mailed(person, now)
            assert lifecycle.due_mail(person, now + timedelta(days=3, seconds=-1)) is None
            now += timedelta(days=3)
        assert person.mailing(Purpose.AUTHENTICATION).sent == 6
        assert lifecycle.due_mail(person, now + timedelta(days=365)) is None

    def test_resend_respects_the_cool_down(self) -> None:
        """Two requested mails are at least thirty seconds apart."""
        person = mailed(ann(seen()))
        assert "wait 30 seconds" in lifecycle.resend_denial_reason(person, START + timedelta(seconds=1), RULES)
        assert lifecycle.transition(person, events.MailRequested(ADMIN), START, RULES) == person
        later = START + timedelta(seconds=31)
        person = lifecycle.transition(person, events.MailRequested(ADMIN), later, RULES)
        assert lifecycle.due_mail(person, later) == Mail(Purpose.AUTHENTICATION, 2)

    def test_a_withdrawn_refusal_restores_the_state(self) -> None:
        """The same mail is due again; a late withdrawal changes nothing."""
        refused = lifecycle.transition(
            ann(seen()), events.MailRefused(Purpose.AUTHENTICATION, 1, text("554: no")), START, RULES
        )
        withdrawal = events.RefusalWithdrawn(Purpose.AUTHENTICATION, 1)
        person = lifecycle.transition(refused, withdrawal, START, RULES)
        assert (person.state, person.reason) == (State.AUTHENTICATING, "")
        assert lifecycle.due_mail(person, START) == Mail(Purpose.AUTHENTICATION, 1)
        corrected = lifecycle.transition(refused, events.EmailCorrected("ann.new@example.com", ADMIN), START, RULES)
        for other in (person, corrected, lifecycle.transition(refused, events.Excluded("left", ADMIN), START, RULES)):
            assert lifecycle.transition(other, withdrawal, START, RULES) == other

    def test_resends_while_a_mail_is_being_sent_make_no_second_mail(self) -> None:
        """The number of requests makes no difference."""
        person, later = mailed(ann(seen())), START + timedelta(minutes=1)
        for _ in range(50):
            person = lifecycle.transition(person, events.MailRequested(ADMIN), later, RULES)
        person = mailed(person, later)
        assert lifecycle.due_mail(person, later) is None
        assert person.mailing(Purpose.AUTHENTICATION).generation == 2

    def test_deferred_mail_is_retried_with_the_same_generation(self) -> None:
        """The backoff is at most two hours."""
        person = ann(seen())
        # A mailbox that is full for a month is retried some four hundred times.
        for attempt in range(400):
            deferred = events.MailDeferred(Purpose.AUTHENTICATION, 1, text("451"))
            person = lifecycle.transition(person, deferred, START, RULES)
            assert person.due == START + timedelta(minutes=min(2**attempt, 120))
            assert next_step(person) == AFTER_DEFERRAL
        assert lifecycle.due_mail(person, START + timedelta(hours=2)) == Mail(Purpose.AUTHENTICATION, 1)
        later = START + timedelta(hours=2)
        assert next_step(mailed(person, later)) == next_step(ann(seen()))

    def test_a_refused_address_is_unreachable_until_corrected(self) -> None:
        """The person must verify the new address."""
        person = ann(seen(), events.MailRefused(Purpose.AUTHENTICATION, 1, text("550 no such mailbox")))
        assert person.state is State.UNREACHABLE
        person = lifecycle.transition(person, events.EmailCorrected("ann.new@example.com", ADMIN), START, RULES)
        person = lifecycle.transition(
            person, events.AccountSeen("ann.new@example.com", "2", verified=False), START, RULES
        )
        assert person.state is State.EMAIL_UNVERIFIED
        assert person.former_emails == [ANN]


class TestLinks:
    """Which links work."""

    @given(st.timedeltas(timedelta(0), timedelta(days=30)))
    def test_links_expire(self, age: timedelta) -> None:
        """Verification links expire after a day, by the cohort's clock."""
        person = mailed(ann(seen(), verified=False))
        state = lifecycle.link_state(person, Mail(Purpose.VERIFICATION, 1), START + age, RULES)
        assert state is (LinkState.OPEN if age <= timedelta(hours=24) else LinkState.EXPIRED)

    def test_a_resend_invalidates_older_links_and_a_reminder_does_not(self) -> None:
        """After a reminder, older links work until they expire."""
        person, later = mailed(ann(seen())), START + timedelta(days=3)
        person = mailed(person, later)
        assert lifecycle.link_state(person, Mail(Purpose.AUTHENTICATION, 1), later, RULES) is LinkState.OPEN
        later += timedelta(minutes=1)
        person = mailed(lifecycle.transition(person, events.MailRequested(LINK), later, RULES), later)
        for old in (1, 2):
            assert lifecycle.link_state(person, Mail(Purpose.AUTHENTICATION, old), later, RULES) is LinkState.EXPIRED
        assert lifecycle.link_state(person, Mail(Purpose.AUTHENTICATION, 3), later, RULES) is LinkState.OPEN

    def test_a_link_works_before_the_acceptance_is_recorded(self) -> None:
        """A person may click before the batch has returned."""
        person = ann(seen(), verified=False)
        assert lifecycle.link_state(person, Mail(Purpose.VERIFICATION, 1), START, RULES) is LinkState.OPEN
        person = lifecycle.transition(person, events.LinkFollowed(Purpose.VERIFICATION, 1), START, RULES)
        assert person.state is State.AUTHENTICATING

    def test_links_to_a_former_address_do_not_work(self) -> None:
        """The link of a mail that was being sent during the correction does not work either."""
        for person in (ann(seen(), verified=False), mailed(ann(seen(), verified=False))):
            corrected = lifecycle.transition(person, events.EmailCorrected("b@example.com", ADMIN), START, RULES)
            corrected = lifecycle.transition(corrected, events.MailSent(Purpose.VERIFICATION, 1), START, RULES)
            corrected = lifecycle.transition(
                corrected, events.AccountSeen("b@example.com", "2", verified=False), START, RULES
            )
            assert lifecycle.link_state(corrected, Mail(Purpose.VERIFICATION, 1), START, RULES) is LinkState.EXPIRED

    def test_a_link_to_a_former_address_cannot_request_mail(self) -> None:
        """The link of a mail in progress cannot either; the first link to the new address can."""
        person = mailed(ann(seen(), verified=False))
        person = lifecycle.transition(person, events.EmailCorrected("b@example.com", ADMIN), START, RULES)
        person = lifecycle.transition(person, events.AccountSeen("b@example.com", "2", verified=False), START, RULES)
        may = [lifecycle.may_request_mail(mailed(person), Mail(Purpose.VERIFICATION, old), START) for old in (1, 2, 3)]
        assert may == [False, False, True]

    def test_mail_requests_by_link_are_rate_limited(self) -> None:
        """The limit is for all links of a person together, so an old link cannot fill the mailbox."""
        person, now = mailed(ann(seen())), START
        for times in range(lifecycle.MAX_LINK_REQUESTS + 1):
            now += timedelta(minutes=1)
            may = lifecycle.may_request_mail(person, Mail(Purpose.AUTHENTICATION, 1), now)
            assert may is (times < lifecycle.MAX_LINK_REQUESTS)
            if may:
                person = mailed(lifecycle.transition(person, events.MailRequested(LINK), now, RULES), now)
        assert lifecycle.may_request_mail(person, Mail(Purpose.AUTHENTICATION, 1), now + lifecycle.LINK_REQUEST_WINDOW)
        assert not lifecycle.resend_denial_reason(person, now + timedelta(minutes=1), RULES)

    def test_a_late_answer_about_a_former_address_is_ignored(self) -> None:
        """The account belongs to the owner of the former address."""
        person = ann(seen(), events.EmailCorrected("b@example.com", ADMIN), seen(verified=True))
        assert person.state is State.ARRIVED


class TestDeclining:
    """The reader of a mail says that the Opsgenie account is not theirs."""

    DECLINED = events.LinkDeclined(Purpose.AUTHENTICATION, 1)

    def test_they_get_no_more_mail_and_wait_for_an_admin(self) -> None:
        """Reason, timeline and next step say that the person declined by a link."""
        person = lifecycle.transition(mailed(ann(seen())), self.DECLINED, START, RULES)
        assert (person.state, person.reason) == (State.ATTENTION, lifecycle.DECLINED)
        assert person.timeline[-1].by == LINK
        assert lifecycle.due_mail(person, START + timedelta(days=365)) is None
        assert next_step(person) == AFTER_DECLINE != next_step(ann())

    def test_all_their_links_show_that_they_declined(self) -> None:
        """Links of earlier mails, of the other purpose, and of a mail that is being sent are included."""
        person = ann(seen(), verified=False)
        person = lifecycle.transition(mailed(person), events.LinkFollowed(Purpose.VERIFICATION, 1), START, RULES)
        person = lifecycle.transition(mailed(person), self.DECLINED, START, RULES)
        for purpose in Purpose:
            for generation in (1, 2, 3):
                link = Mail(purpose, generation)
                assert lifecycle.link_state(person, link, START, RULES) is LinkState.DECLINED

    @pytest.mark.parametrize("purpose", Purpose)
    def test_links_from_before_the_decline_stay_invalid(self, purpose: Purpose) -> None:
        """After a resend, only the link of the new mail works."""
        declined = lifecycle.transition(mailed(ann(seen())), self.DECLINED, START, Rules(click_counts=True))
        click = events.LinkFollowed(purpose, 1)
        assert lifecycle.transition(declined, click, START, Rules(click_counts=True)) == declined
        asked = lifecycle.transition(declined, events.MailRequested(ADMIN), START, RULES)
        asked = mailed(lifecycle.transition(asked, seen(), START, RULES))
        assert lifecycle.transition(asked, click, START, Rules(click_counts=True)) == asked
        newest = Mail(Purpose.AUTHENTICATION, asked.mailing(Purpose.AUTHENTICATION).generation)
        assert lifecycle.link_state(asked, newest, START, RULES) is LinkState.OPEN

    def test_only_an_open_link_declines(self) -> None:
        """Expired and invalidated links do not."""
        person, later = mailed(ann(seen())), START + timedelta(days=8)
        assert lifecycle.transition(person, self.DECLINED, later, RULES) == person
        asked = lifecycle.transition(person, events.MailRequested(ADMIN), START + timedelta(minutes=1), RULES)
        assert lifecycle.transition(asked, self.DECLINED, START + timedelta(minutes=1), RULES) == asked

    def test_service_problems_do_not_replace_the_reason(self) -> None:
        """A problem with the account or a refused mail does not hide that the person declined."""
        person = lifecycle.transition(mailed(ann(seen())), self.DECLINED, START, RULES)
        for event in (
            events.AccountProblem(ANN, text("deactivated")),
            events.MailRefused(Purpose.AUTHENTICATION, 2, text("550")),
            seen(),
        ):
            person = lifecycle.transition(person, event, START, RULES)
        assert (person.state, person.reason) == (State.ATTENTION, lifecycle.DECLINED)

    @pytest.mark.parametrize(
        "event, state",
        [
            (events.MailRequested(ADMIN), State.ARRIVED),
            (events.EmailCorrected("b@example.com", ADMIN), State.ARRIVED),
            (events.Excluded("not one of us", ADMIN), State.EXCLUDED),
            (events.MigrationEnded(text("The deadline passed.")), State.LEFT_BEHIND),
            (events.AccountSeen(ANN, "account-1", verified=True), State.CONNECTED),
        ],
    )
    def test_an_admin_can_act_on_a_decline(self, event: events.Event, state: State) -> None:
        """A verified Atlassian account also connects the person."""
        person = lifecycle.transition(mailed(ann(seen())), self.DECLINED, START, RULES)
        person = lifecycle.transition(person, event, START, RULES)
        assert (person.state, person.declined) == (state, False)


ACTORS = st.sampled_from([LINK, OPSGENIE, ATLASSIAN, ADMIN])
PURPOSES = st.sampled_from(list(Purpose))
GENERATIONS = st.integers(0, 6)
ANY_EVENT = st.one_of(
    st.builds(
        events.AccountSeen, st.sampled_from([ANN, "b@example.com"]), st.just("account-1"), st.booleans(), st.booleans()
    ),
    st.builds(events.AccountProblem, st.just(ANN), st.just("deactivated")),
    st.builds(events.EmailVerified, ACTORS),
    st.builds(events.Authenticated, st.just(ADMIN)),
    st.builds(events.LinkFollowed, PURPOSES, GENERATIONS),
    st.builds(events.LinkDeclined, PURPOSES, GENERATIONS),
    st.builds(events.MailRequested, ACTORS),
    st.builds(events.MailSent, PURPOSES, GENERATIONS),
    st.builds(events.MailDeferred, PURPOSES, GENERATIONS, st.just("451")),
    st.builds(events.MailRefused, PURPOSES, GENERATIONS, st.just("550")),
    st.builds(events.Excluded, st.just("left the company"), st.just(ADMIN)),
    st.builds(events.EmailCorrected, st.just("b@example.com"), st.just(ADMIN)),
    st.builds(events.MigrationEnded, st.just("The deadline passed.")),
)


class OneWay(RuleBasedStateMachine):
    """Any events in any order, duplicate, late or early, and the mails that result."""

    @initialize(verified=st.booleans(), blocked=st.booleans())
    def arrives(self, verified: bool, blocked: bool) -> None:  # noqa: FBT001 - given by name
        """Create a person from a roster row."""
        self.now = START
        row = RosterPerson(email=ANN, email_verified=verified, blocked=blocked)
        self.person = arrive(1, row, START)
        self.sent: list[tuple[str, Mail]] = []

    @rule(event=ANY_EVENT)
    def happens(self, event: events.Event) -> None:
        """Apply any event."""
        before = self.person
        self.person = lifecycle.transition(before, event, self.now, RULES)
        if before.settled:
            assert self.person == before
        if self.person.state is State.CONNECTED and before.state is not State.CONNECTED:
            assert isinstance(event, events.Authenticated) or (isinstance(event, events.AccountSeen) and event.verified)
        if self.person.email_verified and not before.email_verified:
            assert isinstance(event, events.EmailVerified) or (
                isinstance(event, events.LinkFollowed)
                and event.purpose is Purpose.VERIFICATION
                and lifecycle.link_state(before, Mail(event.purpose, event.generation), self.now, RULES)
                is LinkState.OPEN
            )

        if self.person.declined and not before.declined:
            assert isinstance(event, events.LinkDeclined)
            link = Mail(event.purpose, event.generation)
            assert lifecycle.link_state(before, link, self.now, RULES) is LinkState.OPEN

    @rule(event=ANY_EVENT)
    def happens_twice(self, event: events.Event) -> None:
        """A repeated event leaves the state; only requests and deferrals may change what is due."""
        self.happens(event)
        once = self.person
        self.happens(event)
        assert self.person.state is once.state

    @precondition(lambda self: lifecycle.due_mail(self.person, self.now) is not None)
    @rule()
    def mail_goes_out(self) -> None:
        """Send the mail that is due."""
        mail = lifecycle.due_mail(self.person, self.now)
        assert mail is not None
        assert (self.person.email, mail) not in self.sent
        if mail.purpose is Purpose.AUTHENTICATION:
            assert self.person.email_verified
            assert self.person.account_id
        self.sent.append((self.person.email, mail))
        self.person = lifecycle.transition(self.person, events.MailSent(mail.purpose, mail.generation), self.now, RULES)

    @rule(passing=st.timedeltas(timedelta(0), timedelta(days=5)))
    def time_passes(self, passing: timedelta) -> None:
        """Let time pass."""
        self.now += passing

    @invariant()
    def state_says_what_is_due(self) -> None:
        """Only people who are mailed or have just arrived have something due; settled people have nothing due."""
        if self.person.due is not None:
            assert self.person.state in MAILED or self.person.state is State.ARRIVED
        if self.person.state in SETTLED | {State.UNREACHABLE, State.ATTENTION}:
            assert self.person.due is None
        if self.person.state in {State.SKIPPED, State.EXCLUDED, State.LEFT_BEHIND, State.ATTENTION, State.UNREACHABLE}:
            assert self.person.reason

    @invariant()
    def who_declined_waits_for_an_admin(self) -> None:
        """A person who declined waits until an admin acts; meanwhile none of their links works."""
        if self.person.declined:
            assert (self.person.state, self.person.reason) == (State.ATTENTION, lifecycle.DECLINED)
            for purpose in Purpose:
                for generation in range(8):
                    link = Mail(purpose, generation)
                    assert lifecycle.link_state(self.person, link, self.now, RULES) is LinkState.DECLINED

    @invariant()
    def state_agrees_with_the_email(self) -> None:
        """Unverified people are never asked to authenticate, and verified people are never asked to verify."""
        if self.person.state is State.EMAIL_UNVERIFIED:
            assert not self.person.email_verified
        if self.person.state is State.AUTHENTICATING:
            assert self.person.email_verified


TestOneWay = OneWay.TestCase
TestOneWay.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)

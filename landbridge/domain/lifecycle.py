"""The state machine of one person: state + event + now → new state, and when to act next.

These rules of the guide hold for any order of events: a person with a verified Atlassian account gets no email; a
person with an unverified Opsgenie email never gets the authentication email; everyone is in exactly one state.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from landbridge.domain import events
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.people import (
    ATLASSIAN,
    FOR_ADMINS,
    MAILED,
    STATE_TITLES,
    SYSTEM,
    TIMELINE_LENGTH,
    Actor,
    Entry,
    Mailing,
    Person,
    Source,
    State,
)
from landbridge.domain.rules import Rules
from landbridge.domain.text import NO_TEXT, Text, joined, text, verbatim

FIRST_DEFERRAL, MAX_DEFERRAL = timedelta(minutes=1), timedelta(hours=2)
"""The backoff after the mail server defers an email to one person: it doubles each time, up to the maximum."""
MAX_LINK_REQUESTS, LINK_REQUEST_WINDOW = 5, timedelta(minutes=15)
"""The rate limit for emails that a person requests by a link: each email invalidates the links before it."""
_CAME_BACK = text("returned from Atlassian")
_MAIL_REQUESTED = text("email requested")
_REFUSAL_WITHDRAWN = text("rejected because of the sender; will be sent again")
_MAIL_SENT = {
    Purpose.VERIFICATION: text("verification email sent"),
    Purpose.AUTHENTICATION: text("authentication email sent"),
}
_LINK_DECLINED = {
    Purpose.VERIFICATION: text("verification link declined"),
    Purpose.AUTHENTICATION: text("authentication link declined"),
}
DECLINED = text("The person reported that this is not their account.")
"""The reason of a person who needs attention because they declined."""
_MISSING = {
    State.ARRIVED: text("The Atlassian account had not been looked up."),
    State.EMAIL_UNVERIFIED: text("The Opsgenie email was not verified."),
    State.AUTHENTICATING: text("The Atlassian account was not set up."),
}


@dataclass(frozen=True)
class Mail:
    """Identifies an email to one person: every attempt to send it has the same purpose and generation."""

    purpose: Purpose
    generation: int


def due_mail(person: Person, now: datetime) -> Mail | None:
    """Return the email to send now, if an email is due."""
    purpose = MAILED.get(person.state)
    if purpose is None or person.due is None or person.due > now:
        return None
    return Mail(purpose, person.mailing(purpose).generation + 1)


def needs_account(person: Person, now: datetime) -> bool:
    """Return whether the Atlassian account is to be looked up or created now."""
    return person.state is State.ARRIVED and person.due is not None and person.due <= now


def resend_denial_reason(person: Person, now: datetime, rules: Rules) -> Text:
    """Return why the person's email may not be sent again now, as a sentence; empty if it may."""
    if person.problem:
        return text("The roster row is invalid; correct the address first.")
    purpose = MAILED.get(person.state)
    if purpose is None and person.state not in FOR_ADMINS:
        return text("There is no email to send in this state: {state}.", state=STATE_TITLES[person.state])
    if purpose is not None and (sent_at := person.mailing(purpose).sent_at) is not None:
        left = rules.resend_cooldown - (now - sent_at)
        if left > timedelta(0):
            return text(
                "An email was sent moments ago; wait {seconds} seconds.",
                seconds=int(left.total_seconds()) + 1,
            )
    return NO_TEXT


def may_request_mail(person: Person, link: Mail, now: datetime) -> bool:
    """Return whether a link may request the email that the person waits for.

    Expired links may, because people find old emails. Links to a former address may not. Requests are rate-limited.
    """
    requests = [e.at for e in person.timeline if e.what == _MAIL_REQUESTED and e.by.source is Source.LINK]
    below_limit = sum(now - at < LINK_REQUEST_WINDOW for at in requests) < MAX_LINK_REQUESTS
    return below_limit and link.generation > person.mailing(link.purpose).former


def link_state(person: Person, link: Mail, now: datetime, rules: Rules) -> LinkState:
    """Return the state of a link."""
    if person.declined:
        return LinkState.DECLINED
    if person.state is State.CONNECTED or (link.purpose is Purpose.VERIFICATION and person.email_verified):
        return LinkState.DONE
    if person.settled:
        return LinkState.CLOSED
    mailing = person.mailing(link.purpose)
    # The person may open the link before the mail server's acceptance is recorded.
    being_sent = link.generation == mailing.generation + 1
    mailed_at = mailing.links.get(link.generation)
    in_time = mailed_at is not None and now - mailed_at <= rules.link_lifetime(link.purpose)
    return LinkState.OPEN if being_sent or in_time else LinkState.EXPIRED


def transition(  # noqa: C901, PLR0911, PLR0912 - one case for each event, in one table
    person: Person, event: events.Event, now: datetime, rules: Rules
) -> Person:
    """Return the person after `event` at `now`; the same object if the event changes nothing.

    An event changes nothing for a settled person, or if it does not apply to the person's state: duplicate, late and
    early facts are harmless.
    """
    if person.settled:
        return person
    match event:
        case events.AccountSeen(email) if email == person.email:
            return _account_seen(person, event, now, rules)
        case events.AccountProblem(email, reason) if email == person.email and not person.declined:
            return _enter(person, State.ATTENTION, now, ATLASSIAN, reason=reason)
        case events.AccountSeen() | events.AccountProblem():
            return person
        case events.EmailVerified(by):
            return _email_verified(person, by, now)
        case events.Authenticated(by):
            return _enter(person, State.CONNECTED, now, by)
        case events.LinkFollowed(purpose, generation, by):
            return _link_followed(person, Mail(purpose, generation), by, now, rules)
        case events.CameBack(by):
            return _came_back(person, by, now)
        case events.LinkDeclined(purpose, generation, by):
            return _link_declined(person, Mail(purpose, generation), by, now, rules)
        case events.MailRequested(by):
            return _mail_requested(person, by, now, rules)
        case events.MailSent(purpose, generation):
            return _mail_sent(person, Mail(purpose, generation), now, rules)
        case events.MailDeferred(purpose, generation, reason):
            return _mail_deferred(person, Mail(purpose, generation), reason, now)
        case events.MailRefused(purpose, generation, reason):
            if _is_next_mail(person, Mail(purpose, generation)):
                return _enter(person, State.UNREACHABLE, now, SYSTEM, reason=reason)
            return person
        case events.RefusalWithdrawn(purpose, generation):
            return _refusal_withdrawn(person, Mail(purpose, generation), now)
        case events.Excluded(reason, by):
            return _enter(person, State.EXCLUDED, now, by, reason=verbatim(reason))
        case events.EmailCorrected(email, by):
            return _email_corrected(person, email, by, now)
        case events.MigrationEnded(reason, by):
            return _enter(
                person, State.LEFT_BEHIND, now, by, reason=joined(reason, _MISSING.get(person.state, person.reason))
            )


def _account_seen(person: Person, seen: events.AccountSeen, now: datetime, rules: Rules) -> Person:
    known = replace(person, account_id=seen.account_id)
    if seen.created and seen.account_id not in person.invited:
        known = replace(known, invited=[*person.invited, seen.account_id])
    if person.account_id != seen.account_id:
        known = _note(
            known,
            now,
            text("Atlassian account created") if seen.created else text("Atlassian account found"),
            ATLASSIAN,
        )
    if seen.verified:
        return _enter(known, State.CONNECTED, now, ATLASSIAN)
    if person.state is State.ARRIVED:
        waiting = _enter(known, _waiting_state(person), now, SYSTEM)
        return _invited_by_atlassian(waiting, now, rules) if seen.mailed else waiting
    return known


def _invited_by_atlassian(person: Person, now: datetime, rules: Rules) -> Person:
    """Count Atlassian's own invitation as the first authentication email; Landbridge's reminders follow."""
    invited = _note(person, now, text("invitation sent by Atlassian"), ATLASSIAN)
    if person.state is not State.AUTHENTICATING:
        return invited
    due = now + rules.reminder_interval if rules.max_reminders else None
    return replace(invited, mails_in_state=1, due=due)


def _waiting_state(person: Person) -> State:
    return State.AUTHENTICATING if person.email_verified else State.EMAIL_UNVERIFIED


def _email_verified(person: Person, by: Actor, now: datetime) -> Person:
    if person.email_verified:
        return person
    verified = _note(replace(person, email_verified=True), now, text("email verified"), by)
    if person.state is State.EMAIL_UNVERIFIED or (
        # The person received the email although the mail server refused it.
        person.state is State.UNREACHABLE and person.account_id
    ):
        return _enter(verified, State.AUTHENTICATING, now, by)
    return verified


def _link_followed(person: Person, link: Mail, by: Actor, now: datetime, rules: Rules) -> Person:
    if link_state(person, link, now, rules) is not LinkState.OPEN:
        return person
    if link.purpose is Purpose.VERIFICATION:
        return _email_verified(person, by, now)
    if rules.click_counts and person.state is State.AUTHENTICATING:
        return _enter(person, State.CONNECTED, now, by)
    return _note(person, now, text("authentication link followed"), by)


def _came_back(person: Person, by: Actor, now: datetime) -> Person:
    # A reloaded page adds no entry: it would evict other entries of the timeline.
    newest = person.timeline[-1].what if person.timeline else ""
    return person if newest == _CAME_BACK else _note(person, now, _CAME_BACK, by)


def _link_declined(person: Person, link: Mail, by: Actor, now: datetime, rules: Rules) -> Person:
    if link_state(person, link, now, rules) is not LinkState.OPEN:
        return person
    noted = _note(_without_links(person), now, _LINK_DECLINED[link.purpose], by)
    return replace(_enter(noted, State.ATTENTION, now, by, reason=DECLINED), declined=True)


def _without_links(person: Person) -> Person:
    """Invalidate all links that were emailed, and the link of an email that is being sent."""
    return replace(person, mailings={purpose: _invalidated(person.mailing(purpose)) for purpose in Purpose})


def _invalidated(mailing: Mailing) -> Mailing:
    newest = mailing.generation + 1
    return Mailing(generation=newest, sent=mailing.sent, former=newest)


def _mail_requested(person: Person, by: Actor, now: datetime, rules: Rules) -> Person:
    if resend_denial_reason(person, now, rules):
        return person
    requested = _note(person, now, _MAIL_REQUESTED, by)
    if person.state in FOR_ADMINS:
        return _enter(requested, State.ARRIVED, now, by)
    purpose = MAILED[person.state]
    mailing = replace(person.mailing(purpose), links={})
    return replace(requested, due=now, deferrals=0, mailings={**person.mailings, purpose: mailing})


def _mail_sent(person: Person, mail: Mail, now: datetime, rules: Rules) -> Person:
    mailing = person.mailing(mail.purpose)
    if mail.generation <= mailing.generation:
        return person
    lifetime = rules.link_lifetime(mail.purpose)
    links = {generation: at for generation, at in mailing.links.items() if now - at <= lifetime}
    newest = replace(
        mailing,
        generation=mail.generation,
        sent=mailing.sent + 1,
        sent_at=now,
        links={**links, mail.generation: now},
    )
    sent = _note(
        replace(person, mailings={**person.mailings, mail.purpose: newest}),
        now,
        _MAIL_SENT[mail.purpose],
        SYSTEM,
    )
    if MAILED.get(person.state) is not mail.purpose:
        return sent
    mails = person.mails_in_state + 1
    due = now + rules.reminder_interval if mails <= rules.max_reminders else None
    return replace(sent, mails_in_state=mails, deferrals=0, due=due)


def _mail_deferred(person: Person, mail: Mail, reason: Text, now: datetime) -> Person:
    if not _is_next_mail(person, mail):
        return person
    # Bound the factor, not the product: after three days the product would overflow a timedelta.
    wait = FIRST_DEFERRAL * min(2**person.deferrals, MAX_DEFERRAL // FIRST_DEFERRAL)
    noted = (
        person
        if person.deferrals
        else _note(person, now, text("mail server deferred the email: {reason}", reason=reason), SYSTEM)
    )
    return replace(noted, due=now + wait, deferrals=person.deferrals + 1)


def _refusal_withdrawn(person: Person, mail: Mail, now: datetime) -> Person:
    """Put a person back into the state before the refusal, if the refusal of this email made them unreachable."""
    state = _waiting_state(person)
    is_next = MAILED[state] is mail.purpose and mail.generation == person.mailing(mail.purpose).generation + 1
    if person.state is not State.UNREACHABLE or not is_next:
        return person
    return _enter(_note(person, now, _REFUSAL_WITHDRAWN, SYSTEM), state, now, SYSTEM)


def _is_next_mail(person: Person, mail: Mail) -> bool:
    """Return whether this is the next email to the person; outcomes of earlier emails are ignored."""
    return MAILED.get(person.state) is mail.purpose and mail.generation == person.mailing(mail.purpose).generation + 1


def _email_corrected(person: Person, email: str, by: Actor, now: datetime) -> Person:
    if email == person.email:
        return person
    former = [*person.former_emails, person.email]
    restarted = replace(person, email=email, former_emails=former, email_verified=False, account_id="", problem=NO_TEXT)
    corrected = _note(restarted, now, text("address corrected"), by)
    # Links that went to the old address must not verify the new address.
    return _enter(_without_links(corrected), State.ARRIVED, now, by)


def _enter(person: Person, state: State, now: datetime, by: Actor, *, reason: Text = NO_TEXT) -> Person:
    if state is person.state:
        return replace(person, reason=reason)
    system_acts = state is State.ARRIVED or state in MAILED
    entered = replace(
        person,
        state=state,
        reason=reason,
        declined=False,
        since=now,
        due=now if system_acts else None,
        mails_in_state=0,
        deferrals=0,
    )
    return _note(entered, now, reason, by, state)


def _note(person: Person, now: datetime, what: Text, by: Actor, state: State | None = None) -> Person:
    timeline = [*person.timeline, Entry(at=now, what=what, state=state, by=by)]
    if len(timeline) > TIMELINE_LENGTH:
        timeline = [timeline[0], *timeline[-TIMELINE_LENGTH + 1 :]]
    return replace(person, timeline=timeline)

"""The rules of one person's way, as a pure function: state + event + now → state and when to act next.

The guide's rules that hold here whatever the order of events: a verified Atlassian account needs nothing; an
unverified Opsgenie email never gets the authentication email; everyone is in exactly one state.
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
"""Waits after the mail server asked us to try one person again later; doubled each time."""
MAX_COHORTS_QUERIED, ASKED_WITHIN = 5, timedelta(minutes=15)
"""Mails that people may ask for by their links: each replaces the link before it."""
_CAME_BACK = text("came back from Atlassian")
_MAIL_REQUESTED = text("mail requested")
_REFUSAL_WITHDRAWN = text("refused because of the sender, to be sent again")
_MAIL_SENT = {
    Purpose.VERIFICATION: text("verification email sent"),
    Purpose.AUTHENTICATION: text("authentication email sent"),
}
_LINK_DECLINED = {
    Purpose.VERIFICATION: text("verification link declined"),
    Purpose.AUTHENTICATION: text("authentication link declined"),
}
DECLINED = text("They say that this is not their account.")
"""Why someone who declined needs attention."""
_MISSING = {
    State.ARRIVED: text("The Atlassian account had not been looked up."),
    State.EMAIL_UNVERIFIED: text("The Opsgenie email was not verified."),
    State.AUTHENTICATING: text("The Atlassian account was not set up."),
}


@dataclass(frozen=True)
class Mail:
    """A mail to be sent: what names it, wherever and however often the sending is tried."""

    purpose: Purpose
    generation: int


def due_mail(person: Person, now: datetime) -> Mail | None:
    """Return the mail to send now, if one is due."""
    purpose = MAILED.get(person.state)
    if purpose is None or person.due is None or person.due > now:
        return None
    return Mail(purpose, person.mailing(purpose).generation + 1)


def needs_account(person: Person, now: datetime) -> bool:
    """Return whether the Atlassian account is to be looked up or created now."""
    return person.state is State.ARRIVED and person.due is not None and person.due <= now


def resend_denial_reason(person: Person, now: datetime, rules: Rules) -> Text:
    """Return why the person's mail may not be sent again now, as a sentence; empty if it may."""
    if person.problem:
        return text("The roster's row cannot be used; correct the address first.")
    purpose = MAILED.get(person.state)
    if purpose is None and person.state not in FOR_ADMINS:
        return text("There is no mail to send in this state: {state}.", state=STATE_TITLES[person.state])
    if purpose is not None and (sent_at := person.mailing(purpose).sent_at) is not None:
        left = rules.resend_cooldown - (now - sent_at)
        if left > timedelta(0):
            return text(
                "A mail went out moments ago; wait {total_seconds} seconds.",
                total_seconds=int(left.total_seconds()) + 1,
            )
    return NO_TEXT


def may_ask(person: Person, link: Mail, now: datetime) -> bool:
    """Return whether whoever has a link may have mail sent again that the person waits for.

    Old links may, for people find old mails; but none to a former address, and no more often than people need it.
    """
    asked = [entry.at for entry in person.timeline if entry.what == _MAIL_REQUESTED and entry.by.source is Source.LINK]
    seldom = sum(now - at < ASKED_WITHIN for at in asked) < MAX_COHORTS_QUERIED
    return seldom and link.generation > person.mailing(link.purpose).former


def link_state(person: Person, link: Mail, now: datetime, rules: Rules) -> LinkState:
    """Return what a link is still good for."""
    if person.declined:
        return LinkState.DECLINED
    if person.state is State.CONNECTED or (link.purpose is Purpose.VERIFICATION and person.email_verified):
        return LinkState.DONE
    if person.settled:
        return LinkState.CLOSED
    mailing = person.mailing(link.purpose)
    # The person may be faster than the news that their mail was accepted.
    on_its_way = link.generation == mailing.generation + 1
    mailed_at = mailing.links.get(link.generation)
    in_time = mailed_at is not None and now - mailed_at <= rules.link_lifetime(link.purpose)
    return LinkState.OPEN if on_its_way or in_time else LinkState.EXPIRED


def after(  # noqa: C901, PLR0911, PLR0912 - one arm an event: the table is clearest whole
    person: Person, event: events.Event, now: datetime, rules: Rules
) -> Person:
    """Return the person as they are once `event` has happened at `now`.

    A person of whom nothing is awaited any more stays as they are, and so does anyone whom the event does not concern:
    facts that come twice, late or early change nothing.
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
            if _awaited(person, Mail(purpose, generation)):
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
    """Let Atlassian's own mail stand for our first one; what follows are our reminders."""
    invited = _note(person, now, text("invitation sent by Atlassian"), ATLASSIAN)
    if person.state is not State.AUTHENTICATING:
        return invited
    due = now + rules.reminder_interval if rules.reminders_at_most else None
    return replace(invited, mails_in_state=1, due=due)


def _waiting_state(person: Person) -> State:
    return State.AUTHENTICATING if person.email_verified else State.EMAIL_UNVERIFIED


def _email_verified(person: Person, by: Actor, now: datetime) -> Person:
    if person.email_verified:
        return person
    verified = _note(replace(person, email_verified=True), now, text("email verified"), by)
    if person.state is State.EMAIL_UNVERIFIED or (
        # Somebody saw a mail that the server had refused to take.
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
    # A page that is loaded again is no news; it would drive other entries out.
    newest = person.timeline[-1].what if person.timeline else ""
    return person if newest == _CAME_BACK else _note(person, now, _CAME_BACK, by)


def _link_declined(person: Person, link: Mail, by: Actor, now: datetime, rules: Rules) -> Person:
    if link_state(person, link, now, rules) is not LinkState.OPEN:
        return person
    told = _note(_without_links(person), now, _LINK_DECLINED[link.purpose], by)
    return replace(_enter(told, State.ATTENTION, now, by, reason=DECLINED), declined=True)


def _without_links(person: Person) -> Person:
    """Let all links die that were mailed, and one that may be on its way."""
    return replace(person, mailings={purpose: _dead(person.mailing(purpose)) for purpose in Purpose})


def _dead(mailing: Mailing) -> Mailing:
    newest = mailing.generation + 1
    return Mailing(generation=newest, sent=mailing.sent, former=newest)


def _mail_requested(person: Person, by: Actor, now: datetime, rules: Rules) -> Person:
    if resend_denial_reason(person, now, rules):
        return person
    asked = _note(person, now, _MAIL_REQUESTED, by)
    if person.state in FOR_ADMINS:
        return _enter(asked, State.ARRIVED, now, by)
    purpose = MAILED[person.state]
    mailing = replace(person.mailing(purpose), links={})
    return replace(asked, due=now, deferrals=0, mailings={**person.mailings, purpose: mailing})


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
    due = now + rules.reminder_interval if mails <= rules.reminders_at_most else None
    return replace(sent, mails_in_state=mails, deferrals=0, due=due)


def _mail_deferred(person: Person, mail: Mail, reason: Text, now: datetime) -> Person:
    if not _awaited(person, mail):
        return person
    # The factor is bounded, and not the product: after three days that would be more than a duration can hold.
    wait = FIRST_DEFERRAL * min(2**person.deferrals, MAX_DEFERRAL // FIRST_DEFERRAL)
    noted = (
        person
        if person.deferrals
        else _note(person, now, text("mail server asks for patience: {reason}", reason=reason), SYSTEM)
    )
    return replace(noted, due=now + wait, deferrals=person.deferrals + 1)


def _refusal_withdrawn(person: Person, mail: Mail, now: datetime) -> Person:
    """Let a person wait again as before the refusal; one who is unreachable for another reason stays so."""
    state = _waiting_state(person)
    is_theirs = MAILED[state] is mail.purpose and mail.generation == person.mailing(mail.purpose).generation + 1
    if person.state is not State.UNREACHABLE or not is_theirs:
        return person
    return _enter(_note(person, now, _REFUSAL_WITHDRAWN, SYSTEM), state, now, SYSTEM)


def _awaited(person: Person, mail: Mail) -> bool:
    """Whether this is the mail that the person is to get next, and not news of an earlier one."""
    return MAILED.get(person.state) is mail.purpose and mail.generation == person.mailing(mail.purpose).generation + 1


def _email_corrected(person: Person, email: str, by: Actor, now: datetime) -> Person:
    if email == person.email:
        return person
    former = [*person.former_emails, person.email]
    anew = replace(person, email=email, former_emails=former, email_verified=False, account_id="", problem=NO_TEXT)
    corrected = _note(anew, now, text("email corrected"), by)
    # Links that went to the old address must not speak for the new one.
    return _enter(_without_links(corrected), State.ARRIVED, now, by)


def _enter(person: Person, state: State, now: datetime, by: Actor, *, reason: Text = NO_TEXT) -> Person:
    if state is person.state:
        return replace(person, reason=reason)
    acts = state is State.ARRIVED or state in MAILED
    entered = replace(
        person,
        state=state,
        reason=reason,
        declined=False,
        since=now,
        due=now if acts else None,
        mails_in_state=0,
        deferrals=0,
    )
    return _note(entered, now, reason, by, state)


def _note(person: Person, now: datetime, what: Text, by: Actor, state: State | None = None) -> Person:
    timeline = [*person.timeline, Entry(at=now, what=what, state=state, by=by)]
    if len(timeline) > TIMELINE_LENGTH:
        timeline = [timeline[0], *timeline[-TIMELINE_LENGTH + 1 :]]
    return replace(person, timeline=timeline)

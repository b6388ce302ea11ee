"""A person in a migration: the state, and the timeline that led to it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose
from landbridge.domain.roster import RosterPerson
from landbridge.domain.text import NO_TEXT, Text, text

TIMELINE_LENGTH = 20
"""Maximum entries of a person's timeline: the first and the newest are kept. Bounds what continue-as-new carries."""


class State(StrEnum):
    """A person's progress. The CLI, the API and the CSV show the value."""

    ARRIVED = "arrived"
    """On the roster; the Atlassian account has not been looked up or created yet."""
    EMAIL_UNVERIFIED = "email_unverified"
    """Has yet to verify the Opsgenie email; gets the verification email, never the authentication email."""
    AUTHENTICATING = "authenticating"
    """Has yet to set up the Atlassian account; gets the authentication email."""
    CONNECTED = "connected"
    """Has a verified Atlassian account: done."""
    UNREACHABLE = "unreachable"
    """The mail server refused the address permanently; an admin has to correct it or exclude the person."""
    ATTENTION = "attention"
    """There is a problem that only an admin can fix; see `reason`."""
    SKIPPED = "skipped"
    """Not moved by rule, as `reason` says (blocked in Opsgenie)."""
    EXCLUDED = "excluded"
    """An admin took the person out of the migration, with a reason."""
    LEFT_BEHIND = "left_behind"
    """The migration ended before the person was connected; `reason` says what was missing."""


SETTLED = frozenset({State.CONNECTED, State.SKIPPED, State.EXCLUDED, State.LEFT_BEHIND})
"""The migration does not wait for people in these states. When everyone is settled, it is complete."""
FOR_ADMINS = frozenset({State.UNREACHABLE, State.ATTENTION})
"""For people in these states, an owner or admin has to act."""
MAILED = {State.EMAIL_UNVERIFIED: Purpose.VERIFICATION, State.AUTHENTICATING: Purpose.AUTHENTICATION}
"""The states in which a person gets emails, and the purpose of these."""


class Group(StrEnum):
    """Groups by which owners and admins filter people; each state belongs to one group."""

    UNVERIFIED = "unverified"
    """Have yet to verify the Opsgenie email."""
    WAITING = "waiting"
    """Have yet to set up the Atlassian account, or will soon be asked to."""
    FOR_ADMINS = "for_admins"
    """Need an owner or admin to act."""
    DONE = "done"
    """Have a verified Atlassian account."""
    NOT_MOVED = "not_moved"
    """Are not migrated; each has a reason."""


GROUPS = {
    Group.UNVERIFIED: (State.EMAIL_UNVERIFIED,),
    Group.WAITING: (State.ARRIVED, State.AUTHENTICATING),
    Group.FOR_ADMINS: (State.UNREACHABLE, State.ATTENTION),
    Group.DONE: (State.CONNECTED,),
    Group.NOT_MOVED: (State.SKIPPED, State.EXCLUDED, State.LEFT_BEHIND),
}
"""The states of each group."""


class Source(StrEnum):
    """How a fact or a request reached Landbridge."""

    SYSTEM = "landbridge"
    LINK = "link"
    """The person pressed the button on the page of an emailed link."""
    ATLASSIAN = "atlassian"
    """Atlassian's own answer."""
    OPSGENIE = "opsgenie"
    """Opsgenie's own answer."""
    ADMIN = "admin"
    """An owner or admin of the Opsgenie account, signed in to the portal; recorded with the address."""
    OPERATOR = "operator"
    """A client of Temporal: the command line, or a message sent by hand; recorded with the name it gave, if any."""


CLAIMABLE = frozenset({Source.ADMIN, Source.LINK})
"""Sources that any client can claim in a message, so they require a proof (`domain.proof`)."""


Proof = Annotated[str, Field(max_length=80, pattern=r"^[0-9a-f.]*$")]
"""See `domain.proof`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something, and how it reached Landbridge."""

    source: Source = Source.OPERATOR
    name: str = ""
    """The address of an admin, or the login of an operator; empty for other sources."""
    proof: Proof = ""
    """In messages and workflow state: the proof of an admin or a link. Removed when the proof is checked."""
    claimed: Source | None = None
    """The source that an operator claims to be: an admin or a link without a valid proof, or a service."""


SYSTEM, LINK = Actor(source=Source.SYSTEM), Actor(source=Source.LINK)
ATLASSIAN, OPSGENIE = Actor(source=Source.ATLASSIAN), Actor(source=Source.OPSGENIE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a person's timeline."""

    at: datetime
    what: Text = NO_TEXT
    """What happened. If `state` is set: why the state began, or empty."""
    state: State | None = None
    """The state that began; none: the state did not change."""
    by: Actor = SYSTEM


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """The emails that a person was sent for one purpose."""

    generation: int = 0
    """The generation of the newest email that the mail server accepted; 0: none was accepted."""
    sent: int = 0
    """Number of emails that the mail server accepted."""
    sent_at: datetime | None = None
    """When the newest email was accepted."""
    links: dict[int, datetime] = field(default_factory=dict)
    """The generations whose links no resend has replaced, and when each was emailed."""
    former: int = 0
    """The newest generation that was invalidated: sent to a former address, or declined. 0: there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone on the roster, and everything the migration knows about them.

    This class and its parts are dataclasses with slots, not models: a worker keeps 100,000 people in memory.
    """

    number: int
    """The person's number in the cohort, from 1; it identifies the person in links, ids and logs."""
    email: str
    former_emails: list[str] = field(default_factory=list)
    """Addresses that an admin corrected. The roster may still contain them, and they still identify this person."""
    name: str = ""
    role: str = "user"
    locale: str = ""
    sso: bool = False
    email_verified: bool = False
    """The Opsgenie email is verified: by Opsgenie, by Landbridge's link, or by a recorded statement of an admin."""
    problem: Text = NO_TEXT
    """Why the roster row is invalid; empty once it was corrected."""
    state: State = State.ARRIVED
    reason: Text = NO_TEXT
    """Why the person is in this state; empty if the state explains itself."""
    declined: bool = False
    """The person needs attention because the reader of the email reported that this is not their account."""
    since: datetime
    """When the state began."""
    account_id: str = ""
    """The Atlassian account's id; empty until it is known."""
    invited: list[str] = field(default_factory=list)
    """Ids of the accounts that Landbridge's invitations created, including those for a former address."""
    due: datetime | None = None
    """When the system should act next for this person; none: it waits."""
    mails_in_state: int = 0
    """Emails sent since the state began: the first, then reminders. An invitation by Atlassian counts as the first."""
    deferrals: int = 0
    """How many times in a row the mail server asked to retry later."""
    mailings: dict[Purpose, Mailing] = field(default_factory=dict)
    timeline: list[Entry] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether the migration no longer waits for this person."""
        return self.state in SETTLED

    def mailing(self, purpose: Purpose) -> Mailing:
        """Return what was sent for a purpose."""
        return self.mailings.get(purpose, Mailing())

    @property
    def mails(self) -> int:
        """Number of emails that were sent to the person."""
        return sum(mailing.sent for mailing in self.mailings.values())

    @property
    def mailed_at(self) -> datetime | None:
        """When the newest email was sent; None if there was none."""
        return max((mailing.sent_at for mailing in self.mailings.values() if mailing.sent_at), default=None)

    @property
    def next_mail(self) -> datetime | None:
        """When the next email (the first, a reminder or a retry) is due; None if no more are sent automatically."""
        return self.due if self.state in MAILED else None


class Counts(Model):
    """How many people are in each state."""

    by_state: dict[State, int] = Field(default_factory=dict)

    @property
    def total(self) -> int:
        """Number of people on the roster."""
        return sum(self.by_state.values())

    @property
    def settled(self) -> int:
        """Number of people for whom the migration no longer waits."""
        return sum(n for state, n in self.by_state.items() if state in SETTLED)

    @property
    def waiting(self) -> int:
        """Number of people for whom the migration still waits."""
        return self.total - self.settled

    @property
    def for_admins(self) -> int:
        """Number of people for whom an owner or admin has to act."""
        return sum(n for state, n in self.by_state.items() if state in FOR_ADMINS)

    def moved_since(self, before: "Counts") -> int:
        """Return the minimum number of people who are new or have changed state since `before`."""
        return sum(max(0, self[state] - before[state]) for state in State)

    def packed(self) -> str:
        """Return all counts as a string, `arrived=3 connected=1`; at most 255 characters, as Temporal requires."""
        return " ".join(f"{state}={number}" for state, number in self.by_state.items())

    @classmethod
    def unpacked(cls, text: str) -> "Counts":
        """Return the counts in a string that `packed` returned; unknown states of another release are ignored."""
        numbers = dict(part.partition("=")[::2] for part in text.split())
        return cls(by_state={state: int(numbers[state]) for state in State if numbers.get(state, "").isdigit()})

    def __getitem__(self, state: State) -> int:
        """Return the number of people in a state."""
        return self.by_state.get(state, 0)

    def __add__(self, other: "Counts") -> "Counts":
        """Return the sum of both."""
        states = [state for state in State if self[state] or other[state]]
        return Counts(by_state={state: self[state] + other[state] for state in states})


def arrive(number: int, row: RosterPerson, now: datetime) -> Person:
    """Return the person of a roster row, in the state that the row alone determines."""
    if row.problem:
        state, reason = State.ATTENTION, text("The roster row is invalid: {problem}.", problem=row.problem)
    elif row.blocked:
        state, reason = State.SKIPPED, text("Blocked in Opsgenie: the subscription has no seat for them.")
    else:
        state, reason = State.ARRIVED, NO_TEXT
    return Person(
        number=number,
        email=row.email,
        name=row.name,
        role=row.role,
        locale=row.locale,
        sso=row.sso,
        email_verified=row.email_verified,
        problem=row.problem,
        state=state,
        reason=reason,
        since=now,
        due=now if state is State.ARRIVED else None,
        timeline=[Entry(at=now, state=state)],
    )


NEXT_STEP = {
    State.ARRIVED: text("Nothing. Landbridge looks up or creates the Atlassian account."),
    State.EMAIL_UNVERIFIED: text(
        "Ask them to open the verification email, or resend it; an admin who is certain that the "
        "address is theirs may verify it."
    ),
    State.AUTHENTICATING: text("Ask them to open the authentication email, or resend it."),
    State.CONNECTED: text("Nothing."),
    State.UNREACHABLE: text("Correct the address, resend if it works again, or exclude the person."),
    State.ATTENTION: text("Fix the problem that the reason describes, then resend; or exclude the person."),
    State.SKIPPED: text("Nothing; unblock them in Opsgenie if they should move."),
    State.EXCLUDED: text("Nothing."),
    State.LEFT_BEHIND: text("Invite them to the site manually, or start another migration for the people left behind."),
}
"""What to do next for a person in each state; the report shows it."""
AFTER_DECLINE = text("Correct the address, or exclude the person; or resend, which asks them again.")
"""What to do next for a person who declined."""
AFTER_DEFERRAL = text(
    "The mail server defers their emails; Landbridge retries. If this continues, correct the "
    "address, or exclude the person."
)
"""What to do next for a person whose email the mail server has not accepted yet."""

STATE_TITLES = {
    State.ARRIVED: text("Account not looked up yet"),
    State.EMAIL_UNVERIFIED: text("Email not confirmed"),
    State.AUTHENTICATING: text("Atlassian account not set up"),
    State.CONNECTED: text("Connected"),
    State.UNREACHABLE: text("Cannot be reached"),
    State.ATTENTION: text("Needs attention"),
    State.SKIPPED: text("Skipped"),
    State.EXCLUDED: text("Excluded"),
    State.LEFT_BEHIND: text("Left behind"),
}
"""The titles of the states, for owners and admins."""


def next_step(person: Person) -> Text:
    """Return what to do next for a person."""
    if person.declined:
        return AFTER_DECLINE
    return AFTER_DEFERRAL if person.deferrals and person.state in MAILED else NEXT_STEP[person.state]

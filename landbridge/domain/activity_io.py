"""What activities are asked to do, and an outcome per person: one bad record never stops the others."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose
from landbridge.domain.people import Counts
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text


class AccountQuestion(Model):
    """One person whose Atlassian account is asked for."""

    person: int
    email: str
    may_be_mailed: bool = False
    """Atlassian may mail its own invitation, where it is set to: the Opsgenie email is verified."""


class AccountOutcome(Model):
    """What Atlassian answered about one person."""

    person: int
    email: str
    """The address that was asked about."""
    account_id: str = ""
    """Empty: there is no account."""
    verified: bool = False
    """Atlassian's `emailVerified`: the person verified the address after the account was created."""
    created: bool = False
    """We created it just now."""
    mailed: bool = False
    """Atlassian has just mailed its own invitation, which replaces the first authentication email."""
    problem: Text = NO_TEXT
    """Why the account cannot be created or used, as a sentence for an admin."""


class AccountsInput(Model):
    """Look up a slice of people, or create the accounts that are missing."""

    questions: list[AccountQuestion]


class AccountsResult(Model):
    """The outcomes of a slice."""

    outcomes: list[AccountOutcome] = Field(default_factory=list)


class OutgoingMail(Model):
    """One mail to one person."""

    person: int
    purpose: Purpose
    generation: int
    email: str
    name: str = ""
    locale: str = ""
    sso: bool = False
    reminder: bool = False
    """A mail of this purpose went out before."""


class MailContext(Model):
    """What all mails of a slice have in common."""

    run: str
    """Tells this migration's mails from those of an earlier one; part of every Message-ID."""
    cohort_number: int
    cohort_id: str
    opsgenie_account: str
    site: Site
    initiator: str
    rules: Rules


class Refusal(Model):
    """A refused mail of which it is open whom the refusal concerns; see `domain.refusals`."""

    person: int
    purpose: Purpose
    generation: int


class Refusals(Model):
    """The refusals of a cohort that are in question.

    They are kept by purpose: a server may accept verification emails and reject authentication emails as spam.
    """

    in_question: list[Refusal] = Field(default_factory=list)
    """A mail of the same purpose that is accepted later settles them: they concern these people."""
    in_a_row: dict[Purpose, int] = Field(default_factory=dict)
    """How many of them there were since the last mail that was accepted, in the order of the mails."""
    accepted: list[Purpose] = Field(default_factory=list)
    """Purposes of which a mail was accepted, at all or since refusals were withdrawn."""
    withdrawn: list[int] = Field(default_factory=list)
    """People who are tried again, after everyone else: their refusal was taken for one of the sender."""


class SendMailsInput(Model):
    """Send a slice of mails."""

    context: MailContext
    mails: list[OutgoingMail]
    refusals: Refusals = Refusals()
    """Of the cohort, before this slice."""


class Delivery(StrEnum):
    """What the mail server said of one mail."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """Try this one again later (4xx for this recipient)."""
    REFUSED = "refused"
    """Never (5xx for this recipient)."""


class MailOutcome(Model):
    """What became of one mail."""

    person: int
    """The person's number; for a notice, the recipient's."""
    purpose: Purpose | None = None
    """None for a notice."""
    generation: int = 1
    delivery: Delivery
    reason: Text = NO_TEXT
    """The server's code and our words for it, without the address."""
    if_many: Text = NO_TEXT
    """For a refusal that may concern the sender: what to tell and to check if many are refused like this, as a
    sentence. Empty: the answer concerns this person alone."""


class MailProblem(Model):
    """Why a slice was not sent to its end."""

    message: Text
    """What failed and what to check."""
    needs_people: bool = False
    """Nothing is sent until an admin has fixed it and resumes."""
    retry_after: float = 0
    """Seconds to wait before the next mail; 0: none."""
    lasts: float = 0
    """Seconds after which a sending quota is free again at the latest; 0: it is no quota."""


class SendMailsResult(Model):
    """The outcomes of a slice, and why it ended early."""

    outcomes: list[MailOutcome] = Field(default_factory=list)
    problem: MailProblem | None = None
    """None: the server was asked about every mail, or the rest is simply for the next slice."""
    refusals: Refusals = Refusals()
    """Of the cohort, after this slice of people's mails."""


class NoticeKind(StrEnum):
    """Mails to owners and admins: a folder in `landbridge/emails/` each."""

    ADMIN_TASK = "admin_task"
    """The migration waits for them."""
    DEADLINE_PASSED = "deadline_passed"
    MIGRATION_COMPLETE = "migration_complete"
    MIGRATION_CANCELLED = "migration_cancelled"


class Notice(Model):
    """What a notice tells."""

    kind: NoticeKind
    opsgenie_account: str
    site: Site | None = None
    counts: Counts = Counts()
    task: Text = NO_TEXT
    """What to do, as a sentence, for `ADMIN_TASK`."""
    url: str = ""
    """Where to do it."""
    command: str = ""
    """The command that tells Landbridge it is done."""
    at: datetime | None = None
    """When it happened: the deadline, the completion, the cancellation."""
    reason: Text = NO_TEXT
    """Why, for `MIGRATION_CANCELLED`."""


class OutgoingNotice(Model):
    """One notice to one owner or admin."""

    message_id: str
    """The left part of the Message-ID, from `domain.ids`."""
    number: int
    recipient: AccountAdmin
    notice: Notice


class SendNoticesInput(Model):
    """Send a notice to everyone concerned."""

    notices: list[OutgoingNotice]


class RevokeInvitationsInput(Model):
    """Revoke the invitations of one cohort."""

    cohort_id: str
    run: str
    """See `domain.ids.run_of`: the cohort of another migration of the same account is left alone."""


class Undone(StrEnum):
    """What became of one invitation."""

    REVOKED = "revoked"
    """The account is not in the Atlassian organization any more."""
    KEPT = "kept"
    """The person had set up the account meanwhile."""
    FAILED = "failed"
    """Atlassian would not."""


class Revocation(Model):
    """What became of the invitation of one account."""

    account_id: str
    person: int = 0
    outcome: Undone


class RevokeInvitationsResult(Model):
    """What became of a cohort's invitations."""

    outcomes: list[Revocation] = Field(default_factory=list)


class SignUpInput(Model):
    """The guide's step 3 for the initiator."""

    email: str
    first_name: str
    last_name: str


class SiteInput(Model):
    """The guide's step 4, or the check of a site that was named."""

    email: str
    name: str
    first_name: str = ""
    last_name: str = ""


class ConnectInput(Model):
    """Connect the Opsgenie account to the site."""

    opsgenie_account: str
    site: Site
    confirmed: bool = False
    """An admin reports it done."""


class SignedUp(Model):
    """The initiator has an Atlassian account."""

    account_id: str


class Connected(Model):
    """The Opsgenie account is connected to the site."""


class NameNotFree(Model):
    """The site name is taken, now or in the past."""

    reason: Text
    suggestions: list[str] = Field(default_factory=list)
    """Valid names near it, free when asked."""


class AdminTask(Model):
    """Something only an admin can do, since Atlassian has no public API for it."""

    id: str
    """What requests call it, such as `create-site:acme`: whatever else there is to do has another id."""
    task: Text
    """What to do."""
    url: str = ""
    """Where."""


class SignUpResult(Model):
    """One of both."""

    signed_up: SignedUp | None = None
    task: AdminTask | None = None


class SiteResult(Model):
    """One of the three."""

    site: Site | None = None
    not_free: NameNotFree | None = None
    task: AdminTask | None = None


class ConnectResult(Model):
    """Done, or a task."""

    task: AdminTask | None = None


class SitesResult(Model):
    """The sites linked to the initiator's email."""

    sites: list[Site] = Field(default_factory=list)


class BroadcastInput(Model):
    """Tell all cohorts of a migration the same."""

    opsgenie_account: str
    cohorts: int
    signal: str
    """One of those that the migration sends: each may come twice and means the same."""
    message: dict[str, Any] | None = None
    """What the signal says, as JSON; none: it says nothing more."""


class AssignPeopleInput(Model):
    """Read the roster from its source and hand each cohort its people."""

    opsgenie_account: str
    cohorts: int
    moved: dict[str, int] = Field(default_factory=dict)
    """Which cohort looks after a corrected address, by `domain.addresses.key`."""
    refresh: bool = False
    """Assign only what has changed since: people who joined, addresses that were verified."""


class AssignPeopleResult(Model):
    """Every cohort has its people."""

    people: int
    """The roster's length."""
    admins: list[AccountAdmin] = Field(default_factory=list)
    """The owners and admins of today."""

"""Inputs and results of activities. Results have one outcome per person: one bad record never stops the others."""

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
    """One person whose Atlassian account is to be looked up or created."""

    person: int
    email: str
    may_be_mailed: bool = False
    """Atlassian may send its own invitation, if it is configured to: the Opsgenie email is verified."""


class AccountOutcome(Model):
    """What Atlassian answered about one person."""

    person: int
    email: str
    """The address that was looked up."""
    account_id: str = ""
    """The id of the Atlassian account; empty: there is none."""
    verified: bool = False
    """Atlassian's `emailVerified`: the person verified the address after the account was created."""
    created: bool = False
    """Landbridge has just created the account."""
    mailed: bool = False
    """Atlassian has just sent its own invitation, which replaces the first authentication email."""
    problem: Text = NO_TEXT
    """Why the account cannot be created or used, as a sentence for an admin."""


class AccountsInput(Model):
    """Look up the accounts of a batch of people, or create the missing accounts."""

    questions: list[AccountQuestion]


class AccountsResult(Model):
    """The outcomes of a batch."""

    outcomes: list[AccountOutcome] = Field(default_factory=list)


class OutgoingMail(Model):
    """One email to one person."""

    person: int
    purpose: Purpose
    generation: int
    email: str
    name: str = ""
    locale: str = ""
    sso: bool = False
    reminder: bool = False
    """An email of this purpose was sent before."""


class MailContext(Model):
    """What all emails of a batch have in common."""

    run: str
    """Distinguishes this migration's emails from those of an earlier migration; part of every Message-ID."""
    cohort_number: int
    cohort_id: str
    opsgenie_account: str
    site: Site
    initiator: str
    rules: Rules


class Refusal(Model):
    """A refused email that may be the recipient's or the sender's fault; see `domain.refusals`."""

    person: int
    purpose: Purpose
    generation: int


class Refusals(Model):
    """The refusals of a cohort that may be the recipients' or the sender's fault.

    They are counted by purpose: a server may accept verification emails and reject authentication emails as spam.
    """

    in_question: list[Refusal] = Field(default_factory=list)
    """Once an email of the same purpose is accepted, these refusals are the recipients' fault and leave the list."""
    in_a_row: dict[Purpose, int] = Field(default_factory=dict)
    """For each purpose, the number of refusals since the last accepted email, in the order of the emails."""
    accepted: list[Purpose] = Field(default_factory=list)
    """Purposes of which an email was accepted. Withdrawing refusals of a purpose removes it here."""
    withdrawn: list[int] = Field(default_factory=list)
    """People whose refusal was attributed to the sender; their email is retried after everyone else's."""


class SendMailsInput(Model):
    """Send a batch of emails."""

    context: MailContext
    mails: list[OutgoingMail]
    refusals: Refusals = Refusals()
    """The cohort's refusals before this batch."""


class Delivery(StrEnum):
    """The mail server's answer to one email."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """Retry this email later (4xx for this recipient)."""
    REFUSED = "refused"
    """Never retry this email (5xx for this recipient)."""


class MailOutcome(Model):
    """The outcome of one email."""

    person: int
    """The person's number; for a notice, the recipient's."""
    purpose: Purpose | None = None
    """None for a notice."""
    generation: int = 1
    delivery: Delivery
    reason: Text = NO_TEXT
    """The server's status code with Landbridge's explanation, without the address."""
    if_many: Text = NO_TEXT
    """For a refusal that may be the sender's fault: what to report and check if many emails are refused like this, as
    a sentence. Empty: the answer concerns only this person."""


class MailProblem(Model):
    """Why a batch was not sent completely."""

    message: Text
    """What failed and what to check."""
    needs_people: bool = False
    """Nothing is sent until an admin has fixed the problem and resumed."""
    retry_after: float = 0
    """Seconds to wait before the next email; 0: no wait."""
    lasts: float = 0
    """If the problem is a sending quota: seconds until it is available again, at the latest. 0: it is no quota."""


class SendMailsResult(Model):
    """The outcomes of a batch, and why it ended early."""

    outcomes: list[MailOutcome] = Field(default_factory=list)
    problem: MailProblem | None = None
    """None: the server answered for every email, or the rest is left to the next batch."""
    refusals: Refusals = Refusals()
    """The cohort's refusals after this batch."""


class NoticeKind(StrEnum):
    """Emails to owners and admins. Each kind has a folder in `landbridge/emails/`."""

    ADMIN_TASK = "admin_task"
    """The migration waits for them to do a task."""
    DEADLINE_PASSED = "deadline_passed"
    MIGRATION_COMPLETE = "migration_complete"
    MIGRATION_CANCELLED = "migration_cancelled"


class Notice(Model):
    """The content of a notice."""

    kind: NoticeKind
    opsgenie_account: str
    site: Site | None = None
    counts: Counts = Counts()
    task: Text = NO_TEXT
    """What to do, as a sentence, for `ADMIN_TASK`."""
    url: str = ""
    """Where to do it."""
    command: str = ""
    """The command that reports the task done."""
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
    """Send a notice to all its recipients."""

    notices: list[OutgoingNotice]


class RevokeInvitationsInput(Model):
    """Revoke the invitations of one cohort."""

    cohort_id: str
    run: str
    """See `domain.ids.run_of`. A cohort of another migration of the same account is not touched."""


class Undone(StrEnum):
    """The outcome of revoking one invitation."""

    REVOKED = "revoked"
    """The account is no longer in the Atlassian organization."""
    KEPT = "kept"
    """The person had set up the account in the meantime."""
    FAILED = "failed"
    """Atlassian did not revoke it."""


class Revocation(Model):
    """The outcome of revoking the invitation of one account."""

    account_id: str
    person: int = 0
    outcome: Undone


class RevokeInvitationsResult(Model):
    """The outcomes of revoking a cohort's invitations."""

    outcomes: list[Revocation] = Field(default_factory=list)


class SignUpInput(Model):
    """Sign up the initiator (the guide, step 3)."""

    email: str
    first_name: str
    last_name: str


class SiteInput(Model):
    """Create a site (the guide, step 4), or check an existing site that an admin named."""

    email: str
    name: str
    first_name: str = ""
    last_name: str = ""


class ConnectInput(Model):
    """Connect the Opsgenie account to the site."""

    opsgenie_account: str
    site: Site
    confirmed: bool = False
    """An admin reported the connection done."""


class SignedUp(Model):
    """The initiator has an Atlassian account."""

    account_id: str


class Connected(Model):
    """The Opsgenie account is connected to the site."""


class NameNotFree(Model):
    """The site name is taken, or was taken in the past."""

    reason: Text
    suggestions: list[str] = Field(default_factory=list)
    """Valid similar names, which were free when they were checked."""


class AdminTask(Model):
    """Something only an admin can do, since Atlassian has no public API for it."""

    id: str
    """Requests name the task by this id, such as `create-site:acme`; no other task has the same id."""
    task: Text
    """What to do."""
    url: str = ""
    """Where to do it."""


class SignUpResult(Model):
    """Exactly one field is set."""

    signed_up: SignedUp | None = None
    task: AdminTask | None = None


class SiteResult(Model):
    """Exactly one field is set."""

    site: Site | None = None
    not_free: NameNotFree | None = None
    task: AdminTask | None = None


class ConnectResult(Model):
    """The connection is done, or a task is left for an admin."""

    task: AdminTask | None = None


class SitesResult(Model):
    """The sites linked to the initiator's email."""

    sites: list[Site] = Field(default_factory=list)


class BroadcastInput(Model):
    """Send the same signal to all cohorts of a migration."""

    opsgenie_account: str
    cohorts: int
    signal: str
    """The signal's name. Cohorts tolerate duplicates of these signals, so a retry is safe."""
    message: dict[str, Any] | None = None
    """The signal's argument as JSON; none: it has no argument."""


class AssignPeopleInput(Model):
    """Read the roster from its source and assign each cohort its people."""

    opsgenie_account: str
    cohorts: int
    moved: dict[str, int] = Field(default_factory=dict)
    """The cohort that is responsible for each corrected address, by `domain.addresses.key`."""
    refresh: bool = False
    """Assign only changes since the last assignment: people who joined, and addresses that were verified."""


class AssignPeopleResult(Model):
    """Every cohort has its people."""

    people: int
    """Number of people on the roster."""
    admins: list[AccountAdmin] = Field(default_factory=list)
    """The current owners and admins."""

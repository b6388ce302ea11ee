"""The messages of the workflows: inputs, signals, updates, queries and their answers."""

from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, Field

from landbridge.domain.activity_io import Undone
from landbridge.domain.base import Model
from landbridge.domain.links import Purpose
from landbridge.domain.people import Actor, Counts, Person, Proof, State
from landbridge.domain.roster import RosterPerson, RosterSurvey
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import NO_TEXT, Text, text, verbatim


class Step(StrEnum):
    """The guide's seven steps, with short names and in the guide's order."""

    INITIATE = "1 initiate"
    CHOOSE_SITE = "2 choose site"
    SIGN_UP = "3 sign up"
    CREATE_SITE = "4 create site"
    AUTHENTICATE = "5 authenticate"
    VERIFY = "6 verify"
    COMPLETE = "7 complete"


MAX_REASON_LENGTH = 300
"""Maximum characters of a reason. It is stored with each person it concerns, and an answer of Temporal has at most
2 MB: a long text for each person of a cohort would exceed it."""
PROVIDE_ROSTER, RESUME = "provide-roster", "resume"
"""Ids of tasks (`Progress.task_id`): the starter assigns its roster file; an admin resumes after a pause."""
CANCELLED = "cancelled"
"""Shown instead of a step if the migration was cancelled."""
STEP_TITLES = {
    Step.INITIATE: "Initiating the connection",
    Step.CHOOSE_SITE: "Connect an existing Atlassian site",
    Step.SIGN_UP: "Create a new Atlassian account",
    Step.CREATE_SITE: "Create a new Atlassian site",
    Step.AUTHENTICATE: "Authentication process",
    Step.VERIFY: "Check if your users are verified",
    Step.COMPLETE: "Migration complete",
}
"""The guide's headings."""


class MigrationRequest(Model):
    """The request that starts a migration: what to migrate, and by which rules."""

    opsgenie_account: str
    initiator: str
    """Address of the owner or admin who initiates."""
    site: str = ""
    """The name of an existing site to connect; empty: see `new_site`."""
    new_site: NewSite | None = None
    """The site to create; none: see `site`. If both are empty, an admin is asked."""
    rules: Rules = Rules()
    notify: list[str] = Field(default_factory=list)
    """Who gets notices about tasks, the deadline and completion; empty: all owners and admins."""
    plan: str = ""
    """The digest of the roster that the plan was made with; any other roster is refused. Empty: no plan was made."""
    file_roster: RosterSurvey | None = None
    """A roster file, which the starter assigns to the cohorts; none: the roster is read from Opsgenie."""
    by: Actor = Actor()
    """Who starts the migration."""


class AddressClaim(Model):
    """A signal from one cohort to another: reserve an address for a person of the sending cohort.

    The address hashes to the receiving cohort. That cohort decides, because it knows everyone who has the address and
    everyone who requests it.
    """

    email: str
    """The requested address, normalised."""
    cohort: int
    """The number of the person's cohort."""
    person: int
    """The person's number in that cohort."""


class ClaimAnswer(Model):
    """A signal: the answer to an `AddressClaim`."""

    person: int
    granted: bool
    """Nobody else has or had the address, and from now on nobody else gets it."""


class MailHold(Model):
    """The mail server accepts no email for a while; the cohort resumes automatically."""

    message: Text
    """What `status` shows."""
    until: datetime
    """When email is retried."""
    over_by: datetime | None = None
    """If the cause is a sending quota: when it is available again, at the latest. None: it is no quota."""


class CohortStatus(Model):
    """A signal: a cohort's status. It is sent at milestones only, so that the migration's history stays small."""

    number: int
    opened: bool = False
    """Every account was looked up, and every first email was tried."""
    settled: bool = False
    """The cohort no longer waits for anyone."""
    problem: Text = NO_TEXT
    """Why the cohort pauses, or which service is unavailable."""
    deadline_passed: bool = False
    counts: Counts = Counts()
    moved: list[str] = Field(default_factory=list)
    """Corrected addresses of people in this cohort; `domain.roster.cohort_of` may return another cohort for them."""


class CohortResult(Model):
    """How a cohort ended."""

    number: int
    counts: Counts


class MigrationResult(Model):
    """How a migration ended. The per-person report is read by queries."""

    opsgenie_account: str
    site: Site | None
    """None: the migration was cancelled before it had a site."""
    counts: Counts
    partial: bool
    """The migration ended with people left behind."""
    cancelled: bool = False


class AdminsChanged(Model):
    """A signal to a cohort: the owners and admins have changed."""

    keys: list[str]
    """The keys of the current owners and admins; see `domain.authority`."""


class Begin(Model):
    """A signal to a cohort: the site exists, so start with accounts and emails."""

    site: Site


class Request(Model):
    """Fields of every request from an owner, admin or operator."""

    run: str = ""
    """The migration that the sender saw (`domain.ids.run_of`); any other migration refuses the request. Empty: any."""
    by: Actor = Actor()
    """Who sends the request."""


class PersonFact(Request):
    """A signal, which may also be sent by hand: a fact about one person (`email_verified`, `account_authenticated`)."""

    email: str
    """The person's address. A fact about a former address is ignored: its sender has not seen the correction."""


class LinkUse(StrEnum):
    """What a person does with an emailed link."""

    FOLLOWED = "followed"
    """They press the button on the link's page."""
    DECLINED = "declined"
    """They report that this is not their account."""
    RETURNED = "returned"
    """They come back from Atlassian's page, so the account must be looked up."""
    NEW_WANTED = "new wanted"
    """They request the email again."""


class LinkUsed(Model):
    """Someone used a link. The link's claims identify the person; see `domain.links.LinkClaims`."""

    use: LinkUse
    run: str
    person: int
    purpose: Purpose
    generation: int
    proof: Proof = ""
    """Proves that the portal received this link; see `domain.proof`."""


class LinksUsed(Model):
    """A signal from the portal: a batch of link uses, in the order in which people used the links."""

    used: list[LinkUsed]


class AssignPeople(Model):
    """An update: rows of the roster. New people join; for the others, only a newly verified email is recorded."""

    people: list[RosterPerson]


class Known(Model):
    """What a cohort knows about one address of a roster row; the answer to the query `known`."""

    email: str
    email_verified: bool
    """True also for a former address, about which the roster has nothing new to say."""


class ChooseSite(Request):
    """An update: the admin selects an existing site."""

    site: str
    """Its name or URL."""
    task: str = ""
    """The task that the sender saw (`Progress.task_id`). Empty: the sender expects that no site was chosen yet."""


class NameSite(Request):
    """An update: the admin names the site to create."""

    new_site: NewSite
    task: str = ""
    """As `ChooseSite.task`."""


class Decided(Model):
    """The answer to `ChooseSite` and `NameSite`."""

    site: Site | None = None
    """The site that was chosen."""
    task: Text = NO_TEXT
    """What an admin has to do first; empty if nothing."""
    command: str = ""
    """The command that reports the task done."""


class Confirm(Request):
    """An update: the admin reports a task done."""

    task: str = ""
    """The task's id (`Progress.task_id`). Required: by the time the request arrives, another task may be pending."""


class Resend(Request):
    """An update: send emails again, to named people or to everyone in a state."""

    emails: list[str] = Field(default_factory=list)
    one_of_many: bool = False
    """The sender named several people, so the answer lists who gets no email. For one person, it would be a refusal."""
    state: State | None = None


class NotSent(Model):
    """A named person who gets no email now, and why."""

    email: str
    """The address as it was given."""
    reason: Text


class Resent(Model):
    """The answer to `Resend`."""

    queued: int = 0
    not_now: int = 0
    """Number of people who get no email now (cool-down, or invalid row), including those in `refused`."""
    refused: list[NotSent] = Field(default_factory=list)
    """The named people who get no email. With a state instead of names, people are only counted."""

    def __add__(self, other: "Resent") -> "Resent":
        """Return the sum of both."""
        return Resent(
            queued=self.queued + other.queued,
            not_now=self.not_now + other.not_now,
            refused=[*self.refused, *other.refused],
        )


class Exclude(Request):
    """An update: take a person out of the migration."""

    email: str
    reason: str


class CorrectEmail(Request):
    """An update: give a person another address."""

    email: str
    new_email: str


class Pause(Request):
    """An update to a migration, passed to its cohorts as a signal."""

    reason: Text
    """The reason that the admin gave (`verbatim`), or Landbridge's own."""


class Resume(Request):
    """An update to a migration, passed to its cohorts as a signal."""

    reason: str = ""
    """The reason of the pause to end. Required if an admin requested the pause, because another admin may have paused
    again since. Not needed for a pause by Landbridge, which pauses again if the problem remains."""


class Refresh(Request):
    """An update to a migration, passed to its cohorts as a signal: query Opsgenie and Atlassian now."""


class Cancel(Request):
    """An update to a migration, passed to its cohorts as a signal: end the migration early."""

    reason: str
    """The reason that the admin gave; empty only if the migration was cancelled in Temporal."""
    undo: bool = False
    """Also revoke the invitations of people who have not set up their accounts."""

    @property
    def why(self) -> Text:
        """The reason as readers see it."""
        return verbatim(self.reason) if self.reason else text("It was cancelled in Temporal.")


class RevokeInvitations(Request):
    """An update to a migration that was cancelled without `Cancel.undo`: revoke the invitations after all.

    It never cancels a migration.
    """


class InvitedAccount(Model):
    """An Atlassian account that Landbridge's invitation created, of someone who is not connected."""

    person: int
    account_id: str


class UndoState(Model):
    """The state of an undo. Continue-as-new carries it to the next run."""

    started_at: datetime
    """When the first run began."""
    people: dict[int, dict[Undone, list[int]]] = Field(default_factory=dict)
    """The outcome of each invitation: people's numbers by cohort and outcome. About 600 kB for 100,000 people."""
    problem: Text = NO_TEXT
    """Why the undo makes no progress, or why it gave up, as a sentence."""
    over: bool = False
    """No invitation is left to revoke, or the undo gave up."""


class UndoRequest(Model):
    """The input of `UndoWorkflow`."""

    opsgenie_account: str
    run: str
    """The migration to undo; see `domain.ids.run_of`."""
    cohorts: int
    asked: Cancel | RevokeInvitations
    """The request for the undo."""
    state: UndoState | None = None
    """Set only by continue-as-new."""


class UndoProgress(Model):
    """The answer to the undo's query `progress`, and its result."""

    run: str
    cohorts: int = 0
    """Number of cohorts that are finished."""
    revoked: int = 0
    """Invitations revoked: these accounts are no longer in the Atlassian organization."""
    kept: int = 0
    """Invitations not revoked, because the person had set up the account in the meantime."""
    failed: int = 0
    """Invitations that Atlassian did not revoke."""
    problem: Text = NO_TEXT
    """Why the undo makes no progress or has given up; request it again once the problem is fixed."""
    over: bool = False


class Deadline(Model):
    """How long a migration waits for people, and what happens then."""

    deadline: AwareDatetime | None
    """None: as long as necessary."""
    at_deadline: AtDeadline


class SetDeadline(Request, Deadline):
    """An update to a migration, passed to its cohorts as a signal."""

    instead_of: Deadline | None = None
    """The deadline that the sender saw; none: any current deadline is accepted."""


class StepStatus(StrEnum):
    """The status of a step."""

    TODO = "to do"
    RUNNING = "running"
    WAITING = "waiting for you"
    """An owner or admin has something to do."""
    DONE = "done"
    SKIPPED = "not needed"
    CANCELLED = "cancelled"


class Owner(StrEnum):
    """Who has to act in a step."""

    LANDBRIDGE = "landbridge"
    ADMINS = "owners and admins"
    PEOPLE = "people"


STEP_OWNERS = {
    Step.INITIATE: Owner.LANDBRIDGE,
    Step.CHOOSE_SITE: Owner.ADMINS,
    Step.SIGN_UP: Owner.LANDBRIDGE,
    Step.CREATE_SITE: Owner.LANDBRIDGE,
    Step.AUTHENTICATE: Owner.LANDBRIDGE,
    Step.VERIFY: Owner.PEOPLE,
    Step.COMPLETE: Owner.LANDBRIDGE,
}
"""Who normally has to act in each step. While a step is `WAITING`, owners and admins do."""


class ChecklistItem(Model):
    """One step of the guide, and its status."""

    step: Step
    title: str
    owner: Owner
    status: StepStatus
    note: Text = NO_TEXT
    """What happened, or what to do."""
    since: datetime | None = None


class Progress(Model):
    """The answer to a migration's query `progress`. It does not count people: cohorts do."""

    opsgenie_account: str
    initiator: str
    step: Step
    task: Text = NO_TEXT
    """What the migration waits for an admin to do; empty if nothing."""
    url: str = ""
    """Where to do it."""
    command: str = ""
    """The command that reports the task done, or that does it."""
    task_id: str = ""
    """Requests name the task by this id; no other task has the same id. Empty if there is no task."""
    can_be_confirmed: bool = False
    """The task is done outside Landbridge, so an admin must report it done."""
    suggestions: list[str] = Field(default_factory=list)
    """Site names to choose from, when a site name is needed."""
    sites: list[Site] = Field(default_factory=list)
    """The sites linked to the initiator's email, once they were listed."""
    site: Site | None = None
    """The site that was chosen or created."""
    paused: Text = NO_TEXT
    """Why nothing new is started; empty while the migration is not paused."""
    cancelled: Text = NO_TEXT
    """Why the migration was cancelled; empty if it was not."""
    problems: list[Text] = Field(default_factory=list)
    """What keeps cohorts from working, without duplicates."""
    deadline: datetime | None = None
    at_deadline: AtDeadline = AtDeadline.KEEP_WAITING
    cohorts: int = 0
    """How many cohorts run; 0 before the roster is known."""
    checklist: list[ChecklistItem] = Field(default_factory=list)


class PeopleQuery(Model):
    """Selects people of a cohort; the argument of the query `people`."""

    states: list[State] = Field(default_factory=list)
    """Empty: all."""
    search: str = ""
    """Part of a name or an address, in any spelling; empty: all. See `domain.search`."""
    email: str = ""
    """One person, by any spelling of the address."""
    person: int = 0
    """One person, by number."""
    start: int = 1
    """The smallest person number to return: where the page starts."""
    limit: int = 250
    """Maximum number of people."""

    @property
    def one(self) -> bool:
        """Whether this query is about a single person."""
        return bool(self.email or self.person)


class PeoplePage(Model):
    """The answer to `people`."""

    people: list[Person]
    """In the order of their numbers. Timelines are omitted unless the query is about a single person."""
    next: int = 0
    """The number of the next person who matches; 0: there are no more."""


class CohortView(Model):
    """The answer to a cohort's query `cohort`."""

    number: int
    counts: Counts
    problem: Text = NO_TEXT
    """Why the cohort pauses, or which service is unavailable."""
    paused: bool = False
    """The cohort starts nothing new until an admin resumes the migration."""
    begun: bool = False

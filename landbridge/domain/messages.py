"""What is said to and by the workflows: inputs, signals, updates, queries and their answers."""

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
    """The guide's seven steps, under short names; the order is theirs."""

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
HAND_OUT_ROSTER, RESUME = "hand-out-roster", "resume"
"""Ids of tasks (`Progress.task_id`): the starter distributes its roster file; an admin resumes after a pause."""
CANCELLED = "cancelled"
"""Shown instead of a step once a migration was cancelled."""
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
    """What to migrate, and by which rules; who starts a migration sends it."""

    opsgenie_account: str
    initiator: str
    """Address of the owner or admin who initiates."""
    site: str = ""
    """The name of an existing site to connect; empty: see `new_site`."""
    new_site: NewSite | None = None
    """The site to create; none, with `site` empty: the admin is asked."""
    rules: Rules = Rules()
    notify: list[str] = Field(default_factory=list)
    """Who gets the notices of tasks, deadline and completion; empty: all owners and admins."""
    plan: str = ""
    """The digest of the roster that a plan was made with; empty: there was none. Another roster is refused."""
    file_roster: RosterSurvey | None = None
    """A roster file, which the starter assigns to the cohorts; none: the roster is read from Opsgenie."""
    by: Actor = Actor()
    """Who starts it."""


class AddressClaim(Model):
    """A signal from one cohort to another: a person of the first is to get an address that is of the other by its hash.

    The cohort of the hash knows everyone who came with the address, and everyone who asks for it: it decides.
    """

    email: str
    """Normalised."""
    cohort: int
    """The number of the cohort that looks after the person."""
    person: int
    """The person's number in it."""


class ClaimAnswer(Model):
    """A signal: the answer to an `AddressClaim`."""

    person: int
    granted: bool
    """Nobody else has the address or had it, and nobody else gets it from now on."""


class MailHold(Model):
    """The mail server accepts no email for a while; the cohort resumes automatically."""

    message: Text
    """What `status` shows."""
    until: datetime
    """When mail is tried again."""
    over_by: datetime | None = None
    """When a sending quota is free again at the latest; none: it is no quota."""


class CohortStatus(Model):
    """A signal: what a cohort tells its migration. Milestones only, so that the migration's history stays small."""

    number: int
    opened: bool = False
    """Everyone's account is known, and everyone who is to get a first mail was sent it."""
    settled: bool = False
    """The cohort waits for nobody."""
    problem: Text = NO_TEXT
    """Why the cohort pauses, or which service is unavailable."""
    deadline_passed: bool = False
    counts: Counts = Counts()
    moved: list[str] = Field(default_factory=list)
    """Corrected addresses that this cohort looks after although `domain.roster.cohort_of` would say another."""


class CohortResult(Model):
    """How a cohort ended."""

    number: int
    counts: Counts


class MigrationResult(Model):
    """How a migration ended; the report per person is a query."""

    opsgenie_account: str
    site: Site | None
    """None: it was cancelled before there was one."""
    counts: Counts
    partial: bool
    """Ended with people left behind."""
    cancelled: bool = False


class AdminsChanged(Model):
    """A signal to a cohort: the owners and admins are others than before."""

    keys: list[str]
    """What they are known by; see `domain.authority`."""


class Begin(Model):
    """A signal to a cohort: the site exists, so start with accounts and emails."""

    site: Site


class Request(Model):
    """What every request of an owner, admin or operator says."""

    run: str = ""
    """The migration that its sender saw (`domain.ids.run_of`): another one refuses it. Empty: whichever one runs."""
    by: Actor = Actor()
    """Who asks."""


class PersonFact(Request):
    """A signal, also by hand: a fact about one person (`email_verified`, `account_authenticated`)."""

    email: str
    """The person's address. A former one is ignored: who names it has not seen the correction."""


class LinkUse(StrEnum):
    """What a person does with a mailed link."""

    FOLLOWED = "followed"
    """They press the button behind it."""
    DECLINED = "declined"
    "The person reported that this is not their account."
    RETURNED = "returned"
    """They come back from Atlassian's page; it is time to ask there."""
    NEW_WANTED = "new wanted"
    """They ask for the mail again."""


class LinkUsed(Model):
    """Someone used a link; what it claims says who (see `domain.links.LinkClaims`)."""

    use: LinkUse
    run: str
    person: int
    purpose: Purpose
    generation: int
    proof: Proof = ""
    """What proves that the portal was shown this link."""


class LinksUsed(Model):
    """A signal from the portal: links that people used at the same time, in the order in which they did."""

    used: list[LinkUsed]


class AssignPeople(Model):
    """An update: rows of the roster. New people join; for the others, only a newly verified email is recorded."""

    people: list[RosterPerson]


class Known(Model):
    """What a cohort knows of one roster row; the answer to the query `known`."""

    email: str
    email_verified: bool
    """Or nothing more to learn about it: an address that was corrected."""


class ChooseSite(Request):
    """An update: the admin selects an existing site."""

    site: str
    """Its name or URL."""
    task: str = ""
    """The task that its sender saw (`Progress.task_id`). Empty: the choice of a site, while nobody has made it."""


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
    """How to report that task done."""


class Confirm(Request):
    """An update: the admin reports a task done."""

    task: str = ""
    """Its id (`Progress.task_id`), required: the next task may wait by the time the request arrives."""


class Resend(Request):
    """An update: send mails again, to people who are named or to all of a state."""

    emails: list[str] = Field(default_factory=list)
    one_of_many: bool = False
    """Others are named besides: the answer says who gets none, where a request about one person alone is refused."""
    state: State | None = None


class NotSent(Model):
    """Why someone who was named gets no mail now."""

    email: str
    """As it was given."""
    reason: Text


class Resent(Model):
    """The answer to `Resend`."""

    queued: int = 0
    not_now: int = 0
    """People for whom the cool-down still runs, or whose row cannot be used; and those of `refused`."""
    refused: list[NotSent] = Field(default_factory=list)
    """Of those who were named, who gets none; people of a state are only counted."""

    def __add__(self, other: "Resent") -> "Resent":
        """Return both together."""
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
    """The reason of the pause to end, if an admin requested it: another admin may have paused again since. Not needed
    for a pause by Landbridge, which pauses again if the problem remains."""


class Refresh(Request):
    """An update to a migration, passed to its cohorts as a signal: ask Opsgenie and Atlassian now."""


class Cancel(Request):
    """An update to a migration, passed to its cohorts as a signal: it ends before its time."""

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
    """What an undo knows. Continue-as-new carries it to the next run."""

    started_at: datetime
    """When the first run began."""
    people: dict[int, dict[Undone, list[int]]] = Field(default_factory=dict)
    """The outcome of each invitation: people's numbers by cohort and outcome. For 100,000 people some 600 kB."""
    problem: Text = NO_TEXT
    """Why the undo makes no progress, or why it gave up, as a sentence."""
    over: bool = False
    """No invitation is left to revoke, or the undo gave up."""


class UndoRequest(Model):
    """The input of `UndoWorkflow`."""

    opsgenie_account: str
    run: str
    """Which migration of the account it undoes; see `domain.ids.run_of`."""
    cohorts: int
    asked: Cancel | RevokeInvitations
    """The request for the undo."""
    state: UndoState | None = None
    """Set by continue-as-new alone."""


class UndoProgress(Model):
    """The answer to the undo's query `progress`, and its result."""

    run: str
    cohorts: int = 0
    """How many cohorts are done with."""
    revoked: int = 0
    """Invitations revoked: these accounts are not in the Atlassian organization any more."""
    kept: int = 0
    """Left alone, since the person had set up the account meanwhile."""
    failed: int = 0
    """What Atlassian would not revoke."""
    problem: Text = NO_TEXT
    """Why it does not continue or has given up; request it again once the problem is fixed."""
    over: bool = False


class Deadline(Model):
    """Until when a migration waits for people."""

    deadline: AwareDatetime | None
    """None: as long as it takes."""
    at_deadline: AtDeadline


class SetDeadline(Request, Deadline):
    """An update to a migration, passed to its cohorts as a signal."""

    instead_of: Deadline | None = None
    """What its sender saw; none: any state is accepted."""


class StepStatus(StrEnum):
    """How far a step is."""

    TODO = "to do"
    RUNNING = "running"
    WAITING = "waiting for you"
    """An owner or admin has something to do."""
    DONE = "done"
    SKIPPED = "not needed"
    CANCELLED = "cancelled"


class Owner(StrEnum):
    """Who moves a step on."""

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
"""Who moves each step on as a rule; while it is `WAITING`, owners and admins do."""


class ChecklistItem(Model):
    """One step of the guide, and its status."""

    step: Step
    title: str
    owner: Owner
    status: StepStatus
    note: Text = NO_TEXT
    """What happened, or what there is to do."""
    since: datetime | None = None


class Progress(Model):
    """The answer to a migration's query `progress`; people are counted by the cohorts."""

    opsgenie_account: str
    initiator: str
    step: Step
    task: Text = NO_TEXT
    """What the migration waits for an admin to do; empty if nothing."""
    url: str = ""
    """Where to do it."""
    command: str = ""
    """How to tell Landbridge."""
    task_id: str = ""
    """What requests call the task: another task has another id. Empty if there is no task."""
    can_be_confirmed: bool = False
    """The task is done outside Landbridge, so an admin must report it done."""
    suggestions: list[str] = Field(default_factory=list)
    """Site names to choose from, when one is asked for."""
    sites: list[Site] = Field(default_factory=list)
    """The sites linked to the initiator's email, once listed."""
    site: Site | None = None
    """The site that was chosen or created."""
    paused: Text = NO_TEXT
    """Why nothing new is started; empty while the migration is not paused."""
    cancelled: Text = NO_TEXT
    """Why the migration was cancelled; empty if it was not."""
    problems: list[Text] = Field(default_factory=list)
    """What keeps cohorts from their work, each once."""
    deadline: datetime | None = None
    at_deadline: AtDeadline = AtDeadline.KEEP_WAITING
    cohorts: int = 0
    """How many cohorts run; 0 before the roster is known."""
    checklist: list[ChecklistItem] = Field(default_factory=list)


class PeopleQuery(Model):
    """Which of a cohort's people; the argument of the query `people`."""

    states: list[State] = Field(default_factory=list)
    """Empty: all."""
    search: str = ""
    """Part of a name or an address, in any spelling; empty: all. See `domain.search`."""
    email: str = ""
    """One person, by any spelling of the address."""
    person: int = 0
    """One person, by number."""
    start: int = 1
    """Nobody with a smaller number: where the page before left off."""
    limit: int = 250
    """People at most."""

    @property
    def one(self) -> bool:
        """Whether a single person is asked for."""
        return bool(self.email or self.person)


class PeoplePage(Model):
    """The answer to `people`."""

    people: list[Person]
    """In the order of their numbers; without their timelines, unless one person was asked for."""
    next: int = 0
    """The number of the next person who matches; 0: there is none."""


class CohortView(Model):
    """The answer to a cohort's query `cohort`."""

    number: int
    counts: Counts
    problem: Text = NO_TEXT
    """Why it pauses, or which service is unavailable."""
    paused: bool = False
    """It starts nothing new until an admin resumes it."""
    begun: bool = False

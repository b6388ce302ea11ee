"""A dry run: what a migration would do to each person and why, and what stops it."""

from enum import StrEnum

from pydantic import Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose
from landbridge.domain.people import State
from landbridge.domain.sites import Site
from landbridge.domain.survey import AccountState, Manager


class PlannedAction(StrEnum):
    """What would happen to a person; everyone has exactly one."""

    NEW = "new"
    """Is invited, and so gets an Atlassian account."""
    ADOPTED = "adopted"
    """Has an Atlassian account that is used as it is, once its email is verified."""
    NEEDS_NOTHING = "needs_nothing"
    """Has a verified Atlassian account: gets no mail."""
    OVER_LICENCE = "over_licence"
    """Would be invited, but the licence has no seat left for them."""
    UNUSABLE = "unusable"
    """Has an Atlassian account that cannot be used: deactivated, closed, suspended or about to be deleted."""
    BLOCKED = "blocked"
    """Is blocked in Opsgenie, so is not moved."""
    DUPLICATE = "duplicate"
    """Stands on the roster twice; the first row counts."""
    INVALID = "invalid"
    """Stands on the roster with something that cannot be used, such as the address."""


class PlanLine(Model):
    """What would happen to one person."""

    email: str
    name: str
    role: str
    fate: PlannedAction
    state: State
    """Where the person stands once the first mails went out; `arrived`: there is no seat to go on with."""
    mail: Purpose | None = None
    """The first mail they get; none: they get none."""
    account: AccountState | None = None
    """How the Atlassian account stands; none: it was not looked up, since it does not matter."""
    manager: Manager | None = None
    """Which organization decides over the Atlassian account; none: as before."""
    email_verified: bool
    """The Opsgenie email is verified."""
    sso: bool
    """Signs in by single sign-on."""
    reason: str
    """Why, and what is particular about this person, in sentences."""


class Totals(Model):
    """The plan in numbers."""

    people: int = 0
    by_fate: dict[PlannedAction, int] = Field(default_factory=dict)
    by_mail: dict[Purpose, int] = Field(default_factory=dict)
    """How many people get which mail first."""
    by_manager: dict[Manager, int] = Field(default_factory=dict)
    """Who decides over the Atlassian accounts, of those that were looked up."""
    sso: int = 0
    """People who sign in by single sign-on."""

    def __getitem__(self, fate: PlannedAction) -> int:
        """Return how many people have one fate."""
        return self.by_fate.get(fate, 0)


class BlockerKind(StrEnum):
    """What can stop a migration."""

    ROSTER = "roster"
    INITIATOR = "initiator"
    SITE = "site"
    LICENCE = "licence"
    NEIGHBOUR = "neighbour"
    """Opsgenie or Atlassian refuses us: credentials, rights, subscription, TLS."""


class Blocker(Model):
    """One thing that stops a migration before it has moved everyone it could."""

    kind: BlockerKind
    sentence: str
    """What it is, and what to do."""


class Plan(Model):
    """The whole dry run."""

    opsgenie_account: str
    initiator: str
    site: str = ""
    """The site that was asked for: an existing one, or one to create; empty: the admin will be asked."""
    digest: str = ""
    """Stands for the roster; a start with `--plan` insists on it. Empty: the roster cannot be used."""
    stops: list[Blocker] = Field(default_factory=list)
    """What stops the migration; none: it can start."""
    remarks: list[str] = Field(default_factory=list)
    """What could not be found out, and what else is good to know."""
    sites: list[Site] = Field(default_factory=list)
    """The sites linked to the initiator's email."""
    totals: Totals = Totals()
    people: list[PlanLine] = Field(default_factory=list)
    """Everyone on the roster once, in its order."""

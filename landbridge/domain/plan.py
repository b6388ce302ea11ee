"""A dry run: what a migration would do for each person and why, and what blocks it."""

from enum import StrEnum

from pydantic import Field

from landbridge.domain.base import Model
from landbridge.domain.links import Purpose
from landbridge.domain.people import State
from landbridge.domain.sites import Site
from landbridge.domain.survey import AccountState, Manager


class PlannedAction(StrEnum):
    """What would happen to a person; each person has exactly one action."""

    NEW = "new"
    """Would be invited, which creates an Atlassian account."""
    ADOPTED = "adopted"
    """Has an Atlassian account, which is used once its email is verified."""
    NEEDS_NOTHING = "needs_nothing"
    """Has a verified Atlassian account, so receives no email."""
    OVER_LICENCE = "over_licence"
    """Would be invited, but the licence has no seat left for them."""
    UNUSABLE = "unusable"
    """Has an unusable Atlassian account: deactivated, closed, suspended or scheduled for deletion."""
    BLOCKED = "blocked"
    """Is blocked in Opsgenie, so is not migrated."""
    DUPLICATE = "duplicate"
    """Listed twice in the roster; the first row counts."""
    INVALID = "invalid"
    """The roster row has an invalid value, such as the address."""


class PlanLine(Model):
    """What would happen to one person."""

    email: str
    name: str
    role: str
    action: PlannedAction
    state: State
    """The person's state after the first emails; `arrived`: no seat is left for them."""
    mail: Purpose | None = None
    """The first email they receive, if any."""
    account: AccountState | None = None
    """The state of the Atlassian account; none: it was not looked up, because it makes no difference."""
    manager: Manager | None = None
    """Which organization manages the Atlassian account; none: it was not looked up."""
    email_verified: bool
    """The Opsgenie email is verified."""
    sso: bool
    """Signs in by single sign-on."""
    reason: str
    """Why, and anything special about this person, in sentences."""


class Totals(Model):
    """The plan in numbers."""

    people: int = 0
    by_action: dict[PlannedAction, int] = Field(default_factory=dict)
    by_mail: dict[Purpose, int] = Field(default_factory=dict)
    """How many people receive which email first."""
    by_manager: dict[Manager, int] = Field(default_factory=dict)
    """Number of Atlassian accounts that were looked up, by manager."""
    sso: int = 0
    """People who sign in by single sign-on."""

    def __getitem__(self, action: PlannedAction) -> int:
        """Return for how many people this action is planned."""
        return self.by_action.get(action, 0)


class BlockerKind(StrEnum):
    """What can stop a migration."""

    ROSTER = "roster"
    INITIATOR = "initiator"
    SITE = "site"
    LICENCE = "licence"
    SERVICE = "service"
    """Opsgenie or Atlassian rejects all requests: credentials, permissions, subscription, TLS."""


class Blocker(Model):
    """A reason why the migration cannot move everyone."""

    kind: BlockerKind
    message: str
    """What blocks the migration, and what to do."""


class Plan(Model):
    """The whole dry run."""

    opsgenie_account: str
    initiator: str
    site: str = ""
    """The requested site, existing or to create; empty: an admin will be asked."""
    digest: str = ""
    """Identifies the roster's contents; `start --plan` refuses any other. Empty: the roster is invalid."""
    blockers: list[Blocker] = Field(default_factory=list)
    """What blocks the migration; none: it can start."""
    remarks: list[str] = Field(default_factory=list)
    """What is unknown, and further notes."""
    sites: list[Site] = Field(default_factory=list)
    """The sites linked to the initiator's email."""
    totals: Totals = Totals()
    people: list[PlanLine] = Field(default_factory=list)
    """Everyone on the roster once, in its order."""

"""What Atlassian knows before the migration changes anything; a dry run is based on it."""

from enum import StrEnum

from landbridge.domain.base import Model
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text


class AccountState(StrEnum):
    """Whether an address has an Atlassian account, and whether it can be used."""

    NOT_SHOWN = "not_shown"
    """The organization's API shows no account: none exists, or it is outside the organization. The API hides which."""
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    """Active, but without access to this organization."""
    FOR_DELETION = "for_deletion"


class Manager(StrEnum):
    """Which organization manages an account: the one that has claimed the domain of its address."""

    THIS_ORGANIZATION = "this_organization"
    """For an account that is not shown: this organization will manage it, because the domain is verified here."""
    ANOTHER_ORGANIZATION = "another_organization"
    """The account is managed although its domain is not verified here."""
    NOBODY = "nobody"
    """The account is the person's own."""
    UNKNOWN = "unknown"
    """Not shown, and the domain is not verified here: another organization may have claimed it."""


class AccountLookup(Model):
    """What Atlassian says about an address now."""

    email: str
    """The address that was looked up, in the caller's spelling."""
    state: AccountState = AccountState.NOT_SHOWN
    verified: bool = False
    """Atlassian's `emailVerified`: a verified account needs nothing more."""
    manager: Manager = Manager.UNKNOWN
    problem: Text = NO_TEXT
    """Why the migration could not use the account, as a sentence for an admin."""


class Seats(Model):
    """The licence of one product on one site."""

    site: Site
    product: str
    """Atlassian's key of the product, such as `jira`."""
    used: int | None = None
    """Number of people who can use the product now; none: Atlassian does not say."""
    allowed: int | None = None
    """Number of people that the licence covers; none: Atlassian does not say, as for products without a limit."""

    @property
    def free(self) -> int | None:
        """Number of free seats, never below 0; None if it is unknown."""
        if self.used is None or self.allowed is None:
            return None
        return max(self.allowed - self.used, 0)

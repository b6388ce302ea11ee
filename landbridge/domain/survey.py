"""What Atlassian knows before anything is changed: the ground of a dry run."""

from enum import StrEnum

from landbridge.domain.base import Model
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text


class AccountState(StrEnum):
    """Whether an address has an Atlassian account, and whether it can be used."""

    NOT_SHOWN = "not_shown"
    """The organization's API shows none. There is none, or it is outside the organization: that the API never tells."""
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    CLOSED = "closed"
    SUSPENDED = "suspended"
    """Active, but shut out of this organization."""
    FOR_DELETION = "for_deletion"


class Manager(StrEnum):
    """Which organization decides over an account: the one that has claimed the domain of its address."""

    THIS_ORGANIZATION = "this_organization"
    """For an account that is not shown: it will manage it, since the domain is verified here."""
    ANOTHER_ORGANIZATION = "another_organization"
    """The account is managed although its domain is not verified here."""
    NOBODY = "nobody"
    """The account is the person's own."""
    UNKNOWN = "unknown"
    """Not shown, and the domain is not verified here: another organization may have claimed it."""


class AccountLookup(Model):
    """What Atlassian says about an address today."""

    email: str
    """The address that was asked about, as it was spelt in the question."""
    state: AccountState = AccountState.NOT_SHOWN
    verified: bool = False
    """Atlassian's `emailVerified`: such an account needs nothing."""
    manager: Manager = Manager.UNKNOWN
    problem: Text = NO_TEXT
    """Why the migration could not use the account as it is, as a sentence for an admin."""


class Seats(Model):
    """The licence of one product on one site."""

    site: Site
    product: str
    """Atlassian's key of it, such as `jira`."""
    used: int | None = None
    """People who can use it now; none: Atlassian does not say."""
    allowed: int | None = None
    """People that the licence covers; none: Atlassian does not say, as for products without a limit."""

    @property
    def free(self) -> int | None:
        """Seats left, never below 0; none: it is not known."""
        if self.used is None or self.allowed is None:
            return None
        return max(self.allowed - self.used, 0)

"""Requests and responses of the Organizations API for a dry run: domains, accounts, seats. No IO.

Source: as in `integrations.atlassian.organizations`.
"""

from collections.abc import Collection, Iterable
from urllib.parse import quote

from landbridge.domain import addresses
from landbridge.domain.activity_io import AccountOutcome
from landbridge.domain.survey import AccountLookup, AccountState, Manager, Seats
from landbridge.integrations.atlassian.organizations import EVERY_DIRECTORY, User, Workspace, site_of
from landbridge.integrations.http import Body, Request

_VERIFIED, _MANAGED = "verified", "managed"
_STATES = {
    "closed": AccountState.CLOSED,
    "inactive": AccountState.DEACTIVATED,
    "for_deletion": AccountState.FOR_DELETION,
    "suspended": AccountState.SUSPENDED,
}
"""Values of `accountStatus`, `status` and `membershipStatus` that block a migration, in order of precedence."""


class Claim(Body):
    """The organization's claim of a domain."""

    status: str | None = None


class DomainAttributes(Body):
    """The attributes of a domain."""

    name: str | None = None
    claim: Claim = Claim()


class Domain(Body):
    """A domain that the organization has claimed or tried to claim."""

    attributes: DomainAttributes


class UserCount(Body):
    """The response to a request for the number of users."""

    count: int


def domains_request(org_id: str, cursor: str = "") -> Request:
    """Request the domains that the organization has claimed."""
    return Request("GET", f"/admin/v1/orgs/{quote(org_id, safe='')}/domains", {"cursor": cursor} if cursor else {})


def user_count_request(org_id: str, workspace_id: str) -> Request:
    """Request the number of people who can use a workspace."""
    path = f"/admin/v2/orgs/{quote(org_id, safe='')}/directories/{EVERY_DIRECTORY}/users/count"
    return Request("GET", path, {"resourceIds": workspace_id})


def verified_domains(domains: Iterable[Domain]) -> frozenset[str]:
    """Return the domains whose accounts the organization manages. A subdomain counts as a separate domain."""
    claimed = (domain.attributes for domain in domains if domain.attributes.claim.status == _VERIFIED)
    return frozenset(_domain(f"someone@{claim.name}") for claim in claimed if claim.name)


def lookup(email: str, user: User | None, found: AccountOutcome, own_domains: Collection[str]) -> AccountLookup:
    """Return the state of an address; `found` is the outcome of the migration's own lookup."""
    ours = _domain(email) in own_domains
    if user is None:
        return AccountLookup(email=email, manager=Manager.THIS_ORGANIZATION if ours else Manager.UNKNOWN)
    states = {user.account_status, user.status, user.membership_status}
    manager = Manager.NOBODY
    if user.claim_status == _MANAGED:
        manager = Manager.THIS_ORGANIZATION if ours else Manager.ANOTHER_ORGANIZATION
    return AccountLookup(
        email=email,
        state=next((state for value, state in _STATES.items() if value in states), AccountState.ACTIVE),
        verified=found.verified,
        manager=manager,
        problem=found.problem,
    )


def seats_of(workspace: Workspace, used: int | None) -> Seats | None:
    """Return the licence of a workspace; None if it is not an online product on a site."""
    site = site_of(workspace)
    if site is None:
        return None
    return Seats(
        site=site, product=workspace.attributes.type_key or "", used=used, allowed=workspace.attributes.capacity
    )


def _domain(email: str) -> str:
    return addresses.key(email).rpartition("@")[2]

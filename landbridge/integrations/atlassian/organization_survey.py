"""The Atlassian Organizations API, spoken but not sent, as far as it tells what is there: domains, standing, seats.

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
"""Values of `accountStatus`, `status` and `membershipStatus` that stand in the way, in this order."""


class Claim(Body):
    """The organization's claim to a domain."""

    status: str | None = None


class DomainAttributes(Body):
    """What is said of a domain."""

    name: str | None = None
    claim: Claim = Claim()


class Domain(Body):
    """A domain that the organization has claimed, or tried to."""

    attributes: DomainAttributes


class UserCount(Body):
    """The answer to a question for how many people there are."""

    count: int


def domains_request(org_id: str, cursor: str = "") -> Request:
    """Ask which domains the organization has claimed."""
    return Request("GET", f"/admin/v1/orgs/{quote(org_id, safe='')}/domains", {"cursor": cursor} if cursor else {})


def user_count_request(org_id: str, workspace_id: str) -> Request:
    """Ask how many people can use a workspace."""
    path = f"/admin/v2/orgs/{quote(org_id, safe='')}/directories/{EVERY_DIRECTORY}/users/count"
    return Request("GET", path, {"resourceIds": workspace_id})


def verified_domains(domains: Iterable[Domain]) -> frozenset[str]:
    """Return the domains whose accounts the organization manages. A subdomain is a domain of its own."""
    claimed = (domain.attributes for domain in domains if domain.attributes.claim.status == _VERIFIED)
    return frozenset(_domain(f"someone@{claim.name}") for claim in claimed if claim.name)


def standing(email: str, user: User | None, found: AccountOutcome, own_domains: Collection[str]) -> AccountLookup:
    """Return how an address stands; `found` is what the migration itself would make of `user`."""
    ours = _domain(email) in own_domains
    if user is None:
        return AccountLookup(email=email, manager=Manager.THIS_ORGANIZATION if ours else Manager.UNKNOWN)
    said = {user.account_status, user.status, user.membership_status}
    manager = Manager.NOBODY
    if user.claim_status == _MANAGED:
        manager = Manager.THIS_ORGANIZATION if ours else Manager.ANOTHER_ORGANIZATION
    return AccountLookup(
        email=email,
        state=next((state for word, state in _STATES.items() if word in said), AccountState.ACTIVE),
        verified=found.verified,
        manager=manager,
        problem=found.problem,
    )


def seats_of(workspace: Workspace, used: int | None) -> Seats | None:
    """Return the licence of a workspace; none if it is not a product that is online on a site."""
    site = site_of(workspace)
    if site is None:
        return None
    return Seats(
        site=site, product=workspace.attributes.type_key or "", used=used, allowed=workspace.attributes.capacity
    )


def _domain(email: str) -> str:
    return addresses.key(email).rpartition("@")[2]

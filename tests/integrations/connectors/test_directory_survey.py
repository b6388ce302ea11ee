from collections.abc import AsyncIterator

import pytest

from landbridge.domain.survey import AccountLookup, AccountState, Manager
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from tests.emulator.running import ORGANIZATION, ORGANIZATION_KEY, Control

DOMAINS = "GET /admin/v1/orgs/{org_id}/domains"
SEARCH = "POST /admin/v2/orgs/{org_id}/directories/{directory_id}/users/search"


@pytest.fixture
async def directory(service: str) -> AsyncIterator[AtlassianDirectory]:
    """Connect to the emulated organization."""
    async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
        yield directory


async def lookup(directory: AtlassianDirectory, email: str) -> AccountLookup:
    """Look up one address."""
    (answer,) = [one async for one in directory.lookups([email])]
    assert answer.email == email
    return answer


@pytest.mark.parametrize(
    "account,state,verified,manager",
    [
        (None, AccountState.NOT_SHOWN, False, Manager.UNKNOWN),
        ({"member": False}, AccountState.NOT_SHOWN, False, Manager.UNKNOWN),
        ({}, AccountState.ACTIVE, False, Manager.NOBODY),
        ({"emailVerified": True}, AccountState.ACTIVE, True, Manager.NOBODY),
        ({"managedElsewhere": True}, AccountState.ACTIVE, False, Manager.ANOTHER_ORGANIZATION),
        ({"accountStatus": "inactive"}, AccountState.DEACTIVATED, False, Manager.NOBODY),
        ({"accountStatus": "closed"}, AccountState.CLOSED, False, Manager.NOBODY),
    ],
)
async def test_the_state_of_each_address_is_reported(
    control: Control,
    directory: AtlassianDirectory,
    account: dict[str, object] | None,
    state: AccountState,
    *,
    verified: bool,
    manager: Manager,
) -> None:
    """A problem is reported for each state that would stop the person's migration."""
    control.load(accounts=[] if account is None else [{"email": "ann@example.com", **account}])
    ann = await lookup(directory, "ann@example.com")
    assert (ann.state, ann.verified, ann.manager) == (state, verified, manager)
    assert bool(ann.problem) == (state not in {AccountState.NOT_SHOWN, AccountState.ACTIVE})


@pytest.mark.parametrize(
    "claim,ours", [("verified", True), ("unverified", False), ("superseded", False), ("deleted", False)]
)
async def test_only_a_verified_domain_makes_accounts_managed(
    control: Control, directory: AtlassianDirectory, claim: str, *, ours: bool
) -> None:
    """A pending or lost claim, or a verified parent domain, does not. It does not matter whether the account exists."""
    control.load(accounts=[{"email": "ann@Example.com"}], domains={"example.com": claim})
    assert (await lookup(directory, "ann@example.com")).manager is (
        Manager.THIS_ORGANIZATION if ours else Manager.NOBODY
    )
    assert (await lookup(directory, "new@example.com")).manager is (
        Manager.THIS_ORGANIZATION if ours else Manager.UNKNOWN
    )
    assert (await lookup(directory, "new@sub.example.com")).manager is Manager.UNKNOWN


async def test_a_survey_changes_nothing_and_covers_a_hundred_addresses(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Results keep the order of the addresses, and domains are requested once."""
    before = control.state()["calls"]
    emails = [f"person{number}@example.com" for number in range(201)]
    assert [one.email async for one in directory.lookups(emails)] == emails
    after = control.state()
    made = {
        endpoint: n - before.get(endpoint, 0) for endpoint, n in after["calls"].items() if n != before.get(endpoint)
    }
    assert made == {SEARCH: 3, DOMAINS: 1}
    assert after["accounts"] == []


async def test_seats_are_reported_for_limited_licences(control: Control, directory: AtlassianDirectory) -> None:
    """Atlassian does not report the usage of a site's products, so the usage is a count of people."""
    people = [{"email": f"person{number}@example.com"} for number in range(3)]
    control.load(accounts=people, sites=[{"name": "ours"}], seats=5)
    (seats,) = await directory.seats()
    assert (seats.site.name, seats.product, seats.used, seats.allowed, seats.free) == ("ours", "jira", 3, 5, 2)
    control.load(accounts=people, sites=[{"name": "ours"}])
    (seats,) = await directory.seats()
    assert (seats.used, seats.allowed, seats.free) == (None, None, None)


async def test_optional_fields_may_be_missing(control: Control, directory: AtlassianDirectory) -> None:
    """Domains may lack a name or claim, workspaces may lack a site, and licences may be overused."""
    control.load(accounts=[{"email": "ann@example.com"}])
    control.order("/domains", status=200, body='{"data": [{"id": "1", "attributes": {}}]}')
    assert (await lookup(directory, "ann@example.com")).manager is Manager.NOBODY
    site = '"id": "ari:cloud:jira::site/1", "attributes": {"hostUrl": "https://a.example", "status": "online"'
    bucket = '{"id": "ari:cloud:bitbucket::workspace/1", "attributes": {"usage": 1, "capacity": 5}}'
    control.order("/workspaces", status=200, body=f'{{"data": [{bucket}, {{{site}, "usage": 7, "capacity": 5}}}}]}}')
    (seats,) = await directory.seats()
    assert (seats.used, seats.allowed, seats.free) == (7, 5, 0)

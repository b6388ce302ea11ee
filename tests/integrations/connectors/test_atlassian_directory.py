import json
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from landbridge.domain.activity_io import AccountOutcome, AccountQuestion
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from tests.emulator.running import ORGANIZATION, ORGANIZATION_KEY, Control
from tests.streams import collect

INVITE = "POST /admin/v2/orgs/{org_id}/users/invite"
SEARCH = "POST /admin/v2/orgs/{org_id}/directories/{directory_id}/users/search"
Verb = Callable[[Sequence[AccountQuestion]], AsyncIterator[list[AccountOutcome]]]


@pytest.fixture
async def directory(service: str) -> AsyncIterator[AtlassianDirectory]:
    """Connect to the emulated organization."""
    async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
        yield directory


async def look_up(verb: Verb, *emails: str) -> list[AccountOutcome]:
    """Look up these addresses; return the outcomes in the same order."""
    outcomes: list[AccountOutcome] = []
    questions = [AccountQuestion(person=n, email=email) for n, email in enumerate(emails, 1)]
    await collect(verb(questions), outcomes.extend)
    return sorted(outcomes, key=lambda outcome: outcome.person)


def many(count: int) -> list[str]:
    """Return this many addresses."""
    return [f"person{number}@example.com" for number in range(count)]


def calls(control: Control, endpoint: str) -> int:
    """Return how often an endpoint has been called."""
    return int(control.state()["calls"].get(endpoint, 0))


async def test_accounts_are_found_by_any_spelling_of_the_address(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Verified, unverified and missing accounts are reported as outcomes, not as errors."""
    control.load(accounts=[{"email": "Ann@example.com", "emailVerified": True}, {"email": "bob@example.com"}])
    ann, bob, nobody = await look_up(directory.find, "ann@example.com", "bob@example.com", "nobody@example.com")
    assert (bool(ann.account_id), ann.verified, ann.email) == (True, True, "ann@example.com")
    assert (bool(bob.account_id), bob.verified) == (True, False)
    assert (nobody.account_id, nobody.verified, nobody.problem) == ("", False, "")


async def test_a_lookup_creates_nothing_and_covers_a_hundred_addresses(
    control: Control, directory: AtlassianDirectory
) -> None:
    """One call covers a hundred addresses, so that regular polling stays cheap."""
    before = calls(control, SEARCH), calls(control, INVITE)
    assert len(await look_up(directory.find, *many(201))) == 201
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (3, 0)
    assert control.state()["accounts"] == []


async def test_missing_accounts_are_created_and_others_adopted(control: Control, directory: AtlassianDirectory) -> None:
    """Existing accounts are kept, inside or outside the organization. Each other person gets a new account."""
    control.load(
        accounts=[
            {"email": "inside@example.com"},
            {"email": "outside@example.com", "emailVerified": True, "member": False},
        ]
    )
    before = {account["email"]: account["id"] for account in control.state()["accounts"]}
    inside, outside, new = await look_up(
        directory.ensure, "inside@example.com", "outside@example.com", "new@example.com"
    )
    assert (inside.account_id, inside.created) == (before["inside@example.com"], False)
    assert (outside.account_id, outside.created, outside.verified) == (before["outside@example.com"], False, True)
    assert (new.created, new.verified) == (True, False)
    again = await look_up(directory.ensure, "inside@example.com", "outside@example.com", "new@example.com")
    assert [outcome.account_id for outcome in again] == [inside.account_id, outside.account_id, new.account_id]
    assert not any(outcome.created for outcome in again)
    assert len(control.state()["accounts"]) == 3


async def test_invitations_cover_twenty_five_addresses(control: Control, directory: AtlassianDirectory) -> None:
    """Twenty-five is the API's limit for one call. No address is lost at a batch boundary."""
    before = calls(control, INVITE)
    outcomes = await look_up(directory.ensure, *many(126))
    assert sum(outcome.created for outcome in outcomes) == 126
    assert calls(control, INVITE) - before == 6


async def test_a_thousand_people_cost_the_expected_number_of_calls(
    control: Control, directory: AtlassianDirectory
) -> None:
    """The calls are lookup, invitation and second lookup. Afterwards, each poll is one call for each 100 people."""
    before = calls(control, SEARCH), calls(control, INVITE)
    assert len(await look_up(directory.ensure, *many(1000))) == 1000
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (2 * 10, 40)
    assert len(await look_up(directory.find, *many(1000))) == 1000
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (3 * 10, 40)


@pytest.mark.parametrize("status,error", [(429, ServiceUnavailable), (402, ServiceRejected)])
async def test_invitations_before_an_error_are_reported(
    control: Control, directory: AtlassianDirectory, status: int, error: type[Exception]
) -> None:
    """The outcomes so far are yielded before the error is raised."""
    control.order("users/invite", skip=2, status=status)
    outcomes: list[AccountOutcome] = []
    questions = [AccountQuestion(person=n, email=email) for n, email in enumerate(many(80), 1)]
    with pytest.raises(error):
        await collect(directory.ensure(questions), outcomes.extend)
    assert [outcome.person for outcome in outcomes if outcome.created] == list(range(1, 51))


async def test_a_lost_response_creates_nothing_twice(control: Control, directory: AtlassianDirectory) -> None:
    """The invitation succeeded but its response was lost, so the retry finds the accounts."""
    control.order("users/invite", afterCommit=True, drop=True)
    with pytest.raises(ServiceUnavailable):
        await look_up(directory.ensure, *many(3))
    created = {account["id"] for account in control.state()["accounts"]}
    assert len(created) == 3
    outcomes = await look_up(directory.ensure, *many(3))
    assert {outcome.account_id for outcome in outcomes} == created
    assert len(control.state()["accounts"]) == 3


async def test_a_lagging_directory_creates_nothing_twice(control: Control, directory: AtlassianDirectory) -> None:
    """An invited person who is not listed yet counts as created. A later lookup finds the account."""
    control.order("users/search", status=200, body='{"data": []}', times=2)
    (first,) = await look_up(directory.ensure, "new@example.com")
    assert first.created
    (later,) = await look_up(directory.ensure, "new@example.com")
    assert (later.account_id, later.created) == (first.account_id, False)


async def test_a_failed_invitation_does_not_stop_the_others(control: Control, directory: AtlassianDirectory) -> None:
    """Status 206 lists the failures with reasons. The other accounts are created."""
    control.load(uninvitable={"bad@example.com": "Domain is\nblocked"})
    good, bad = await look_up(directory.ensure, "good@example.com", "bad@example.com")
    assert (good.created, good.problem) == (True, "")
    assert (bad.account_id, bad.problem) == ("", "Atlassian refused the invitation: Domain isblocked")


async def test_a_deactivated_account_outside_the_organization_affects_one_person(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Atlassian refuses the whole call. The other people are then invited without that account."""
    control.load(accounts=[{"email": "person7@example.com", "accountStatus": "inactive", "member": False}])
    outcomes = await look_up(directory.ensure, *many(25))
    problems = [outcome for outcome in outcomes if outcome.problem]
    assert [outcome.email for outcome in problems] == ["person7@example.com"]
    assert "reactivate" in problems[0].problem
    assert sum(outcome.created for outcome in outcomes) == 24


@pytest.mark.parametrize(
    "code,word", [("ADMIN-UAM-402-1", "402"), ("ADMIN-UAM-409-3", "seats"), ("ADMIN-UAM-403-2", "403")]
)
async def test_the_licence_limit_pauses_midway(
    control: Control, directory: AtlassianDirectory, code: str, word: str
) -> None:
    """The last seat is taken while people are invited: no person is marked as failed, and a retry invites the rest."""
    control.load(uninvitable={"person30@example.com": code})
    with pytest.raises(ServiceRejected, match=word):
        await look_up(directory.ensure, *many(60))
    assert len(control.state()["accounts"]) == 25
    organization = f"/emulator/atlassian/organizations/{ORGANIZATION}"
    control.http.patch(organization, json={"uninvitable": {}}).raise_for_status()
    outcomes = await look_up(directory.ensure, *many(60))
    assert [bool(outcome.account_id) and not outcome.problem for outcome in outcomes] == [True] * 60
    assert len(control.state()["accounts"]) == 60


async def test_an_inactive_or_conflicting_address_affects_one_person(
    control: Control, directory: AtlassianDirectory
) -> None:
    """The other addresses of the call are invited without it."""
    control.load(uninvitable={"person3@example.com": "ADMIN-UAM-400-2", "person9@example.com": "ADMIN-UAM-409-2"})
    outcomes = await look_up(directory.ensure, *many(25))
    assert [outcome.person - 1 for outcome in outcomes if outcome.problem] == [3, 9]
    assert sum(outcome.created for outcome in outcomes) == 23


@pytest.mark.parametrize("status,word", [("inactive", "deactivated"), ("closed", "closed")])
async def test_an_unusable_account_is_a_problem(
    control: Control, directory: AtlassianDirectory, status: str, word: str
) -> None:
    """The person is not invited again."""
    control.load(accounts=[{"email": "ann@example.com", "accountStatus": status, "emailVerified": True}])
    before = calls(control, INVITE)
    for verb in (directory.find, directory.ensure):
        (outcome,) = await look_up(verb, "ann@example.com")
        assert word in outcome.problem
    assert calls(control, INVITE) == before


@pytest.mark.parametrize(
    "organization,word", [({"paid": False}, "subscription"), ({"seats": 2}, "seats")], ids=["unpaid", "full"]
)
async def test_a_problem_of_the_organization_pauses(
    control: Control, directory: AtlassianDirectory, organization: dict[str, object], word: str
) -> None:
    """A missing plan or seat affects everyone, so an admin must fix it. No account is created before that."""
    control.load([], **organization)
    with pytest.raises(ServiceRejected, match=word):
        await look_up(directory.ensure, *many(3))
    assert control.state()["accounts"] == []


@pytest.mark.parametrize(
    "status,code", [(400, "ADMIN-UAM-400-3"), (400, "ADMIN-UAM-400-4"), (409, "ADMIN-UAM-409-1"), (400, "")]
)
async def test_a_refusal_of_the_whole_call_pauses(
    control: Control, directory: AtlassianDirectory, status: int, code: str
) -> None:
    """A wrong role or a missing licence would fail for everyone, so no single person is marked."""
    control.order("users/invite", status=status, body=f'{{"errors": [{{"code": "{code}"}}]}}')
    with pytest.raises(ServiceRejected, match=str(status)):
        await look_up(directory.ensure, *many(2))


async def test_all_pages_of_search_results_are_read(control: Control, directory: AtlassianDirectory) -> None:
    """The next page's cursor may be given on its own or in a URL."""
    control.load(accounts=[{"email": "ann@example.com"}, {"email": "bob@example.com"}])
    url = "https://api.example.com/admin?cursor=100:1"
    control.order("users/search", status=200, body=f'{{"data": [], "links": {{"next": "{url}"}}}}')
    (bob,) = await look_up(directory.find, "bob@example.com")
    assert bob.account_id == ""
    control.order("users/search", status=200, body='{"data": [], "links": {"next": "100:0"}}')
    (ann,) = await look_up(directory.find, "ann@example.com")
    assert ann.account_id


async def test_a_repeated_cursor_ends_the_reading(control: Control, directory: AtlassianDirectory) -> None:
    """A repeated cursor counts as an error of the service, so the call can be retried."""
    control.order("users/search", status=200, body='{"data": [], "links": {"next": "7:7"}}', times=9)
    with pytest.raises(ServiceUnavailable, match="pages repeat"):
        await look_up(directory.find, "ann@example.com")


class TestAtlassiansOwnInvitations:
    """Invitation emails that Atlassian sends, if the setting enables them."""

    async def ask(self, service: str, *, sends: bool) -> dict[str, AccountOutcome]:
        """Create accounts for people in all states; return the outcomes by the local part of the address."""
        questions = [
            AccountQuestion(person=1, email="verified@example.com", may_be_mailed=True),
            AccountQuestion(person=2, email="unverified@example.com"),
            AccountQuestion(person=3, email="there@example.com", may_be_mailed=True),
            AccountQuestion(person=4, email="bad@example.com", may_be_mailed=True),
            AccountQuestion(person=5, email="outside@example.com", may_be_mailed=True),
        ]
        outcomes: list[AccountOutcome] = []
        async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION, sends_invitations=sends) as directory:
            await collect(directory.ensure(questions), outcomes.extend)
        return {outcome.email.partition("@")[0]: outcome for outcome in outcomes}

    @pytest.fixture(autouse=True)
    def world(self, control: Control) -> None:
        """Load a member, a verified account outside the organization, and an address that cannot be invited."""
        control.load(
            accounts=[
                {"email": "there@example.com"},
                {"email": "outside@example.com", "emailVerified": True, "member": False},
            ],
            uninvitable={"bad@example.com": "Blocked"},
        )

    async def test_by_default_atlassian_mails_nobody(self, control: Control, service: str) -> None:
        """People get only Landbridge's emails."""
        outcomes = await self.ask(service, sends=False)
        assert not any(outcome.mailed for outcome in outcomes.values())
        assert control.state()["invitationMails"] == []

    async def test_atlassian_mails_only_verified_emails_with_a_new_account(
        self, control: Control, service: str
    ) -> None:
        """Unverified addresses (the guide, step 6), existing members and failed invitations never get an email."""
        outcomes = await self.ask(service, sends=True)
        assert [name for name, outcome in outcomes.items() if outcome.mailed] == ["verified"]
        assert outcomes["unverified"].created
        mailed = {row["email"] for row in control.state()["invitationMails"]}
        assert mailed == {"verified@example.com", "outside@example.com"}


class TestSites:
    """The sites that are linked to the initiator's address, and who may choose them (the guide, step 2)."""

    async def test_sites_show_whether_the_person_is_a_site_admin(
        self, control: Control, directory: AtlassianDirectory
    ) -> None:
        """A role on one site grants none on another. Sites on which the person has no role are not listed."""
        control.load(
            accounts=[{"email": "ann@example.com"}, {"email": "bob@example.com"}],
            sites=[
                {"name": "first", "siteAdmins": ["ann@example.com"]},
                {"name": "second", "users": ["ann@example.com"], "siteAdmins": ["bob@example.com"]},
                {"name": "third", "siteAdmins": ["bob@example.com"]},
            ],
        )
        sites = await directory.sites("ann@example.com")
        assert [(site.name, site.admin) for site in sites] == [("first", True), ("second", False)]
        assert sites[0].url == "https://first.atlassian.example"
        assert sites[0].id == control.state()["sites"][0]["id"]

    async def test_an_organization_admin_is_admin_of_every_site(
        self, control: Control, directory: AtlassianDirectory
    ) -> None:
        """Atlassian's highest role includes site admin."""
        control.load(
            accounts=[{"email": "ann@example.com", "orgAdmin": True}], sites=[{"name": "one"}, {"name": "two"}]
        )
        assert [site.admin for site in await directory.sites("ann@example.com")] == [True, True]

    async def test_an_unknown_address_has_no_sites(self, directory: AtlassianDirectory) -> None:
        """Atlassian does not know the address, so no site is linked to it."""
        assert await directory.sites("nobody@example.com") == []

    @pytest.mark.parametrize(
        "workspace",
        [
            {"id": "ari:cloud:jira::site/c", "attributes": {"hostUrl": "javascript:alert(1)", "status": "online"}},
            {"id": "ari:cloud:jira::site/c", "attributes": {"hostUrl": None, "status": "online"}},
            {"id": "ari:cloud:jira::site/c", "attributes": {"hostUrl": "https://c.example", "status": "offline"}},
            {"id": "ari:cloud:trello::workspace/c", "attributes": {"hostUrl": "https://c.example"}},
        ],
    )
    async def test_workspaces_without_a_site_are_skipped(
        self, control: Control, directory: AtlassianDirectory, workspace: dict[str, object]
    ) -> None:
        """A site is listed only if it is online and has an https address."""
        control.load(accounts=[{"email": "ann@example.com", "orgAdmin": True}])
        control.order("workspaces", status=200, body=json.dumps({"data": [workspace]}))
        assert await directory.sites("ann@example.com") == []

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
    """Look up these addresses; return the outcomes in their order."""
    outcomes: list[AccountOutcome] = []
    questions = [AccountQuestion(person=n, email=email) for n, email in enumerate(emails, 1)]
    await collect(verb(questions), outcomes.extend)
    return sorted(outcomes, key=lambda outcome: outcome.person)


def many(count: int) -> list[str]:
    """Return this many addresses."""
    return [f"person{number}@example.com" for number in range(count)]


def calls(control: Control, endpoint: str) -> int:
    """Return how often an endpoint was called so far."""
    return int(control.state()["calls"].get(endpoint, 0))


async def test_accounts_are_found_by_address_however_it_is_spelt(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Found, verified or not, or not there: each is an outcome."""
    control.load(accounts=[{"email": "Ann@example.com", "emailVerified": True}, {"email": "bob@example.com"}])
    ann, bob, nobody = await look_up(directory.find, "ann@example.com", "bob@example.com", "nobody@example.com")
    assert (bool(ann.account_id), ann.verified, ann.email) == (True, True, "ann@example.com")
    assert (bool(bob.account_id), bob.verified) == (True, False)
    assert (nobody.account_id, nobody.verified, nobody.problem) == ("", False, "")


async def test_finding_creates_nothing_and_asks_a_hundred_at_once(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Regular polling stays cheap."""
    before = calls(control, SEARCH), calls(control, INVITE)
    assert len(await look_up(directory.find, *many(201))) == 201
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (3, 0)
    assert control.state()["accounts"] == []


async def test_missing_accounts_are_created_and_others_adopted(control: Control, directory: AtlassianDirectory) -> None:
    """Whoever has an account keeps it, inside the organization or outside; the others get one each."""
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


async def test_twenty_five_are_invited_at_once(control: Control, directory: AtlassianDirectory) -> None:
    """The call's limit is kept, and nobody is forgotten at its edge."""
    before = calls(control, INVITE)
    outcomes = await look_up(directory.ensure, *many(126))
    assert sum(outcome.created for outcome in outcomes) == 126
    assert calls(control, INVITE) - before == 6


async def test_a_thousand_people_cost_a_call_for_each_hundred_and_each_twenty_five(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Looked up, created and looked up again; afterwards each poll is a tenth of a call for each ten people."""
    before = calls(control, SEARCH), calls(control, INVITE)
    assert len(await look_up(directory.ensure, *many(1000))) == 1000
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (2 * 10, 40)
    assert len(await look_up(directory.find, *many(1000))) == 1000
    assert (calls(control, SEARCH) - before[0], calls(control, INVITE) - before[1]) == (3 * 10, 40)


@pytest.mark.parametrize("status,error", [(429, ServiceUnavailable), (402, ServiceRejected)])
async def test_whoever_was_invited_before_trouble_came_is_told(
    control: Control, directory: AtlassianDirectory, status: int, error: type[Exception]
) -> None:
    """The outcomes so far are handed over, then the trouble is raised."""
    control.order("users/invite", skip=2, status=status)
    outcomes: list[AccountOutcome] = []
    questions = [AccountQuestion(person=n, email=email) for n, email in enumerate(many(80), 1)]
    with pytest.raises(error):
        await collect(directory.ensure(questions), outcomes.extend)
    assert [outcome.person for outcome in outcomes if outcome.created] == list(range(1, 51))


async def test_a_lost_answer_creates_nothing_twice(control: Control, directory: AtlassianDirectory) -> None:
    """The invitation was done but its answer lost: the repeat finds the accounts."""
    control.order("users/invite", afterCommit=True, drop=True)
    with pytest.raises(ServiceUnavailable):
        await look_up(directory.ensure, *many(3))
    created = {account["id"] for account in control.state()["accounts"]}
    assert len(created) == 3
    outcomes = await look_up(directory.ensure, *many(3))
    assert {outcome.account_id for outcome in outcomes} == created
    assert len(control.state()["accounts"]) == 3


async def test_a_directory_that_lags_behind_creates_nothing_twice(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Whoever was invited but is not shown yet counts as created, and is found later."""
    control.order("users/search", status=200, body='{"data": []}', times=2)
    (first,) = await look_up(directory.ensure, "new@example.com")
    assert first.created
    (later,) = await look_up(directory.ensure, "new@example.com")
    assert (later.account_id, later.created) == (first.account_id, False)


async def test_one_whose_invitation_fails_does_not_stop_the_others(
    control: Control, directory: AtlassianDirectory
) -> None:
    """206 names who failed and why; the rest are created."""
    control.load(uninvitable={"bad@example.com": "Domain is\nblocked"})
    good, bad = await look_up(directory.ensure, "good@example.com", "bad@example.com")
    assert (good.created, good.problem) == (True, "")
    assert (bad.account_id, bad.problem) == ("", "Atlassian refused the invitation: Domain isblocked")


async def test_a_deactivated_account_outside_the_organization_spoils_only_itself(
    control: Control, directory: AtlassianDirectory
) -> None:
    """Atlassian refuses the whole call because of one; the others are invited without them."""
    control.load(accounts=[{"email": "person7@example.com", "accountStatus": "inactive", "member": False}])
    outcomes = await look_up(directory.ensure, *many(25))
    problems = [outcome for outcome in outcomes if outcome.problem]
    assert [outcome.email for outcome in problems] == ["person7@example.com"]
    assert "reactivate" in problems[0].problem
    assert sum(outcome.created for outcome in outcomes) == 24


@pytest.mark.parametrize(
    "code,word", [("ADMIN-UAM-402-1", "402"), ("ADMIN-UAM-409-3", "seats"), ("ADMIN-UAM-403-2", "403")]
)
async def test_a_refusal_that_comes_with_one_person_pauses_until_it_is_mended(
    control: Control, directory: AtlassianDirectory, code: str, word: str
) -> None:
    """The last seat is taken half-way: nobody is failed for it, and the repeat takes up the rest."""
    control.load(uninvitable={"person30@example.com": code})
    with pytest.raises(ServiceRejected, match=word):
        await look_up(directory.ensure, *many(60))
    assert len(control.state()["accounts"]) == 25
    organization = f"/emulator/atlassian/organizations/{ORGANIZATION}"
    control.http.patch(organization, json={"uninvitable": {}}).raise_for_status()
    outcomes = await look_up(directory.ensure, *many(60))
    assert [bool(outcome.account_id) and not outcome.problem for outcome in outcomes] == [True] * 60
    assert len(control.state()["accounts"]) == 60


async def test_one_whom_atlassian_calls_inactive_or_in_conflict_spoils_only_themselves(
    control: Control, directory: AtlassianDirectory
) -> None:
    """The others of the call are invited without them."""
    control.load(uninvitable={"person3@example.com": "ADMIN-UAM-400-2", "person9@example.com": "ADMIN-UAM-409-2"})
    outcomes = await look_up(directory.ensure, *many(25))
    assert [outcome.person - 1 for outcome in outcomes if outcome.problem] == [3, 9]
    assert sum(outcome.created for outcome in outcomes) == 23


@pytest.mark.parametrize("status,word", [("inactive", "deactivated"), ("closed", "closed")])
async def test_an_account_that_cannot_be_used_is_a_problem_to_mend(
    control: Control, directory: AtlassianDirectory, status: str, word: str
) -> None:
    """Nobody is invited again over an account that is there but dead."""
    control.load(accounts=[{"email": "ann@example.com", "accountStatus": status, "emailVerified": True}])
    before = calls(control, INVITE)
    for verb in (directory.find, directory.ensure):
        (outcome,) = await look_up(verb, "ann@example.com")
        assert word in outcome.problem
    assert calls(control, INVITE) == before


@pytest.mark.parametrize(
    "organization,word", [({"paid": False}, "subscription"), ({"seats": 2}, "seats")], ids=["unpaid", "full"]
)
async def test_what_stops_everyone_pauses(
    control: Control, directory: AtlassianDirectory, organization: dict[str, object], word: str
) -> None:
    """No plan or no seats is nobody's own problem: a person mends it, then it goes on. Nothing is half done."""
    control.load([], **organization)
    with pytest.raises(ServiceRejected, match=word):
        await look_up(directory.ensure, *many(3))
    assert control.state()["accounts"] == []


@pytest.mark.parametrize(
    "status,code", [(400, "ADMIN-UAM-400-3"), (400, "ADMIN-UAM-400-4"), (409, "ADMIN-UAM-409-1"), (400, "")]
)
async def test_a_refusal_that_is_about_no_one_person_pauses(
    control: Control, directory: AtlassianDirectory, status: int, code: str
) -> None:
    """A wrong role or a missing licence would fail for each: nobody is marked for it."""
    control.order("users/invite", status=status, body=f'{{"errors": [{{"code": "{code}"}}]}}')
    with pytest.raises(ServiceRejected, match=str(status)):
        await look_up(directory.ensure, *many(2))


async def test_search_results_over_several_pages_are_all_read(control: Control, directory: AtlassianDirectory) -> None:
    """A cursor is followed, be it bare or in a URL."""
    control.load(accounts=[{"email": "ann@example.com"}, {"email": "bob@example.com"}])
    url = "https://api.example.com/admin?cursor=100:1"
    control.order("users/search", status=200, body=f'{{"data": [], "links": {{"next": "{url}"}}}}')
    (bob,) = await look_up(directory.find, "bob@example.com")
    assert bob.account_id == ""
    control.order("users/search", status=200, body='{"data": [], "links": {"next": "100:0"}}')
    (ann,) = await look_up(directory.find, "ann@example.com")
    assert ann.account_id


async def test_cursors_that_lead_round_in_a_circle_end(control: Control, directory: AtlassianDirectory) -> None:
    """The same cursor twice is trouble of theirs."""
    control.order("users/search", status=200, body='{"data": [], "links": {"next": "7:7"}}', times=9)
    with pytest.raises(ServiceUnavailable, match="circle"):
        await look_up(directory.find, "ann@example.com")


class TestAtlassiansOwnInvitations:
    """Who gets a mail from Atlassian itself, where it is set to send them."""

    async def ask(self, service: str, *, sends: bool) -> dict[str, AccountOutcome]:
        """Create accounts for people of all kinds."""
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
        """Someone is a member, someone has a verified account elsewhere, someone cannot be invited."""
        control.load(
            accounts=[
                {"email": "there@example.com"},
                {"email": "outside@example.com", "emailVerified": True, "member": False},
            ],
            uninvitable={"bad@example.com": "Blocked"},
        )

    async def test_by_default_atlassian_mails_nobody(self, control: Control, service: str) -> None:
        """Ours is the only mail that people get."""
        outcomes = await self.ask(service, sends=False)
        assert not any(outcome.mailed for outcome in outcomes.values())
        assert control.state()["invitationMails"] == []

    async def test_only_people_with_a_verified_email_and_a_new_account_are_mailed_by_atlassian(
        self, control: Control, service: str
    ) -> None:
        """An unverified email never gets it (the guide, step 6); who was a member before, or failed, got none."""
        outcomes = await self.ask(service, sends=True)
        assert [name for name, outcome in outcomes.items() if outcome.mailed] == ["verified"]
        assert outcomes["unverified"].created
        mailed = {row["email"] for row in control.state()["invitationMails"]}
        assert mailed == {"verified@example.com", "outside@example.com"}


class TestSites:
    """The sites linked to the initiator's email, and who may select them (the guide, step 2)."""

    async def test_sites_say_whether_their_owner_is_site_admin(
        self, control: Control, directory: AtlassianDirectory
    ) -> None:
        """A role on one site gives none on another; sites without any role are not listed."""
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

    async def test_an_organization_admin_administers_every_site(
        self, control: Control, directory: AtlassianDirectory
    ) -> None:
        """Atlassian's highest role includes site admin."""
        control.load(
            accounts=[{"email": "ann@example.com", "orgAdmin": True}], sites=[{"name": "one"}, {"name": "two"}]
        )
        assert [site.admin for site in await directory.sites("ann@example.com")] == [True, True]

    async def test_someone_without_an_account_has_no_sites(self, directory: AtlassianDirectory) -> None:
        """Nothing is linked to an address that Atlassian does not know."""
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
    async def test_workspaces_that_are_no_sites_are_left_out(
        self, control: Control, directory: AtlassianDirectory, workspace: dict[str, object]
    ) -> None:
        """Only a site that is online and has an https address can be offered."""
        control.load(accounts=[{"email": "ann@example.com", "orgAdmin": True}])
        control.order("workspaces", status=200, body=json.dumps({"data": [workspace]}))
        assert await directory.sites("ann@example.com") == []

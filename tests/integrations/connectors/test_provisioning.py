import asyncio
from collections.abc import AsyncIterator

import pytest

from landbridge.domain.activity_io import AdminTask, Connected, NameNotFree, SignedUp
from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.ports import Provisioning
from landbridge.domain.sites import NewSite, Site
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.atlassian.provisioning import AdminProvisioning, EmulatedProvisioning
from landbridge.integrations.atlassian.site_probe import SiteProbe
from tests.emulator.running import ACCOUNT, ORGANIZATION, ORGANIZATION_KEY, Control

ANN, BOB = "ann@example.com", "bob@example.com"


def new(name: str) -> NewSite:
    """Return the request for a new site."""
    return NewSite(name=name, first_name="Ann", last_name="Example")


@pytest.fixture
async def emulated(service: str, control: Control) -> AsyncIterator[EmulatedProvisioning]:
    """Connect to the emulator. Ann and Bob have accounts, and two site names were used in the past."""
    control.load(accounts=[{"email": ANN, "name": "Ann"}, {"email": BOB}], pastSiteNames=["taken", "taken-team"])
    async with EmulatedProvisioning(service, ORGANIZATION_KEY) as provisioning:
        yield provisioning


@pytest.fixture
async def by_admin(service: str) -> AsyncIterator[AdminProvisioning]:
    """Return the adapter that turns each step into a task for an admin of the same organization."""
    async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
        yield AdminProvisioning(directory, SiteProbe(f"{service}/sites/{{name}}"))


@pytest.fixture(params=["emulated", "by admin"])
def provisioning(
    request: pytest.FixtureRequest, emulated: EmulatedProvisioning, by_admin: AdminProvisioning
) -> Provisioning:
    """Return each implementation of the port in turn."""
    return emulated if request.param == "emulated" else by_admin


class TestEitherWay:
    """Behaviour that both adapters share."""

    async def test_an_existing_account_is_signed_up(self, control: Control, provisioning: Provisioning) -> None:
        """No second account is created."""
        signed_up = await provisioning.ensure_signed_up(ANN, "Ann", "Example")
        assert signed_up == SignedUp(account_id=control.account(ANN)["id"])
        assert len(control.state()["accounts"]) == 2

    async def test_a_retry_finds_the_created_site(
        self, emulated: EmulatedProvisioning, provisioning: Provisioning
    ) -> None:
        """A repeated request returns the same site."""
        created = await emulated.ensure_site(ANN, new("ours"))
        assert isinstance(created, Site)
        assert created.admin
        assert await provisioning.ensure_site(ANN, new("ours")) == created

    async def test_connecting_again_changes_nothing(
        self, emulated: EmulatedProvisioning, provisioning: Provisioning
    ) -> None:
        """The second call finds the existing connection."""
        site = await emulated.ensure_site(ANN, new("ours"))
        assert isinstance(site, Site)
        await emulated.ensure_connected(ACCOUNT, site, confirmed=False)
        assert await provisioning.ensure_connected(ACCOUNT, site, confirmed=True) == Connected()


class TestEmulated:
    """The emulator executes the steps."""

    async def test_a_sign_up_creates_an_unverified_account(
        self, control: Control, emulated: EmulatedProvisioning
    ) -> None:
        """Entering an address does not prove who owns it."""
        signed_up = await emulated.ensure_signed_up("new@example.com", "Neo", "New")
        account = control.account("new@example.com")
        assert (account["id"], account["name"], account["email_verified"]) == (signed_up.account_id, "Neo New", 0)

    @pytest.mark.parametrize("name", ["taken", "in-use"])
    async def test_a_used_name_is_not_free_and_free_names_are_suggested(
        self, control: Control, emulated: EmulatedProvisioning, name: str
    ) -> None:
        """A name that is used now, or was used before, is not free. Each suggestion is free."""
        await emulated.ensure_site(BOB, new("in-use"))
        answer = await emulated.ensure_site(ANN, new(name))
        assert isinstance(answer, NameNotFree)
        assert name in answer.reason
        assert answer.suggestions
        for suggestion in answer.suggestions:
            assert isinstance(await emulated.ensure_site(ANN, new(suggestion)), Site)
        assert len(control.state()["sites"]) == 1 + len(answer.suggestions)

    async def test_a_lost_response_creates_no_second_site(
        self, control: Control, emulated: EmulatedProvisioning
    ) -> None:
        """The retry finds the new site and does not report its name as taken."""
        control.order("provisioning/v1/sites", afterCommit=True, drop=True)
        with pytest.raises(ServiceUnavailable):
            await emulated.ensure_site(ANN, new("ours"))
        assert isinstance(await emulated.ensure_site(ANN, new("ours")), Site)
        assert len(control.state()["sites"]) == 1

    async def test_an_opsgenie_account_is_connected_to_one_site_only(self, emulated: EmulatedProvisioning) -> None:
        """A second site is a conflict that a person has to resolve."""
        first, second = [await emulated.ensure_site(ANN, new(name)) for name in ("first", "second")]
        assert isinstance(first, Site)
        assert isinstance(second, Site)
        await emulated.ensure_connected(ACCOUNT, first, confirmed=False)
        with pytest.raises(ServiceRejected, match="conflict"):
            await emulated.ensure_connected(ACCOUNT, second, confirmed=False)


@pytest.mark.usefixtures("emulated")
class TestByAdmin:
    """An admin executes the steps, and the adapter checks them."""

    async def test_a_missing_account_is_a_task(self, by_admin: AdminProvisioning) -> None:
        """The task says what to do and where. It does not contain the address."""
        task = await by_admin.ensure_signed_up("new@example.com", "Neo", "New")
        assert isinstance(task, AdminTask)
        assert task.url.startswith("https://")
        assert "new@" not in task.task

    async def test_a_missing_site_is_a_task_until_it_exists(
        self, emulated: EmulatedProvisioning, by_admin: AdminProvisioning
    ) -> None:
        """The task is done when Atlassian lists the site with the initiator as site admin."""
        task = await by_admin.ensure_site(ANN, new("ours"))
        assert isinstance(task, AdminTask)
        assert "'ours'" in task.task
        created = await emulated.ensure_site(ANN, new("ours"))
        assert await by_admin.ensure_site(ANN, new("ours")) == created

    async def test_a_site_without_the_initiator_as_site_admin_is_a_task(
        self, control: Control, by_admin: AdminProvisioning
    ) -> None:
        """An initiator who is only a user of the site does not suffice."""
        control.load(accounts=[{"email": ANN}], sites=[{"name": "ours", "users": [ANN]}])
        task = await by_admin.ensure_site(ANN, new("ours"))
        assert isinstance(task, AdminTask)
        assert "site admin" in task.task

    async def test_the_name_of_a_foreign_site_is_not_free(
        self, control: Control, emulated: EmulatedProvisioning, by_admin: AdminProvisioning
    ) -> None:
        """The organization does not list the site, but the probe finds it. The suggestions are free."""
        await emulated.ensure_site(BOB, new("ours"))
        await emulated.ensure_site(BOB, new("ours-team"))
        answer = await by_admin.ensure_site(ANN, new("ours"))
        assert isinstance(answer, NameNotFree)
        assert "'ours'" in answer.reason
        assert answer.suggestions
        assert "ours-team" not in answer.suggestions

    @pytest.mark.parametrize(
        "fault",
        [
            {"status": 404, "body": "<h1>Not here yet</h1>"},
            {"status": 302, "headers": {"Location": "https://elsewhere.example"}},
            {"status": 200, "body": '{"cloudId": "another"}'},
        ],
        ids=["not there", "redirected", "another site"],
    )
    async def test_a_site_with_another_cloud_id_is_a_task(
        self,
        control: Control,
        emulated: EmulatedProvisioning,
        by_admin: AdminProvisioning,
        fault: dict[str, object],
    ) -> None:
        """People are never sent to a site that does not respond. The probe follows no redirects."""
        created = await emulated.ensure_site(ANN, new("ours"))
        control.order("tenant_info", **fault)
        task = await by_admin.ensure_site(ANN, new("ours"))
        assert isinstance(task, AdminTask)
        assert "not available" in task.task
        assert await by_admin.ensure_site(ANN, new("ours")) == created

    async def test_a_failing_site_is_probed_again(
        self, control: Control, emulated: EmulatedProvisioning, by_admin: AdminProvisioning
    ) -> None:
        """An error page or an endless page does not show whether the name is taken."""
        await emulated.ensure_site(ANN, new("ours"))
        for fault in ({"status": 503}, {"status": 200, "body": "<html>"}, {"body": "0" * 1024, "repeat": 17 * 1024}):
            control.order("tenant_info", **fault)
            with pytest.raises(ServiceUnavailable):
                await by_admin.ensure_site(ANN, new("ours"))

    async def test_sites_are_probed_without_the_key(self) -> None:
        """The server at a site's address must not receive credentials."""
        heads = list[bytes]()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await SiteProbe(f"http://127.0.0.1:{port}/sites/{{name}}").cloud_id("ours") is None
        assert heads[0].startswith(b"GET /sites/ours/_edge/tenant_info ")
        assert b"authorization" not in heads[0].lower()

    async def test_the_site_url_needs_a_placeholder(self) -> None:
        """A typo in the settings is reported at startup."""
        with pytest.raises(BadInput, match="name"):
            SiteProbe("https://atlassian.example")

    async def test_without_a_probe_only_the_organization_is_checked(
        self, service: str, emulated: EmulatedProvisioning
    ) -> None:
        """Some networks cannot reach the sites."""
        async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
            provisioning = AdminProvisioning(directory)
            assert isinstance(await provisioning.ensure_site(ANN, new("ours")), AdminTask)
            created = await emulated.ensure_site(ANN, new("ours"))
            assert await provisioning.ensure_site(ANN, new("ours")) == created

    async def test_a_connection_needs_the_confirmation_of_an_admin(self, by_admin: AdminProvisioning) -> None:
        """No API can check whether the connection exists."""
        site = Site(id="1", name="ours", url="https://ours.example")
        assert isinstance(await by_admin.ensure_connected(ACCOUNT, site, confirmed=False), AdminTask)
        assert await by_admin.ensure_connected(ACCOUNT, site, confirmed=True) == Connected()

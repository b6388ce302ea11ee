"""How long somebody stays signed in, and what ends it: over real HTTP, a real worker, and a clock that tests turn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from starlette.requests import Request
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle
from temporalio.client import WorkflowExecutionStatus as Status

from landbridge.client import admins
from landbridge.client.admins import TemporalAdminClient
from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids, sign_in
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.messages import Step
from landbridge.domain.roster import ADMIN, RosterPerson
from landbridge.domain.sign_in import SESSION_CONFIRMED_FOR, SESSION_LIFETIME, SESSION_RENEWAL
from landbridge.portal.admin.sessions import Sessions
from landbridge.portal.clients import Clients
from tests.portal.admin.admin_browser import AdminBrowser, form, title, words
from tests.portal.conftest import KEY, running, settings
from tests.workflows.harness import PROOFS, MigrationHarness, benched, eventually, let_pass, served

ADAM = "adam@example.com"


@asynccontextmanager
async def copied(office: AdminBrowser, temporal: Client) -> AsyncIterator[AdminBrowser]:
    """Somebody else's browser with this browser's cookies, in front of another portal process."""
    desks = Clients(links=TemporalLinkClient(temporal), admins=TemporalAdminClient(temporal, PROOFS))
    async with (
        running(desks, lambda _: settings(portal_url=str(office.browser.base_url))) as url,
        httpx2.AsyncClient(base_url=url, timeout=30) as thief,
    ):
        for cookie in office.browser.cookies.jar:
            thief.cookies.set(cookie.name, cookie.value or "")
        yield AdminBrowser(thief, office.bench)


def set_role(bench: MigrationHarness, email: str, role: str) -> None:
    """Give somebody another role in Opsgenie."""
    opsgenie = bench.world.opsgenie
    opsgenie.people_listed = [
        person.model_copy(update={"role": role}) if person.email == email else person
        for person in opsgenie.people_listed
    ]


def session_of(office: AdminBrowser) -> WorkflowHandle[None, None]:
    """Return the workflow of the session that a browser's cookie names."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in office.browser.cookies.jar)
    request = Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    session = Sessions([KEY], secure=False).read(request)
    assert session
    return office.bench.client.get_workflow_handle(ids.session(session.session_id))


async def has(session: WorkflowHandle[None, None], *statuses: Status | None) -> bool:
    """Whether a session's newest run has come to one of these."""
    return (await session.describe()).status in statuses


async def is_out(office: AdminBrowser, path: str = "/settings/general") -> bool:
    """Whether a page is not shown without signing in."""
    return (await office.open(path)).url.path == "/sign-in"


async def test_a_copied_cookie_ends_with_the_sign_out(office: AdminBrowser, temporal: Client) -> None:
    """On every portal process at once, for reading and for acting."""
    csrf = form(await office.sign_in(), "/settings/general/migrate")
    async with copied(office, temporal) as thief:
        assert not await is_out(thief)
        await office.send("/sign-out")
        assert await is_out(thief)
        acted = await thief.post("/settings/general/migrate", csrf)
    assert (acted.url.path, acted.url.query) == ("/sign-in", b"ended=1")


async def test_signing_out_has_the_browser_forget_its_pages(office: AdminBrowser) -> None:
    """But not the cookies of the company's other sites, which the header's own word for cookies would delete."""
    csrf = form(await office.sign_in(), "/sign-out")
    answer = await office.browser.post("/sign-out", data=csrf)
    assert answer.headers["clear-site-data"] == '"cache"'
    assert [cookie.name for cookie in office.browser.cookies.jar if "landbridge" in cookie.name] == []


@pytest.mark.parametrize("gone", [False, True], ids=["demoted", "deleted"])
async def test_opsgenie_is_asked_again_whether_it_is_an_admin_still(office: AdminBrowser, *, gone: bool) -> None:
    """Who was demoted or deleted there is out after a quarter of an hour; who was not notices nothing."""
    bench = office.bench
    bench.world.opsgenie.add(RosterPerson(email=ADAM, role=ADMIN, email_verified=True))
    await office.sign_in(ADAM)
    session = session_of(office)
    first = (await session.describe()).run_id
    await let_pass(bench.client, session, SESSION_RENEWAL)
    await eventually(lambda: is_another_run(session, first))
    assert not await is_out(office)
    set_role(bench, ADAM, "user")
    if gone:
        bench.world.opsgenie.people_listed = [one for one in bench.world.opsgenie.people_listed if one.email != ADAM]
    await let_pass(bench.client, session, SESSION_RENEWAL)
    await eventually(lambda: has(session, Status.COMPLETED))
    assert await is_out(office)
    assert not office.signed_in


async def is_another_run(session: WorkflowHandle[None, None], first: str) -> bool:
    """Whether the session was renewed since."""
    return (await session.describe()).run_id != first


async def test_a_session_of_another_account_is_not_renewed(office: AdminBrowser) -> None:
    """The same address may be an admin of the account that another API key belongs to."""
    await office.sign_in()
    session = session_of(office)
    office.bench.world.opsgenie.account = "another"
    await let_pass(office.bench.client, session, SESSION_RENEWAL)
    await eventually(lambda: has(session, Status.COMPLETED))
    assert await is_out(office)


async def test_a_session_outlives_a_short_outage_of_opsgenie_and_no_long_one(office: AdminBrowser) -> None:
    """Half an hour after the last answer it is over, whatever Opsgenie would say."""
    await office.sign_in()
    session = session_of(office)
    office.bench.world.opsgenie.problem = ServiceUnavailable("Opsgenie is away.")
    await let_pass(office.bench.client, session, SESSION_CONFIRMED_FOR - timedelta(minutes=2))
    assert not await is_out(office)
    await let_pass(office.bench.client, session, timedelta(minutes=3))
    await eventually(lambda: has(session, Status.TIMED_OUT))
    assert await is_out(office)


async def test_nobody_stays_signed_in_for_longer_than_a_working_day(
    office: AdminBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal does not move the end, which the server keeps."""
    # Not by skipped time: a server that has skipped some adds it to this end (1.32).
    monkeypatch.setattr(sign_in, "SESSION_RENEWAL", timedelta(seconds=1))
    await office.sign_in()
    session = session_of(office)
    first = await session.describe()
    assert expires(first) - first.start_time <= SESSION_LIFETIME + timedelta(seconds=1)
    await eventually(lambda: is_another_run(session, first.run_id))
    renewed = await session.describe()
    assert expires(renewed) == expires(first)
    limit = renewed.raw_description.execution_config.workflow_run_timeout
    assert limit.ToTimedelta() == SESSION_CONFIRMED_FOR


def expires(session: WorkflowExecutionDescription) -> datetime:
    """Return when a session is over in any case."""
    expiration = session.raw_description.workflow_extended_info.execution_expiration_time
    return expiration.ToDatetime(tzinfo=UTC)


async def test_without_a_worker_sessions_are_known_and_closed(
    temporal: Client, portal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages say that no worker answers; who signs out is out, and a session that nobody renews ends by itself."""
    async with (
        httpx2.AsyncClient(base_url=portal_url, timeout=30) as one,
        httpx2.AsyncClient(base_url=portal_url, timeout=30) as other,
    ):
        async with benched(temporal) as bench:
            bench.world.opsgenie.account = bench.account
            bench.world.opsgenie.add(RosterPerson(email="bo@example.com", name="Bo", email_verified=True))
            office, second = AdminBrowser(one, bench), AdminBrowser(other, bench)
            await office.sign_in()
            monkeypatch.setattr(admins, "SESSION_CONFIRMED_FOR", timedelta(seconds=20))
            await second.sign_in()
            await bench.start()
            await eventually(lambda: bench.step_is(Step.VERIFY))
            # So that the sessions are not ended with the bench.
            monkeypatch.setattr("tests.workflows.harness.end_all", nothing)
        shown = await office.open("/settings/users")
        assert shown.url.path == "/settings/users"
        assert "No worker answers" in words(shown), words(shown)
        assert title(await office.send("/sign-out", on="/settings/users")) == "Sign in"
        assert await is_out(office)
        await eventually(lambda: is_out(second))
        async with served(temporal, bench.world):
            # What waits for a worker must not disturb the next test.
            await bench.handle.terminate()


async def nothing(_: Client) -> None:
    """Leave everything as it is."""


async def test_the_sign_in_page_needs_no_temporal_for_who_has_no_session(office: AdminBrowser) -> None:
    """A made-up cookie is nobody's, and no session is looked for."""
    office.browser.cookies.set("landbridge-session", "made.up.cookie")
    assert title(await office.open("/sign-in")) == "Sign in"


async def test_whom_the_migration_knows_to_be_no_admin_reads_nothing(office: AdminBrowser, temporal: Client) -> None:
    """The roster that a migration reads while it runs is newer than the session: it need not wait for its renewal."""
    bench = office.bench
    bench.world.opsgenie.add(
        RosterPerson(email=ADAM, name="Adam", role=ADMIN, email_verified=True),
        RosterPerson(email="bo@example.com", name="Bo", email_verified=True),
    )
    await bench.start()
    await office.sign_in(ADAM)
    assert not await is_out(office, "/settings/users")
    set_role(bench, ADAM, "user")
    await office.send("/settings/general/refresh")
    async with copied(office, temporal) as thief:
        await eventually(lambda: is_out(office, "/settings/users"))
        assert await is_out(thief, "/settings/report.csv")


async def test_who_was_made_an_admin_since_the_migration_read_the_roster_may_read(office: AdminBrowser) -> None:
    """Opsgenie's newer answer counts for more than an older roster."""
    bench = office.bench
    bench.world.opsgenie.add(RosterPerson(email=ADAM, email_verified=True))
    await bench.start()
    await eventually(lambda: bench.step_is(Step.VERIFY))
    set_role(bench, ADAM, ADMIN)
    await office.sign_in(ADAM)
    assert not await is_out(office, "/settings/users")

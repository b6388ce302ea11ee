"""How long sessions last and what ends them, over HTTP with a real worker and a clock that tests control."""

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
from tests.workflows.harness import PROOFS, MigrationHarness, eventually, let_pass, running_harness, served

ADAM = "adam@example.com"


@asynccontextmanager
async def copied(admin_browser: AdminBrowser, temporal: Client) -> AsyncIterator[AdminBrowser]:
    """Return another browser with the same cookies, in front of another portal process."""
    clients = Clients(links=TemporalLinkClient(temporal), admins=TemporalAdminClient(temporal, PROOFS))
    async with (
        running(clients, lambda _: settings(portal_url=str(admin_browser.browser.base_url))) as url,
        httpx2.AsyncClient(base_url=url, timeout=30) as thief,
    ):
        for cookie in admin_browser.browser.cookies.jar:
            thief.cookies.set(cookie.name, cookie.value or "")
        yield AdminBrowser(thief, admin_browser.harness)


def set_role(harness: MigrationHarness, email: str, role: str) -> None:
    """Change a person's role in Opsgenie."""
    opsgenie = harness.world.opsgenie
    opsgenie.people_listed = [
        person.model_copy(update={"role": role}) if person.email == email else person
        for person in opsgenie.people_listed
    ]


def session_of(admin_browser: AdminBrowser) -> WorkflowHandle[None, None]:
    """Return a handle of the session workflow that a browser's cookie names."""
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in admin_browser.browser.cookies.jar)
    request = Request({"type": "http", "headers": [(b"cookie", cookies.encode())]})
    session = Sessions([KEY], secure=False).read(request)
    assert session
    return admin_browser.harness.client.get_workflow_handle(ids.session(session.session_id))


async def has(session: WorkflowHandle[None, None], *statuses: Status | None) -> bool:
    """Return whether the session's newest run has the given event."""
    return (await session.describe()).status in statuses


async def is_out(admin_browser: AdminBrowser, path: str = "/settings/general") -> bool:
    """Return whether a page redirects to the sign-in page."""
    return (await admin_browser.open(path)).url.path == "/sign-in"


async def test_a_copied_cookie_ends_with_the_sign_out(admin_browser: AdminBrowser, temporal: Client) -> None:
    """The copy stops working immediately on every portal process, for pages and forms."""
    csrf = form(await admin_browser.sign_in(), "/settings/general/migrate")
    async with copied(admin_browser, temporal) as thief:
        assert not await is_out(thief)
        await admin_browser.send("/sign-out")
        assert await is_out(thief)
        acted = await thief.post("/settings/general/migrate", csrf)
    assert (acted.url.path, acted.url.query) == ("/sign-in", b"ended=1")


async def test_signing_out_clears_the_browsers_cache(admin_browser: AdminBrowser) -> None:
    """Cookies of the company's other sites are kept."""
    csrf = form(await admin_browser.sign_in(), "/sign-out")
    answer = await admin_browser.browser.post("/sign-out", data=csrf)
    assert answer.headers["clear-site-data"] == '"cache"'
    assert [cookie.name for cookie in admin_browser.browser.cookies.jar if "landbridge" in cookie.name] == []


@pytest.mark.parametrize("gone", [False, True], ids=["demoted", "deleted"])
async def test_a_session_is_renewed_only_while_opsgenie_confirms_the_role(
    admin_browser: AdminBrowser, *, gone: bool
) -> None:
    """A demoted or deleted person is signed out after a quarter of an hour. Other people notice nothing."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(RosterPerson(email=ADAM, role=ADMIN, email_verified=True))
    await admin_browser.sign_in(ADAM)
    session = session_of(admin_browser)
    first = (await session.describe()).run_id
    await let_pass(harness.client, session, SESSION_RENEWAL)
    await eventually(lambda: is_another_run(session, first))
    assert not await is_out(admin_browser)
    set_role(harness, ADAM, "user")
    if gone:
        harness.world.opsgenie.people_listed = [
            one for one in harness.world.opsgenie.people_listed if one.email != ADAM
        ]
    await let_pass(harness.client, session, SESSION_RENEWAL)
    await eventually(lambda: has(session, Status.COMPLETED))
    assert await is_out(admin_browser)
    assert not admin_browser.signed_in


async def is_another_run(session: WorkflowHandle[None, None], first: str) -> bool:
    """Return whether the session was renewed."""
    return (await session.describe()).run_id != first


async def test_a_session_of_another_account_is_not_renewed(admin_browser: AdminBrowser) -> None:
    """The same address may be an admin of another Opsgenie account."""
    await admin_browser.sign_in()
    session = session_of(admin_browser)
    admin_browser.harness.world.opsgenie.account = "another"
    await let_pass(admin_browser.harness.client, session, SESSION_RENEWAL)
    await eventually(lambda: has(session, Status.COMPLETED))
    assert await is_out(admin_browser)


async def test_a_session_survives_only_a_short_outage_of_opsgenie(admin_browser: AdminBrowser) -> None:
    """The session ends half an hour after Opsgenie last confirmed the role."""
    await admin_browser.sign_in()
    session = session_of(admin_browser)
    admin_browser.harness.world.opsgenie.problem = ServiceUnavailable("Opsgenie is away.")
    await let_pass(admin_browser.harness.client, session, SESSION_CONFIRMED_FOR - timedelta(minutes=2))
    assert not await is_out(admin_browser)
    await let_pass(admin_browser.harness.client, session, timedelta(minutes=3))
    await eventually(lambda: has(session, Status.TIMED_OUT))
    assert await is_out(admin_browser)


async def test_a_session_ends_after_eight_hours(admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Renewals do not extend the limit, which the Temporal server enforces."""
    # Time is not skipped here: a server (1.32) that has skipped time adds it to this expiration.
    monkeypatch.setattr(sign_in, "SESSION_RENEWAL", timedelta(seconds=1))
    await admin_browser.sign_in()
    session = session_of(admin_browser)
    first = await session.describe()
    assert expires(first) - first.start_time <= SESSION_LIFETIME + timedelta(seconds=1)
    await eventually(lambda: is_another_run(session, first.run_id))
    renewed = await session.describe()
    assert expires(renewed) == expires(first)
    limit = renewed.raw_description.execution_config.workflow_run_timeout
    assert limit.ToTimedelta() == SESSION_CONFIRMED_FOR


def expires(session: WorkflowExecutionDescription) -> datetime:
    """Return when a session expires if nothing ends it earlier."""
    expiration = session.raw_description.workflow_extended_info.execution_expiration_time
    return expiration.ToDatetime(tzinfo=UTC)


async def test_sessions_work_without_a_worker(
    temporal: Client, portal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages say that no worker is responding, signing out works, and sessions that are not renewed expire."""
    async with (
        httpx2.AsyncClient(base_url=portal_url, timeout=30) as one,
        httpx2.AsyncClient(base_url=portal_url, timeout=30) as other,
    ):
        async with running_harness(temporal) as harness:
            harness.world.opsgenie.account = harness.account
            harness.world.opsgenie.add(RosterPerson(email="bo@example.com", name="Bo", email_verified=True))
            admin_browser, second = AdminBrowser(one, harness), AdminBrowser(other, harness)
            await admin_browser.sign_in()
            monkeypatch.setattr(admins, "SESSION_CONFIRMED_FOR", timedelta(seconds=20))
            await second.sign_in()
            await harness.start()
            await eventually(lambda: harness.step_is(Step.VERIFY))
            # Otherwise the harness would end the sessions when it stops.
            monkeypatch.setattr("tests.workflows.harness.end_all", nothing)
        shown = await admin_browser.open("/settings/users")
        assert shown.url.path == "/settings/users"
        assert "No worker is responding" in words(shown), words(shown)
        assert title(await admin_browser.send("/sign-out", on="/settings/users")) == "Sign in"
        assert await is_out(admin_browser)
        await eventually(lambda: is_out(second))
        async with served(temporal, harness.world):
            # A migration that still waits for a worker would disturb the next test.
            await harness.handle.terminate()


async def nothing(_: Client) -> None:
    """Replace `end_all`, so that no session is ended."""


async def test_the_sign_in_page_needs_no_temporal_without_a_session(admin_browser: AdminBrowser) -> None:
    """A forged cookie does not trigger a look-up either."""
    admin_browser.browser.cookies.set("landbridge-session", "made.up.cookie")
    assert title(await admin_browser.open("/sign-in")) == "Sign in"


async def test_a_role_lost_in_the_roster_ends_the_session(admin_browser: AdminBrowser, temporal: Client) -> None:
    """The roster of a running migration is newer than the session, so its roles apply."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(
        RosterPerson(email=ADAM, name="Adam", role=ADMIN, email_verified=True),
        RosterPerson(email="bo@example.com", name="Bo", email_verified=True),
    )
    await harness.start()
    await admin_browser.sign_in(ADAM)
    assert not await is_out(admin_browser, "/settings/users")
    set_role(harness, ADAM, "user")
    await admin_browser.send("/settings/general/refresh")
    async with copied(admin_browser, temporal) as thief:
        await eventually(lambda: is_out(admin_browser, "/settings/users"))
        assert await is_out(thief, "/settings/report.csv")


async def test_a_role_granted_after_the_roster_was_read_is_valid(admin_browser: AdminBrowser) -> None:
    """Opsgenie's answer is newer than the roster, so the answer applies."""
    harness = admin_browser.harness
    harness.world.opsgenie.add(RosterPerson(email=ADAM, email_verified=True))
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    set_role(harness, ADAM, ADMIN)
    await admin_browser.sign_in(ADAM)
    assert not await is_out(admin_browser, "/settings/users")

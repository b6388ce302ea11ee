"""Requests that browsers block silently: forms on plain HTTP, and redirects after a form."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import Browser, expect
from temporalio.client import Client

from landbridge.client.admins import TemporalAdminClient
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.links import Purpose
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.portal.clients import Clients
from tests.portal.conftest import KEY, running, settings
from tests.portal.fake_clients import InMemoryLinkClient, NoAdmins, claims
from tests.workflows.harness import OWNER_EMAIL, PROOFS, MigrationHarness, eventually


@asynccontextmanager
async def serve_response(head: str, body: str = "") -> AsyncIterator[int]:
    """Serve one fixed response on a port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def test_a_sign_up_page_that_redirects_elsewhere_is_reached(browser: Browser) -> None:
    """The page may redirect to origins that no content security policy can list, such as a company's login page."""
    async with (
        serve_response("200 OK\r\nContent-Type: text/html", "<h1>Sign up</h1>") as other,
        serve_response(f"302 Found\r\nLocation: http://elsewhere.test:{other}/here") as first,
        running(
            Clients(links=InMemoryLinkClient(), admins=NoAdmins()),
            lambda url: settings(portal_url=url, atlassian_signup_url=f"http://id.test:{first}/signup"),
        ) as portal_url,
    ):
        context = await browser.new_context(java_script_enabled=False)
        page = await context.new_page()
        await page.goto(SignedLinks(portal_url, [KEY]).url(claims(Purpose.AUTHENTICATION)))
        await page.get_by_role("button", name="Continue to Atlassian").click()
        await expect(page.locator("h1")).to_have_text("Sign up")
        assert urlsplit(page.url).hostname == "elsewhere.test"
        # This page does not redirect again.
        await page.go_back()
        await expect(page.get_by_role("button", name="Continue to Atlassian")).to_be_visible()
        await context.close()


async def test_an_admin_signs_in_to_a_portal_on_plain_http(
    browser: Browser, harness: MigrationHarness, temporal: Client
) -> None:
    """Browsers do not send `Sec-Fetch-Site` to hosts that they do not trust without TLS."""
    clients = Clients(links=TemporalLinkClient(temporal), admins=TemporalAdminClient(temporal, PROOFS))
    async with running(clients, lambda url: settings(portal_url=url.replace("127.0.0.1", "move.test"))) as url:
        portal_url = url.replace("127.0.0.1", "move.test")
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(f"{portal_url}/sign-in")
        await page.get_by_label("Your email address in Opsgenie").fill(OWNER_EMAIL)
        await page.get_by_role("button", name="Send me a link").click()
        mails = harness.world.mailer.sign_in_links
        await eventually(lambda: bool(mails))
        await page.goto(SignedLinks(portal_url, [KEY]).sign_in_url(mails[0].claims))
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("h1")).to_have_text("General")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.locator("h1")).to_have_text("Sign in")
        await context.close()

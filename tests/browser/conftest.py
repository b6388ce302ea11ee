"""A browser in front of a real portal, worker and Temporal server."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests.browser import chromium
from tests.portal.admin.conftest import harness, portal_url, temporal

__all__ = ["harness", "portal_url", "temporal"]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One browser for all tests."""
    if not chromium.EXECUTABLE:
        pytest.skip(chromium.MISSING)
    async with chromium.started() as browser:
        yield browser


@pytest.fixture
async def desktop(browser: Browser, portal_url: str) -> AsyncIterator[Page]:
    """A desktop page with scripts; console errors fail the test."""
    context = await browser.new_context(base_url=portal_url, viewport=chromium.DESKTOP)  # type: ignore[arg-type]  # a literal
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    await context.close()
    assert complaints == []


@pytest.fixture
async def plain(browser: Browser, portal_url: str) -> AsyncIterator[Page]:
    """A phone page without scripts."""
    context = await browser.new_context(base_url=portal_url, viewport=chromium.PHONE, java_script_enabled=False)  # type: ignore[arg-type]  # a literal
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def phone(browser: Browser, portal_url: str) -> AsyncIterator[Page]:
    """A phone page with scripts."""
    context = await browser.new_context(base_url=portal_url, viewport=chromium.PHONE)  # type: ignore[arg-type]  # a literal
    yield await context.new_page()
    await context.close()

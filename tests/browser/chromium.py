"""Start Chromium and check pages for accessibility."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, async_playwright, expect

EXECUTABLE = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
"""The path of an installed Chromium; empty if there is none."""
MISSING = "Chromium is not installed: `apt-get install chromium` on Debian, then these tests run too."
DESKTOP, PHONE = {"width": 1100, "height": 900}, {"width": 375, "height": 740}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RULES = [*WCAG, "best-practice"]
TIMEOUT_MS = 30_000
"""Milliseconds to wait for an element or action. Pages poll every five seconds, and a busy machine is slow."""
CUT = """
[...document.querySelectorAll("html, .sections ul, .card, main form, .scroll")]
  .filter(part => part.scrollWidth > part.clientWidth)
  .map(part => part.className || part.tagName)
"""
"""Finds the parts of a page whose content is wider than they are."""
SCREENS = os.environ.get("SCREENS", "")
"""A folder for screenshots of all pages that tests check; empty to take none."""

expect.set_options(timeout=TIMEOUT_MS)


@asynccontextmanager
async def started() -> AsyncIterator[Browser]:
    """Run a headless browser."""
    async with async_playwright() as playwright:
        # Chromium's sandbox does not work in containers; the pages are trusted.
        arguments = ["--no-sandbox", "--host-resolver-rules=MAP *.test 127.0.0.1"]
        browser = await playwright.chromium.launch(executable_path=EXECUTABLE, args=arguments)
        try:
            yield browser
        finally:
            await browser.close()


async def check_page(page: Page, name: str, rules: list[str] = RULES) -> None:
    """Assert that a page fits the window and follows the accessibility rules in light and dark mode."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        # Light and dark mode differ in colours only.
        found = await Axe().run(page, options={"runOnly": rules if scheme == "light" else ["cat.color"]})
        assert not found.response["violations"], f"{name}, {scheme}: {found.generate_report()}"
        width = page.viewport_size["width"] if page.viewport_size else 0
        if SCREENS:
            path = Path(SCREENS) / f"{name}-{scheme}-{width}.png"
            await page.screenshot(path=path, full_page=True)
    assert await page.evaluate(CUT) == [], name
    await page.emulate_media(color_scheme="light")

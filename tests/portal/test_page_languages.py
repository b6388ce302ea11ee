"""People's pages in their own language, over HTTP."""

from urllib.parse import urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from landbridge import i18n
from landbridge.domain.links import LinkState, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY, PORTAL_URL
from tests.portal.fake_clients import ANN, InMemoryLinkClient, claims

LINKS = SignedLinks(PORTAL_URL, [KEY])
VERIFY, AUTHENTICATE = (urlsplit(LINKS.url(claims(purpose))).path for purpose in Purpose)
RETURN = urlsplit(LINKS.return_url(claims(Purpose.AUTHENTICATION))).path
TAGS = ["en", *i18n.available()]


def _words(response: httpx2.Response) -> str:
    return " ".join(BeautifulSoup(response.text, "html.parser").get_text(" ").split())


async def _every_page(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, locale: str
) -> list[httpx2.Response]:
    pages = []
    for path in (VERIFY, AUTHENTICATE, f"{VERIFY}/decline", RETURN, f"{RETURN}?check=12"):
        link_client.show(locale=locale)
        pages.append(await browser.get(path))
    link_client.show(sso=True, locale=locale)
    pages.append(await browser.get(AUTHENTICATE))
    for state in set(LinkState) - {LinkState.OPEN}:
        for path in (VERIFY, AUTHENTICATE):
            link_client.show(state=state, locale=locale)
            pages.append(await browser.get(path))
    for path in (f"{VERIFY}/new", f"{AUTHENTICATE}/decline", VERIFY):
        link_client.show(locale=locale)
        pages.append(await browser.post(path))
    return pages


@pytest.mark.parametrize("tag", TAGS)
async def test_every_page_is_complete_in_every_language(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, tag: str
) -> None:
    """The person's language takes precedence over the browser's. Facts, buttons and links match the English page."""
    english = await _every_page(browser, link_client, "en_US")
    browser.headers["Accept-Language"] = "fr" if tag != "fr" else "de"
    try:
        pages = await _every_page(browser, link_client, tag)
    finally:
        del browser.headers["Accept-Language"]
    for page, like in zip(pages, english, strict=True):
        soup, model = (BeautifulSoup(response.text, "html.parser") for response in (page, like))
        assert soup.html is not None
        assert (soup.html["lang"], soup.html["dir"], page.headers["content-language"]) == (tag, "ltr", tag)
        assert "%(" not in page.text
        for kind, address in (("form", "action"), ("a", "href")):
            there = [element[address] for element in soup.find_all(kind)]
            assert there == [element[address] for element in model.find_all(kind)]
        assert [dd.text for dd in soup.find_all("dd")] == [dd.text for dd in model.find_all("dd")]
        for label in soup.find_all(["h1", "button", "dt"]):
            assert label.text.strip()
        if tag != "en":
            assert _words(page) != _words(like)


@pytest.mark.parametrize(
    "header, tag",
    [("de-CH,de;q=0.9,en;q=0.8", "de"), ("ru,ja;q=0.5", "ja"), ("ru", "en"), ("", "en"), ("en-GB,fr;q=0.9", "en")],
)
async def test_without_a_locale_the_browser_decides(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, header: str, tag: str
) -> None:
    """The browser's language is used if no worker answers, if Opsgenie has no locale, and on error pages."""
    headers = {"Accept-Language": header}
    answers = [await browser.get(VERIFY, headers=headers), await browser.get("/nowhere", headers=headers)]
    link_client.shown = None
    answers += [await browser.get(VERIFY, headers=headers), await browser.post(VERIFY, headers=headers)]
    link_client.up = False
    answers.append(await browser.post(VERIFY, headers=headers))
    assert {answer.headers["content-language"] for answer in answers} == {tag}


async def test_a_missing_language_falls_back_to_the_browsers_or_english(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """Many people can read a second language better than English."""
    link_client.show(locale="ru_RU")
    assert (await browser.get(VERIFY)).headers["content-language"] == "en"
    answer = await browser.get(VERIFY, headers={"Accept-Language": "ru,de;q=0.5"})
    assert answer.headers["content-language"] == "de"


async def test_requests_do_not_share_a_language(browser: httpx2.AsyncClient, link_client: InMemoryLinkClient) -> None:
    """Requests on the same connection are independent too."""
    link_client.show(locale="ja_JP")
    assert (await browser.get(VERIFY)).headers["content-language"] == "ja"
    link_client.shown = ANN
    assert (await browser.get(VERIFY)).headers["content-language"] == "en"

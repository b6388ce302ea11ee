"""The pages behind emailed links, over HTTP."""

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from landbridge.domain.links import LinkState, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY, PORTAL_URL, serving, settings
from tests.portal.fake_clients import ANN, InMemoryLinkClient, claims

VERIFICATION, AUTHENTICATION = claims(Purpose.VERIFICATION), claims(Purpose.AUTHENTICATION)
LINKS = SignedLinks(PORTAL_URL, [KEY])
VERIFY, AUTHENTICATE = (urlsplit(LINKS.url(link)).path for link in (VERIFICATION, AUTHENTICATION))
RETURN = urlsplit(LINKS.return_url(AUTHENTICATION)).path
PAGES = [VERIFY, AUTHENTICATE]


def _page(response: httpx2.Response) -> BeautifulSoup:
    return BeautifulSoup(response.text, "html.parser")


def _title(response: httpx2.Response) -> str:
    heading = _page(response).h1
    assert heading
    return " ".join(heading.text.split())


def _has_return_url(query: dict[str, list[str]]) -> bool:
    """Return whether a URL contains the return URL and not the emailed link."""
    (url,) = query["continue"]
    return LINKS.read_return(url.removeprefix(f"{PORTAL_URL}/return/")) == AUTHENTICATION


def _redirect_target(response: httpx2.Response) -> str:
    """Return the target of a page's automatic redirect, which its link must match."""
    page = _page(response)
    refresh, link = page.select_one('meta[http-equiv="refresh"]'), page.select_one("a#onward")
    assert refresh
    assert link
    assert refresh["content"] == f"0;url={link['href']}"
    return str(link["href"])


def _actions(response: httpx2.Response) -> list[str]:
    return [str(form["action"]) for form in _page(response).find_all("form", method="post")]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_a_link_changes_nothing(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, method: str, path: str
) -> None:
    """Mail scanners open links, so GET and HEAD requests never send a signal."""
    for _ in range(3):
        assert (await browser.request(method, path)).status_code == 200
    assert link_client.signals == []


@pytest.mark.parametrize("path", PAGES)
async def test_the_page_shows_who_requested_what(browser: httpx2.AsyncClient, path: str) -> None:
    """The account, the site, the address and the initiator let people judge whether the email is genuine."""
    response = await browser.get(path)
    for fact in (ANN.opsgenie_account, "acme.example.net", ANN.email, ANN.initiator):
        assert fact in response.text
    assert _actions(response) == [path]


@pytest.mark.parametrize("path", PAGES)
async def test_the_button_is_shown_without_a_worker(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, path: str
) -> None:
    """A click is a durable signal, so the page needs no answer to offer it."""
    link_client.shown = None
    response = await browser.get(path)
    assert _actions(response) == [path]
    assert ANN.email not in response.text


async def test_verifying_signals_the_cohort_and_announces_the_next_email(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The signal contains the link's claims."""
    link_client.on_follow = lambda: link_client.show(state=LinkState.DONE)
    response = await browser.post(VERIFY)
    assert response.status_code == 200
    assert "confirmed" in _title(response)
    assert "We are sending you the next email now." in response.text
    assert link_client.signals == [("follow", VERIFICATION)]


@pytest.mark.parametrize("answer", [None, ANN])
async def test_verifying_without_a_worker_is_stored(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, answer: object
) -> None:
    """If no worker answers in time, the click is stored and the page says so."""
    link_client.shown = ANN if answer else None
    response = await browser.post(VERIFY)
    assert response.status_code == 202
    assert "received" in _title(response)
    assert link_client.signals == [("follow", VERIFICATION)]


async def test_pressing_twice_shows_that_the_person_is_done(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """A second click, a second browser and a reopened link are no errors."""
    link_client.on_follow = lambda: link_client.show(state=LinkState.DONE)
    await browser.post(VERIFY)
    assert (await browser.post(VERIFY)).status_code == 200
    assert "already confirmed" in _title(await browser.get(VERIFY))


async def test_authenticating_redirects_to_atlassian_with_a_return_url(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The sign-up page opens with the address filled in; the click itself proves nothing."""
    response = await browser.post(AUTHENTICATE)
    assert response.status_code == 200
    location = urlsplit(_redirect_target(response))
    assert (location.scheme, location.netloc, location.path) == ("https", "id.atlassian.com", "/signup")
    query = parse_qs(location.query)
    assert set(query) == {"email", "continue"}
    assert query["email"] == [ANN.email]
    assert _has_return_url(query)
    assert link_client.signals == []


async def test_a_click_that_counts_is_signalled(browser: httpx2.AsyncClient, link_client: InMemoryLinkClient) -> None:
    """Where Atlassian cannot be queried, the click is the only evidence that the person has authenticated."""
    link_client.show(click_counts=True)
    assert _redirect_target(await browser.post(AUTHENTICATE))
    assert link_client.signals == [("follow", AUTHENTICATION)]


async def test_authenticating_without_a_worker_redirects_without_the_address(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """Without a worker the portal does not know the address, so the person types it. The click is stored."""
    link_client.shown = None
    query = parse_qs(urlsplit(_redirect_target(await browser.post(AUTHENTICATE))).query)
    assert set(query) == {"continue"}
    assert _has_return_url(query)
    assert link_client.signals == [("follow", AUTHENTICATION)]


async def test_the_sign_up_url_keeps_its_query(link_client: InMemoryLinkClient) -> None:
    """The portal adds its own parameters to the query."""
    async with serving(link_client, settings(atlassian_signup_url="http://127.0.0.1:9/signup?app=ops")) as browser:
        response = await browser.post(AUTHENTICATE)
        assert _redirect_target(response).startswith("http://127.0.0.1:9/signup?app=ops&email=ann.lee%2Bops%40")


async def test_pages_for_single_sign_on_never_mention_a_password(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The pages redirect to the login page."""
    link_client.show(sso=True)
    page = await browser.get(AUTHENTICATE)
    assert "single sign-on" in page.text
    assert "password" not in page.text.casefold()
    onward = await browser.post(AUTHENTICATE)
    assert _redirect_target(onward).startswith("https://id.atlassian.com/login?")
    assert "password" not in onward.text.casefold()


async def test_pages_without_a_worker_never_mention_a_password(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """Without a worker it is unknown how the person signs in, so the text fits both cases."""
    link_client.shown = None
    assert "password" not in (await browser.get(AUTHENTICATE)).text.casefold()


@pytest.mark.parametrize(
    "state, title",
    [
        (LinkState.DONE, "You are all set"),
        (LinkState.EXPIRED, "This link no longer works"),
        (LinkState.CLOSED, "There is nothing for you to do"),
        (LinkState.DECLINED, "Thank you for letting us know"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_that_is_not_open_shows_its_state(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, method: str, state: LinkState, title: str
) -> None:
    """Completed, expired and closed links do not lead to Atlassian."""
    link_client.show(state=state)
    response = await browser.request(method, AUTHENTICATE)
    assert response.status_code == 200
    assert _title(response) == title
    assert link_client.signals == []


async def test_the_last_page_links_to_the_site(browser: httpx2.AsyncClient, link_client: InMemoryLinkClient) -> None:
    """The link is shown only if the site's URL is a web address."""
    link_client.show(state=LinkState.DONE)
    assert [link["href"] for link in _page(await browser.get(AUTHENTICATE)).select("main a")] == [ANN.site_url]
    link_client.show(state=LinkState.DONE, site_url="javascript:alert(1)")
    assert _page(await browser.get(AUTHENTICATE)).select("main a") == []


@pytest.mark.parametrize("path, link", [(VERIFY, VERIFICATION), (AUTHENTICATE, AUTHENTICATION)])
async def test_an_expired_link_can_be_replaced(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, path: str, link: object
) -> None:
    """The page has a single button, which requests a new email."""
    link_client.show(state=LinkState.EXPIRED)
    (action,) = _actions(await browser.get(path))
    response = await browser.post(action)
    assert response.status_code == 202
    assert link_client.signals == [("request_new_link", link)]


async def test_requesting_a_new_link_has_one_answer(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The answer is identical for every state of the link."""
    answers = set()
    for state in LinkState:
        link_client.show(state=state)
        answers.add((await browser.post(f"{VERIFY}/new")).text)
        answers.add((await browser.post(f"{AUTHENTICATE}/new")).text)
    assert len(answers) == 1


@pytest.mark.parametrize("path, link", [(VERIFY, VERIFICATION), (AUTHENTICATE, AUTHENTICATION)])
async def test_a_person_can_decline_after_confirming(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, path: str, link: object
) -> None:
    """The open page leads to a confirmation page; only its button signals the cohort."""
    link_client.on_decline = lambda: link_client.show(state=LinkState.DECLINED)
    (doubt,) = [str(a["href"]) for a in _page(await browser.get(path)).find_all("a")]
    asked = await browser.get(doubt)
    assert "not your account" in _title(asked)
    assert [str(a["href"]) for a in _page(asked).select("main a")] == [path]
    assert link_client.signals == []
    (action,) = _actions(asked)
    outcome = await browser.post(action)
    assert (outcome.status_code, _title(outcome)) == (200, "Thank you for letting us know")
    assert "no more emails" in outcome.text
    assert link_client.signals == [("decline", link)]
    assert "no more emails" in (await browser.get(path)).text


async def test_declining_without_a_worker_is_stored(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The page says only that the answer is saved, because no worker has processed it."""
    link_client.shown = None
    (action,) = _actions(await browser.get(f"{VERIFY}/decline"))
    outcome = await browser.post(action)
    assert outcome.status_code == 202
    assert "is saved and takes effect shortly" in outcome.text
    assert "no more emails" not in outcome.text
    assert link_client.signals == [("decline", VERIFICATION)]


@pytest.mark.parametrize("state", [LinkState.DONE, LinkState.EXPIRED, LinkState.CLOSED])
async def test_a_link_that_is_not_open_cannot_be_declined(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, state: LinkState
) -> None:
    """The page shows its state instead."""
    link_client.show(state=state)
    response = await browser.get(f"{AUTHENTICATE}/decline")
    assert not [action for action in _actions(response) if action.endswith("/decline")]


async def test_a_return_is_signalled_once(browser: httpx2.AsyncClient, link_client: InMemoryLinkClient) -> None:
    """The page then refreshes a limited number of times and sends no more signals."""
    path, looks = RETURN, 0
    while refresh := _page(await browser.get(path)).find("meta", attrs={"http-equiv": "refresh"}):
        seconds, path = str(refresh["content"]).split(";url=")
        assert int(seconds) >= 1
        looks += 1
    assert 1 <= looks <= 20
    assert link_client.signals == [("returned", AUTHENTICATION)]


async def test_the_checking_page_stops_when_the_answer_is_known(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """Then the page shows the result and no longer refreshes."""
    link_client.show(state=LinkState.DONE)
    response = await browser.get(RETURN)
    assert _title(response) == "You are all set"
    assert "http-equiv" not in response.text


@pytest.mark.parametrize("look", ["-1", "x", "٣", "9" * 5000, "0"])
async def test_an_invalid_refresh_count_is_harmless(browser: httpx2.AsyncClient, look: str) -> None:
    """The client controls the refresh count, so any value must be safe."""
    assert (await browser.get(RETURN, params={"look": look})).status_code == 200


@pytest.mark.parametrize("path", [VERIFY, AUTHENTICATE, f"{VERIFY}/new", f"{AUTHENTICATE}/decline"])
async def test_a_click_after_the_end_is_answered_with_410(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, path: str
) -> None:
    """The migration has ended, and no worker knows the person."""
    link_client.over, link_client.shown = True, None
    response = await browser.post(path)
    assert response.status_code == 410
    assert _title(response) == "This migration has ended"


async def test_a_return_after_the_end_is_answered_with_410(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The response is the same as for a click."""
    link_client.over, link_client.shown = True, None
    assert (await browser.get(RETURN)).status_code == 410


async def test_the_person_who_completes_the_migration_sees_that_they_are_done(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The cohort is already closed but still answers that the person is connected."""
    link_client.over = True
    link_client.show(state=LinkState.DONE)
    for response in (await browser.get(RETURN), await browser.post(AUTHENTICATE)):
        assert response.status_code == 200
        assert _title(response) == "You are all set"
    assert "already confirmed" in _title(await browser.post(VERIFY))


async def test_a_person_left_behind_sees_that_the_migration_has_ended(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """A closed cohort's answer is shown only to connected people."""
    link_client.over = True
    link_client.show(state=LinkState.CLOSED)
    assert (await browser.get(RETURN)).status_code == 410


@pytest.mark.parametrize("path", [VERIFY, AUTHENTICATE, f"{VERIFY}/new"])
async def test_a_click_that_cannot_be_stored_is_not_confirmed(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, path: str
) -> None:
    """While Temporal is down, the person is asked to try again and never sees a confirmation."""
    link_client.up = False
    response = await browser.post(path)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "try again" in _title(response)

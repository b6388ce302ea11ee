"""What people meet behind the links in their mails, over real HTTP."""

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from landbridge.domain.links import LinkState, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY, PORTAL_URL, serving, settings
from tests.portal.desk import ANN, InMemoryLinkClient, claims

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


def _leads_back(query: dict[str, list[str]]) -> bool:
    """Whether Atlassian is handed the way back, and not the link itself."""
    (url,) = query["continue"]
    return LINKS.read_return(url.removeprefix(f"{PORTAL_URL}/return/")) == AUTHENTICATION


def _onward(response: httpx2.Response) -> str:
    """Return where a page leads by itself, and by its link for browsers that do not go by themselves."""
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
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, method: str, path: str
) -> None:
    """Mail scanners open links: whatever opens one, however often, nobody is told anything."""
    for _ in range(3):
        assert (await browser.request(method, path)).status_code == 200
    assert desk.told == []


@pytest.mark.parametrize("path", PAGES)
async def test_the_page_says_who_asks_for_what(browser: httpx2.AsyncClient, path: str) -> None:
    """A person can judge the mail by it: which Opsgenie account, which site, which address, who asked."""
    response = await browser.get(path)
    for fact in (ANN.opsgenie_account, "acme.example.net", ANN.email, ANN.initiator):
        assert fact in response.text
    assert _actions(response) == [path]


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_worker_the_button_is_there_all_the_same(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, path: str
) -> None:
    """A click is a durable signal, so the page does not need an answer to offer it."""
    desk.shown = None
    response = await browser.get(path)
    assert _actions(response) == [path]
    assert ANN.email not in response.text


async def test_verifying_tells_the_cohort_and_says_what_comes_next(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """The click is handed on with the link's claims, and the person hears that the next mail comes at once."""
    desk.on_follow = lambda: desk.show(state=LinkState.DONE)
    response = await browser.post(VERIFY)
    assert response.status_code == 200
    assert "confirmed" in _title(response)
    assert "next email comes to you at once" in response.text
    assert desk.told == [("follow", VERIFICATION)]


@pytest.mark.parametrize("answer", [None, ANN])
async def test_verifying_is_received_while_nothing_answers(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, answer: object
) -> None:
    """No worker, or one that has not come to it yet: the click is stored, and the page says so."""
    desk.shown = ANN if answer else None
    response = await browser.post(VERIFY)
    assert response.status_code == 202
    assert "received" in _title(response)
    assert desk.told == [("follow", VERIFICATION)]


async def test_pressing_twice_is_friendly(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """A second click, a second browser, a link opened again: already done, and no alarm."""
    desk.on_follow = lambda: desk.show(state=LinkState.DONE)
    await browser.post(VERIFY)
    assert (await browser.post(VERIFY)).status_code == 200
    assert "already confirmed" in _title(await browser.get(VERIFY))


async def test_authenticating_leads_on_to_atlassian_and_back(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """Atlassian's sign-up opens with the address filled in and the way back; the click itself proves nothing."""
    response = await browser.post(AUTHENTICATE)
    assert response.status_code == 200
    location = urlsplit(_onward(response))
    assert (location.scheme, location.netloc, location.path) == ("https", "id.atlassian.com", "/signup")
    query = parse_qs(location.query)
    assert set(query) == {"email", "continue"}
    assert query["email"] == [ANN.email]
    assert _leads_back(query)
    assert desk.told == []


async def test_the_cohort_is_told_of_a_click_that_counts(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """Where Atlassian cannot be asked, there is nothing else to go by."""
    desk.show(click_counts=True)
    assert _onward(await browser.post(AUTHENTICATE))
    assert desk.told == [("follow", AUTHENTICATION)]


async def test_authenticating_without_a_worker_leads_on_without_the_address(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """Nobody knows the address, so the person types it; the click is stored."""
    desk.shown = None
    query = parse_qs(urlsplit(_onward(await browser.post(AUTHENTICATE))).query)
    assert set(query) == {"continue"}
    assert _leads_back(query)
    assert desk.told == [("follow", AUTHENTICATION)]


async def test_a_configured_sign_up_page_keeps_its_own_query(desk: InMemoryLinkClient) -> None:
    """Where the address of the sign-up page has a query, ours is added to it."""
    async with serving(desk, settings(atlassian_signup_url="http://127.0.0.1:9/signup?app=ops")) as browser:
        response = await browser.post(AUTHENTICATE)
        assert _onward(response).startswith("http://127.0.0.1:9/signup?app=ops&email=ann.lee%2Bops%40")


async def test_people_with_single_sign_on_never_read_of_a_password(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """They go to the login page, and no page that they see speaks of a password."""
    desk.show(sso=True)
    page = await browser.get(AUTHENTICATE)
    assert "single sign-on" in page.text
    assert "password" not in page.text.casefold()
    onward = await browser.post(AUTHENTICATE)
    assert _onward(onward).startswith("https://id.atlassian.com/login?")
    assert "password" not in onward.text.casefold()


async def test_without_a_worker_nobody_reads_of_a_password(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """While it is unknown who signs in how, the page fits both."""
    desk.shown = None
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
async def test_a_link_that_is_not_open_says_so(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, method: str, state: LinkState, title: str
) -> None:
    """Nobody is led on to Atlassian by a link that is done, too old, or of no use any more."""
    desk.show(state=state)
    response = await browser.request(method, AUTHENTICATE)
    assert response.status_code == 200
    assert _title(response) == title
    assert desk.told == []


async def test_whoever_is_done_is_led_to_the_site(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """The last page has the way to the new site, if its address is a web address."""
    desk.show(state=LinkState.DONE)
    assert [link["href"] for link in _page(await browser.get(AUTHENTICATE)).select("main a")] == [ANN.site_url]
    desk.show(state=LinkState.DONE, site_url="javascript:alert(1)")
    assert _page(await browser.get(AUTHENTICATE)).select("main a") == []


@pytest.mark.parametrize("path, link", [(VERIFY, VERIFICATION), (AUTHENTICATE, AUTHENTICATION)])
async def test_an_expired_link_can_be_replaced(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, path: str, link: object
) -> None:
    """Its page has one button, which asks the cohort for a new mail."""
    desk.show(state=LinkState.EXPIRED)
    (action,) = _actions(await browser.get(path))
    response = await browser.post(action)
    assert response.status_code == 202
    assert desk.told == [("request_new_link", link)]


async def test_asking_for_a_new_link_has_one_answer(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """Whatever the link's state, the answer is the same to the letter."""
    answers = set()
    for state in LinkState:
        desk.show(state=state)
        answers.add((await browser.post(f"{VERIFY}/new")).text)
        answers.add((await browser.post(f"{AUTHENTICATE}/new")).text)
    assert len(answers) == 1


@pytest.mark.parametrize("path, link", [(VERIFY, VERIFICATION), (AUTHENTICATE, AUTHENTICATION)])
async def test_who_it_is_not_for_can_say_so(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, path: str, link: object
) -> None:
    """The open page leads to a page that asks first; only its button tells the cohort."""
    desk.on_decline = lambda: desk.show(state=LinkState.DECLINED)
    (doubt,) = [str(a["href"]) for a in _page(await browser.get(path)).find_all("a")]
    asked = await browser.get(doubt)
    assert "not your account" in _title(asked)
    assert [str(a["href"]) for a in _page(asked).select("main a")] == [path]
    assert desk.told == []
    (action,) = _actions(asked)
    told = await browser.post(action)
    assert (told.status_code, _title(told)) == (200, "Thank you for letting us know")
    assert "no more emails" in told.text
    assert desk.told == [("decline", link)]
    assert "no more emails" in (await browser.get(path)).text


async def test_declining_is_stored_while_nothing_answers(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """The page promises no more than it knows."""
    desk.shown = None
    (action,) = _actions(await browser.get(f"{VERIFY}/decline"))
    told = await browser.post(action)
    assert told.status_code == 202
    assert "safely stored" in told.text
    assert "no more emails" not in told.text
    assert desk.told == [("decline", VERIFICATION)]


@pytest.mark.parametrize("state", [LinkState.DONE, LinkState.EXPIRED, LinkState.CLOSED])
async def test_a_link_that_is_not_open_offers_no_declining(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, state: LinkState
) -> None:
    """Its page says how it stands instead."""
    desk.show(state=state)
    response = await browser.get(f"{AUTHENTICATE}/decline")
    assert not [action for action in _actions(response) if action.endswith("/decline")]


async def test_coming_back_makes_the_cohort_ask_once(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """The return is told once; the page then looks again by itself, a limited number of times, telling nobody."""
    path, looks = RETURN, 0
    while refresh := _page(await browser.get(path)).find("meta", attrs={"http-equiv": "refresh"}):
        seconds, path = str(refresh["content"]).split(";url=")
        assert int(seconds) >= 1
        looks += 1
    assert 1 <= looks <= 20
    assert desk.told == [("returned", AUTHENTICATION)]


async def test_coming_back_ends_when_atlassian_knows(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """Once the cohort has the answer, the page says so and rests."""
    desk.show(state=LinkState.DONE)
    response = await browser.get(RETURN)
    assert _title(response) == "You are all set"
    assert "http-equiv" not in response.text


@pytest.mark.parametrize("look", ["-1", "x", "٣", "9" * 5000, "0"])
async def test_a_made_up_look_is_harmless(browser: httpx2.AsyncClient, look: str) -> None:
    """The number of looks comes from outside and may be anything."""
    assert (await browser.get(RETURN, params={"look": look})).status_code == 200


@pytest.mark.parametrize("path", [VERIFY, AUTHENTICATE, f"{VERIFY}/new", f"{AUTHENTICATE}/decline"])
async def test_a_click_after_the_end_is_told_so(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, path: str
) -> None:
    """The migration is over, and no worker knows better: gone, in a sentence."""
    desk.over, desk.shown = True, None
    response = await browser.post(path)
    assert response.status_code == 410
    assert _title(response) == "This migration has ended"


async def test_coming_back_after_the_end_is_told_so(browser: httpx2.AsyncClient, desk: InMemoryLinkClient) -> None:
    """The same holds for whoever comes back from Atlassian too late."""
    desk.over, desk.shown = True, None
    assert (await browser.get(RETURN)).status_code == 410


async def test_whoever_ends_the_migration_by_arriving_is_all_set(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """The last one to come back finds the cohort closed, which still answers that they are connected."""
    desk.over = True
    desk.show(state=LinkState.DONE)
    for response in (await browser.get(RETURN), await browser.post(AUTHENTICATE)):
        assert response.status_code == 200
        assert _title(response) == "You are all set"
    assert "already confirmed" in _title(await browser.post(VERIFY))


async def test_whoever_was_left_behind_is_told_that_it_is_over(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient
) -> None:
    """An answer of a closed cohort comforts nobody who did not make it."""
    desk.over = True
    desk.show(state=LinkState.CLOSED)
    assert (await browser.get(RETURN)).status_code == 410


@pytest.mark.parametrize("path", [VERIFY, AUTHENTICATE, f"{VERIFY}/new"])
async def test_a_click_that_cannot_be_stored_is_not_confirmed(
    browser: httpx2.AsyncClient, desk: InMemoryLinkClient, path: str
) -> None:
    """Temporal is down: the person is asked to try again, and is never told that it worked."""
    desk.up = False
    response = await browser.post(path)
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) > 0
    assert "try again" in _title(response)

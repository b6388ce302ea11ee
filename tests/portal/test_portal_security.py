"""What the portal must never do, whatever the request."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import pytest
from bs4 import BeautifulSoup

from landbridge.domain.links import LinkClaims, LinkView, Purpose
from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY, PORTAL_URL, serving, settings
from tests.portal.fake_clients import InMemoryLinkClient, claims

ROOT = Path(__file__).parents[2]
LINKS = SignedLinks(PORTAL_URL, [KEY])
VERIFY_TOKEN, AUTHENTICATE_TOKEN = (LINKS.token(claims(purpose)) for purpose in Purpose)
VERIFY = urlsplit(LINKS.url(claims(Purpose.VERIFICATION))).path
RETURN_TOKEN = LINKS.return_url(claims(Purpose.AUTHENTICATION)).rpartition("/")[2]
FORGED = SignedLinks(PORTAL_URL, ["f" * 32]).token(claims(Purpose.VERIFICATION))
HOSTILE = '<script>alert(1)</script>"onmouseover=x \u202egnp.exe\u2066 \x07'


@pytest.mark.parametrize(
    "page",
    ["/verify/{}", "/authenticate/{}", "/verify/{}/new", "/authenticate/{}/new", "/verify/{}/decline", "/return/{}"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_every_unknown_link_gets_the_same_answer(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient, method: str, page: str
) -> None:
    """Links that are forged, truncated, too long, malformed or for another purpose send no query and no signal."""
    if method != "POST" and page.endswith("/new"):
        assert (await browser.request(method, page.format(VERIFY_TOKEN))).status_code == 405
        return
    others = {
        "/verify": [AUTHENTICATE_TOKEN, RETURN_TOKEN],
        "/authenticate": [VERIFY_TOKEN, RETURN_TOKEN],
        "/return": [VERIFY_TOKEN, AUTHENTICATE_TOKEN],
    }[page.partition("/{}")[0]]
    if method == "POST" and page.startswith("/return"):
        assert (await browser.post(page.format(RETURN_TOKEN))).status_code == 405
        return
    tokens = [FORGED, VERIFY_TOKEN[:-1], AUTHENTICATE_TOKEN[:-1], *others]
    tokens += ["x", "%00", "%F0%9F%90%88", "a" * 5000, "..."]
    answers = [await browser.request(method, page.format(token)) for token in tokens]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert link_client.signals == []


@pytest.mark.parametrize(
    "path, status",
    [(VERIFY, 200), ("/nowhere", 404), ("/verify/x", 404), ("/nothing/here", 404), ("/static/portal.css", 200)],
)
async def test_every_response_has_the_security_headers(browser: httpx2.AsyncClient, path: str, status: int) -> None:
    """Frames, scripts, referrers and sniffing are forbidden. HSTS is sent only over HTTPS."""
    response = await browser.get(path)
    assert response.status_code == status
    policy = response.headers["content-security-policy"]
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'self'"):
        assert directive in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert response.headers["referrer-policy"] == "strict-origin"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["strict-transport-security"].startswith("max-age=")
    assert ("no-store" in response.headers["cache-control"]) != path.startswith("/static/")
    assert "set-cookie" not in response.headers
    assert "server" not in response.headers


async def test_plain_http_sends_no_hsts(link_client: InMemoryLinkClient) -> None:
    """HSTS would lock browsers out of a trial portal that has no TLS."""
    async with serving(link_client, settings(portal_url="http://127.0.0.1:1")) as browser:
        assert "strict-transport-security" not in (await browser.get("/livez")).headers


async def test_pages_load_only_the_portals_own_files(browser: httpx2.AsyncClient) -> None:
    """Pages contain no scripts."""
    page = BeautifulSoup((await browser.get(VERIFY)).text, "html.parser")
    assert page.find_all("script") == []
    assert page.find_all(style=True) == []
    loaded = [str(tag.get("src") or tag.get("href")) for tag in page.find_all(["link", "img"])]
    assert loaded
    for path in loaded:
        assert path.startswith("/static/")
        assert (await browser.get(path)).status_code == 200


async def test_markup_and_control_characters_in_names_are_neutralised(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """Markup in a name is shown as text, and bidirectional control characters are removed."""
    link_client.show(initiator=HOSTILE, site_url="", site_name=HOSTILE, opsgenie_account=HOSTILE, email=HOSTILE)
    text = (await browser.get(VERIFY)).text
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not {"\u202e", "\u2066", "\x07"} & set(text)


@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL"])
async def test_links_do_not_use_the_host_header(browser: httpx2.AsyncClient, header: str) -> None:
    """A forged host name appears nowhere in the response."""
    headers = {header: "evil.example"}
    page = await browser.get(VERIFY, headers=headers)
    led_on = await browser.post(f"/authenticate/{AUTHENTICATE_TOKEN}", headers=headers)
    slash = await browser.get(f"{VERIFY}/", headers=headers)
    for answer in (page, led_on, slash):
        assert "evil" not in answer.text + str(answer.headers)
    assert slash.status_code == 404


async def test_there_is_no_open_redirect(browser: httpx2.AsyncClient) -> None:
    """No request parameter changes the target of a redirect."""
    names = ["continue", "next", "return_to", "url", "email"]
    response = await browser.post(
        f"/authenticate/{AUTHENTICATE_TOKEN}", params=dict.fromkeys(names, "//evil.example"), data={"next": "//evil"}
    )
    links = BeautifulSoup(response.text, "html.parser").select("a[href]")
    assert [urlsplit(str(link["href"])).netloc for link in links] == ["id.atlassian.com"]
    assert "evil" not in response.text


async def test_a_large_body_is_refused(browser: httpx2.AsyncClient, link_client: InMemoryLinkClient) -> None:
    """The forms have no fields, so no client needs to send a large body."""
    response = await browser.post(VERIFY, content=b"x" * 1_000_000)
    assert response.status_code == 413
    assert link_client.signals == []


@pytest.mark.parametrize("method, path", [("PUT", VERIFY), ("DELETE", VERIFY), ("GET", f"{VERIFY}/new")])
async def test_other_methods_are_answered_with_an_error_page(
    browser: httpx2.AsyncClient, method: str, path: str
) -> None:
    """The error page has the usual design."""
    response = await browser.request(method, path)
    assert response.status_code == 405
    assert "portal.css" in response.text
    assert "allow" in response.headers


async def test_tokens_are_not_in_the_logs(
    browser: httpx2.AsyncClient,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither uvicorn's access log nor the portal's contains a usable link."""
    caplog.set_level(logging.DEBUG)
    # A server that an earlier test ran in this process may have disabled this logger.
    caplog.set_level(logging.INFO, logger="uvicorn.access")
    monkeypatch.setattr(logging.getLogger("uvicorn.access"), "propagate", True)
    for path in (VERIFY, f"/return/{RETURN_TOKEN}?check=1", f"/verify/{FORGED}"):
        await browser.get(path)
        await browser.post(path)
    served = [record.getMessage() for record in caplog.records if record.name == "uvicorn.access"]
    assert any('"GET /verify/… HTTP' in line for line in served)
    captured = capsys.readouterr()
    everything = "\n".join([*served, captured.out, captured.err])
    for token in (VERIFY_TOKEN, RETURN_TOKEN, FORGED):
        assert token not in everything


class _BrokenLinkClient(InMemoryLinkClient):
    """A client with a bug."""

    async def view(self, _claims: LinkClaims) -> LinkView | None:
        """Raise an unexpected error."""
        raise ZeroDivisionError


async def test_an_unexpected_error_reveals_nothing() -> None:
    """The error page has the usual design and headers, and no details."""
    async with serving(_BrokenLinkClient(), settings()) as browser:
        response = await browser.get(VERIFY)
    assert response.status_code == 500
    assert "portal.css" in response.text
    assert "ZeroDivision" not in response.text
    assert "content-security-policy" in response.headers


async def test_liveness_and_readiness_are_separate(
    browser: httpx2.AsyncClient, link_client: InMemoryLinkClient
) -> None:
    """The portal is ready only while it can reach Temporal."""
    assert (await browser.get("/readyz")).status_code == 200
    link_client.up = False
    assert (await browser.get("/readyz")).status_code == 503
    assert (await browser.get("/livez")).status_code == 200


async def test_an_endless_number_is_answered_with_404(browser: httpx2.AsyncClient) -> None:
    """An exception would let clients fill the log with tracebacks."""
    assert (await browser.get(f"/settings/users/{'1' * 5000}/1")).status_code == 404


@pytest.mark.parametrize("header", ["de;q=x", "\x80", "a" * 10_000, ",".join(["xx"] * 3000), "../../de", "de_DE.po"])
async def test_an_invalid_accept_language_is_harmless(browser: httpx2.AsyncClient, header: str) -> None:
    """Any value of the header shows the page."""
    answer = await browser.get(VERIFY, headers={b"Accept-Language": header.encode("latin-1")})
    assert (answer.status_code, answer.headers["content-language"]) == (200, "en")


def test_the_asgi_app_reports_missing_settings_in_one_sentence(tmp_path: Path) -> None:
    """The process exits without a traceback."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LANDBRIDGE_")}
    environment["LANDBRIDGE_PORTAL_URL"] = "https://landbridge.example.com"
    ended = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-m", "uvicorn", "landbridge.portal.app:app", "--port", "0", "--app-dir", str(ROOT)],
        cwd=tmp_path,  # in a folder without `.env`
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 2
    assert "LANDBRIDGE_TOKEN_KEYS is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_views_of_other_versions_are_understood() -> None:
    """Workers may be newer or older than the portal, so unknown and missing fields are no error."""
    view = LinkView.model_validate_json(json.dumps({"state": "open", "of_tomorrow": 1}))
    assert view == LinkView(state=view.state)

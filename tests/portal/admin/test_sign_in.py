"""Who can sign in, and how, over HTTP with a real worker and a clock that tests control."""

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import httpx2
import pytest
from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.requests import Request
from starlette.responses import Response
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.worker import Worker

from landbridge.domain import ids, sign_in
from landbridge.domain.links import Purpose
from landbridge.domain.roster import ADMIN, OWNER, RosterPerson
from landbridge.domain.sign_in import (
    COOL_DOWN,
    IDENTITY_LIFETIME,
    LINK_LIFETIME,
    MAX_LINKS,
    Redeem,
    SignedIn,
    SignInClaims,
    identity_digest,
)
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.portal.admin.sessions import MAX_COOKIE_LENGTH, SESSION_SECONDS, Sessions
from tests.portal.admin.admin_browser import SAME_ORIGIN, AdminBrowser, form, title, words
from tests.portal.conftest import KEY
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually, let_pass, running_harness

FORGED = SignedLinks("https://x.example", ["f" * 32])


def sign_in_of(harness: MigrationHarness, email: str) -> WorkflowHandle[None, None]:
    """Return a handle of the sign-in workflow for an address."""
    return harness.client.get_workflow_handle(ids.sign_in(sign_in.digest(email, KEY)))


async def skip(harness: MigrationHarness, time: timedelta, email: str = OWNER_EMAIL) -> None:
    """Skip time in the Temporal test server while a sign-in runs."""
    await let_pass(harness.client, sign_in_of(harness, email), time)


async def ask_until_mailed(admin_browser: AdminBrowser, number: int) -> str:
    """Request links until the worker has seen the end of the cool-down and sends an email; return its link."""
    mails = admin_browser.harness.world.mailer.sign_in_links

    async def mailed() -> bool:
        await admin_browser.ask_for_link()
        return len(mails) >= number

    await eventually(mailed)
    return await admin_browser.link(number)


async def is_over(harness: MigrationHarness, email: str) -> bool:
    """Return whether a sign-in has ended."""
    return (await sign_in_of(harness, email).describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_an_owner_signs_in_with_an_emailed_link(admin_browser: AdminBrowser) -> None:
    """Afterwards the settings show who is signed in."""
    assert title(await admin_browser.ask_for_link()) == "Check your inbox"
    link = await admin_browser.link()
    confirm = await admin_browser.open(link)
    assert title(confirm) == "Sign in to Landbridge"
    assert not admin_browser.signed_in
    response = await admin_browser.post(link)
    assert response.url.path == "/settings/general"
    assert OWNER_EMAIL in words(response)
    assert admin_browser.harness.account in words(response)


async def test_everyone_else_gets_the_same_answer_and_no_email(admin_browser: AdminBrowser) -> None:
    """Unknown, ordinary and blocked users get the same page, and a sign-in workflow of the same duration."""
    admin_browser.harness.world.opsgenie.add(
        RosterPerson(email="ulla@example.com", email_verified=True),
        RosterPerson(email="bert@example.com", role=ADMIN, blocked=True),
    )
    strangers = ["nobody@example.com", "ulla@example.com", "bert@example.com"]
    answers = {(await admin_browser.ask_for_link(email)).text for email in [OWNER_EMAIL, *strangers]}
    assert len(answers) == 1
    looked_up = admin_browser.harness.world.opsgenie.looked_up
    await eventually(lambda: len(looked_up) == 4)
    assert [order.recipient.email for order in admin_browser.harness.world.mailer.sign_in_links] == [OWNER_EMAIL]
    for email in strangers:
        await skip(admin_browser.harness, LINK_LIFETIME - timedelta(minutes=1), email)
        assert not await is_over(admin_browser.harness, email)


async def test_case_and_spaces_in_an_address_are_ignored(admin_browser: AdminBrowser) -> None:
    """All spellings of an address share one sign-in workflow."""
    await admin_browser.ask_for_link(f"  {OWNER_EMAIL.upper()} ")
    await admin_browser.post(await admin_browser.link())
    assert admin_browser.signed_in
    assert await is_over(admin_browser.harness, OWNER_EMAIL)


@pytest.mark.parametrize("typed", ["", "olga", "olga@", "a@example.com, b@example.com", '"><script>'])
async def test_an_invalid_address_is_refused(admin_browser: AdminBrowser, typed: str) -> None:
    """The form keeps the address, and no sign-in workflow starts."""
    response = await admin_browser.ask_for_link(typed)
    assert response.status_code == 422
    assert form(response, "/sign-in")["email"] == typed
    assert admin_browser.harness.world.opsgenie.looked_up == []


async def test_a_link_works_once(admin_browser: AdminBrowser) -> None:
    """A second use of the same link is refused."""
    await admin_browser.sign_in()
    link = await admin_browser.link()
    admin_browser.browser.cookies.clear()
    response = await admin_browser.post(link)
    assert (response.status_code, title(response)) == (410, "This link does not work")
    assert not admin_browser.signed_in


async def test_pressing_twice_redirects_to_the_settings(admin_browser: AdminBrowser) -> None:
    """The first press has already signed the person in."""
    await admin_browser.sign_in()
    assert (await admin_browser.post(await admin_browser.link())).url.path == "/settings/general"


async def test_a_link_expires_after_a_quarter_of_an_hour(admin_browser: AdminBrowser) -> None:
    """The page is the same as for any invalid link."""
    await admin_browser.ask_for_link()
    link = await admin_browser.link()
    await skip(admin_browser.harness, LINK_LIFETIME)
    await eventually(lambda: is_over(admin_browser.harness, OWNER_EMAIL))
    assert (await admin_browser.post(link)).status_code == 410
    assert not admin_browser.signed_in


async def test_requests_respect_the_cool_down_and_then_replace_the_link(admin_browser: AdminBrowser) -> None:
    """After a minute a new link is sent, and only the new link works."""
    await admin_browser.ask_for_link()
    first = await admin_browser.link()
    await admin_browser.ask_for_link()
    await skip(admin_browser.harness, COOL_DOWN)
    assert len(admin_browser.harness.world.mailer.sign_in_links) == 1
    second = await ask_until_mailed(admin_browser, 2)
    assert (await admin_browser.post(first)).status_code == 410
    await admin_browser.post(second)
    assert admin_browser.signed_in


async def test_emails_to_one_address_are_limited(admin_browser: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """No further email is sent until the newest link has expired, however often links are requested."""
    # Do not skip time: when asked to skip a minute, the server has skipped a quarter of an hour.
    monkeypatch.setattr(sign_in, "COOL_DOWN", timedelta(milliseconds=10))
    for number in range(1, MAX_LINKS + 1):
        await ask_until_mailed(admin_browser, number)
    for _ in range(5):
        await admin_browser.ask_for_link()
    await admin_browser.post(await admin_browser.link(MAX_LINKS))
    assert admin_browser.signed_in
    assert len(admin_browser.harness.world.mailer.sign_in_links) == MAX_LINKS


async def test_a_browser_that_refuses_cookies_sees_an_explanation(admin_browser: AdminBrowser) -> None:
    """The page does not redirect back to the sign-in page in a loop."""
    await admin_browser.ask_for_link()
    signed_in = await admin_browser.browser.post(await admin_browser.link(), headers=SAME_ORIGIN)
    admin_browser.browser.cookies.clear()
    outcome = await admin_browser.open(signed_in.headers["location"])
    assert (outcome.status_code, title(outcome)) == (400, "Your browser did not keep you signed in")
    assert "Allow cookies" in words(outcome)


async def test_invalid_links_get_one_answer(admin_browser: AdminBrowser) -> None:
    """Forged, truncated and malformed links, and links without a sign-in workflow, all get the same page."""
    await admin_browser.ask_for_link()
    link = await admin_browser.link()
    claims = SignInClaims(
        sign_in_id="sign-in:x", run_id="0198c2f4-7b1c-7e2e-9a3b-5d0f6a1b2c3d", generation=1, identity="0"
    )
    never = SignedLinks("", [KEY]).sign_in_url(claims)
    forged = FORGED.sign_in_url(admin_browser.harness.world.mailer.sign_in_links[0].claims).removeprefix(
        "https://x.example"
    )
    answers = [
        await admin_browser.post(path) for path in (never, forged, link[:-1], "/sign-in/x", f"/sign-in/{'a' * 3000}")
    ]
    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.text for answer in answers}) == 1
    assert not admin_browser.signed_in


async def test_opening_a_link_signs_nobody_in(admin_browser: AdminBrowser) -> None:
    """Mail scanners open links. The person can still sign in by pressing the button."""
    await admin_browser.ask_for_link()
    link = await admin_browser.link()
    for method in ("GET", "HEAD", "GET"):
        assert (await admin_browser.browser.request(method, link)).status_code == 200
    await admin_browser.post(link)
    assert admin_browser.signed_in


@workflow.defn(sandboxed=False)
class Rogue:
    """An attacker's sign-in workflow, whose answers the attacker chooses."""

    def __init__(self) -> None:
        self._identity: str | None = None

    @workflow.run
    async def run(self) -> None:
        """Wait forever."""
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def answer(self, identity: str) -> None:
        """Set the answer."""
        self._identity = identity

    @workflow.update
    async def redeem(self, _: Redeem) -> str:
        """Return the attacker's identity token."""
        await workflow.wait_condition(lambda: self._identity is not None)
        return str(self._identity)


EVE = SignedIn(email="eve@example.com", role=ADMIN, opsgenie_account="acme")
OLGA = SignedIn(email=OWNER_EMAIL, role=OWNER, opsgenie_account="acme")


@pytest.mark.parametrize(
    "answer,signs_in",
    [
        (lambda own, _: own, True),
        (lambda *_: OLGA.model_dump_json(), False),
        (lambda _, run: FORGED.sign_identity(OLGA, *run), False),
        (lambda _, run: SignedLinks("", [KEY]).sign_identity(OLGA, *run), False),
        (lambda *_: SignedLinks("", [KEY]).sign_identity(OLGA, "sign-in:another", "r"), False),
    ],
    ids=["who got the link", "in clear", "forged", "an owner's of the same sign-in", "an owner's of another sign-in"],
)
async def test_temporal_cannot_forge_an_identity(
    admin_browser: AdminBrowser, answer: Callable[[str, tuple[str, str]], str], *, signs_in: bool
) -> None:
    """The attacker owns a link, runs the workflow that it names, and can even encrypt payloads."""
    connection = admin_browser.harness.client
    async with Worker(connection, task_queue="rogue", workflows=[Rogue]):
        rogue = await connection.start_workflow(Rogue.run, id="sign-in:rogue", task_queue="rogue")
        run = rogue.id, str(rogue.result_run_id)
        links = SignedLinks("", [KEY])
        own = links.sign_identity(EVE, *run)
        claims = SignInClaims(sign_in_id=run[0], run_id=run[1], generation=1, identity=identity_digest(own))
        await rogue.signal(Rogue.answer, answer(own, run))
        response = await admin_browser.post(links.sign_in_url(claims))
        assert (admin_browser.signed_in, response.status_code == 410) == (signs_in, not signs_in)
        await rogue.terminate()


def test_an_identity_token_expires_after_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stored token must be useless after its owner has lost the role."""
    links = SignedLinks("", [KEY])
    long_ago = time.time() - IDENTITY_LIFETIME.total_seconds() - 1
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: long_ago)
        old = links.sign_identity(EVE, "s", "r")
    for identity, who in ((old, None), (links.sign_identity(EVE, "s", "r"), EVE)):
        claims = SignInClaims(sign_in_id="s", run_id="r", generation=1, identity=identity_digest(identity))
        assert links.read_identity(identity, claims) == who


@pytest.mark.parametrize("path", ["/settings/general", "/settings", "/"])
async def test_the_settings_need_a_session(admin_browser: AdminBrowser, path: str) -> None:
    """Without a session, each page redirects to the sign-in page."""
    response = await admin_browser.open(path)
    assert (response.url.path, title(response)) == ("/sign-in", "Sign in")


async def test_a_form_after_the_session_reports_that_nothing_changed(admin_browser: AdminBrowser) -> None:
    """The person then knows to enter the data again."""
    await admin_browser.sign_in()
    migrate = form(await admin_browser.open("/settings/general"), "/settings/general/migrate")
    admin_browser.browser.cookies.clear()
    outcome = await admin_browser.post("/settings/general/migrate", migrate)
    assert (title(outcome), "nothing was changed" in words(outcome)) == ("Sign in", True)
    assert "nothing was changed" not in words(await admin_browser.open("/settings/general"))


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_forms_of_other_sites_cannot_request_or_redeem_links(
    admin_browser: AdminBrowser, headers: dict[str, str]
) -> None:
    """Cross-site forms send no email and sign nobody in."""
    refused = await admin_browser.browser.post("/sign-in", data={"email": OWNER_EMAIL}, headers=headers)
    assert refused.status_code == 403
    await admin_browser.ask_for_link()
    link = await admin_browser.link()
    assert (await admin_browser.browser.post(link, headers=headers)).status_code == 403
    assert not admin_browser.signed_in
    await admin_browser.post(link)
    assert admin_browser.signed_in


@pytest.mark.parametrize("origin, status", [("", 200), ("null", 403), ("https://evil.example", 403)])
async def test_browsers_that_send_only_the_origin_can_sign_in(
    admin_browser: AdminBrowser, origin: str, status: int
) -> None:
    """On plain HTTP, browsers do not send `Sec-Fetch-Site`."""
    ours = str(admin_browser.browser.base_url).rstrip("/")
    answer = await admin_browser.browser.post(
        "/sign-in", data={"email": OWNER_EMAIL}, headers={"Origin": origin or ours}
    )
    assert answer.status_code == status


async def test_signing_out_ends_the_session(admin_browser: AdminBrowser) -> None:
    """The cookie is deleted, and the settings require a new sign-in."""
    await admin_browser.sign_in()
    assert title(await admin_browser.send("/sign-out")) == "Sign in"
    assert not admin_browser.signed_in
    assert (await admin_browser.open("/settings/general")).url.path == "/sign-in"


@pytest.mark.parametrize(
    "fields, headers",
    [
        ({}, SAME_ORIGIN),
        ({"csrf": "made-up"}, SAME_ORIGIN),
        (None, {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}),
        (None, {"Sec-Fetch-Site": "same-site", "Origin": "null"}),
        (None, {"Origin": "null"}),
    ],
)
async def test_forms_need_the_csrf_token_and_the_portals_origin(
    admin_browser: AdminBrowser, fields: dict[str, str] | None, headers: dict[str, str]
) -> None:
    """Without both, a form is refused and changes nothing."""
    usual = form(await admin_browser.sign_in(), "/sign-out")
    answer = await admin_browser.browser.post("/sign-out", data=usual if fields is None else fields, headers=headers)
    assert answer.status_code == 403
    assert admin_browser.signed_in


async def test_the_session_cookie_is_httponly_and_samesite(admin_browser: AdminBrowser) -> None:
    """The cookie lasts eight hours, and no page contains its value."""
    await admin_browser.ask_for_link()
    answer = await admin_browser.browser.post(await admin_browser.link(), headers=SAME_ORIGIN)
    cookie = answer.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=lax", "Max-Age=28800", "Path=/"):
        assert flag in cookie
    assert "Secure" not in cookie  # not set, because this portal is on plain HTTP
    value = cookie.partition("=")[2].partition(";")[0]
    assert value not in (await admin_browser.open("/settings/general")).text


def test_key_rotation_keeps_sessions() -> None:
    """Sessions stay valid as long as the portal still accepts the old key."""
    olga = SignedIn(email=OWNER_EMAIL, role="owner", opsgenie_account="acme")
    old, new = "o" * 32, "n" * 32
    answer = Response()
    Sessions([old], secure=False).begin(answer, olga, "5e55")
    cookie = answer.headers["set-cookie"].partition(";")[0]
    request = Request({"type": "http", "headers": [(b"cookie", cookie.encode())]})
    known = Sessions([new, old], secure=False).read(request)
    assert known is not None
    assert (known.email, known.role) == (OWNER_EMAIL, "owner")
    assert Sessions([new], secure=False).read(request) is None


async def test_a_link_requested_without_a_worker_is_sent_later(temporal: Client, portal_url: str) -> None:
    """The request is durable, so Temporal keeps it until a worker runs."""
    late = "late@example.com"
    async with httpx2.AsyncClient(base_url=portal_url, timeout=60) as browser:
        assert (
            title(await AdminBrowser(browser, MigrationHarness(temporal, "acme")).ask_for_link(late))
            == "Check your inbox"
        )
        async with running_harness(temporal) as harness:
            harness.world.opsgenie.add(RosterPerson(email=late, role=ADMIN, email_verified=True))
            admin_browser = AdminBrowser(browser, harness)
            await admin_browser.post(await admin_browser.link())
            assert admin_browser.signed_in


async def test_addresses_appear_in_no_ids_or_logs(
    admin_browser: AdminBrowser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the input of the sign-in workflow contains the address."""
    await admin_browser.sign_in()
    captured = capsys.readouterr()
    assert "olga" not in captured.out + captured.err
    async for execution in admin_browser.harness.client.list_workflows():
        assert "olga" not in execution.id


def _request(cookie: str, name: str) -> Request:
    return Request({"type": "http", "headers": [(b"cookie", f"{name}={cookie}".encode())]})


def _cookie(sessions: Sessions) -> tuple[str, str]:
    """Return the name and value of a session's cookie."""
    response = Response()
    sessions.begin(
        response, SignedIn(email=OWNER_EMAIL, name="Ö" * 500, role="owner", opsgenie_account="a" * 100), "5e55"
    )
    name, _, rest = response.headers["set-cookie"].partition("=")
    return name, rest.partition(";")[0]


def test_on_https_the_cookie_is_secure() -> None:
    """The cookie is never sent over plain HTTP, is bound to its host, and is small enough for browsers."""
    response = Response()
    sessions = Sessions([KEY], secure=True)
    sessions.begin(response, SignedIn(email=OWNER_EMAIL, role="owner", opsgenie_account="acme"), "5e55")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-landbridge-session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert len(_cookie(sessions)[1]) < MAX_COOKIE_LENGTH


def test_a_session_cookie_expires_and_needs_a_current_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cookie is valid for eight hours and as long as its key is configured. The newest key signs."""
    name, value = _cookie(Sessions([KEY], secure=False))
    assert Sessions(["n" * 32, KEY], secure=False).read(_request(value, name))
    assert Sessions(["n" * 32], secure=False).read(_request(value, name)) is None
    other = "B" if value.endswith("A") else "A"
    assert Sessions([KEY], secure=False).read(_request(value[:-1] + other, name)) is None
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS - 60)
    assert Sessions([KEY], secure=False).read(_request(value, name))
    monkeypatch.setattr(time, "time", lambda: now + SESSION_SECONDS + 60)
    assert Sessions([KEY], secure=False).read(_request(value, name)) is None


def test_an_emailed_link_is_not_a_session() -> None:
    """A token signed for one purpose is refused for all others."""
    sessions, links = Sessions([KEY], secure=False), SignedLinks("", [KEY])
    claims = SignInClaims(sign_in_id="sign-in:x", run_id="r", generation=1, identity="0")
    token = links.sign_in_url(claims).rpartition("/")[2]
    name, session = _cookie(sessions)
    assert sessions.read(_request(token, name)) is None
    assert links.read_sign_in(session) is None
    for purpose in Purpose:
        assert links.read(purpose, token) is None


def test_each_purpose_has_its_own_signature() -> None:
    """A token signed for one purpose is invalid for every other purpose."""
    sessions, links = Sessions([KEY], secure=False), SignedLinks("", [KEY])
    # All tokens have the same payload, so only the signatures can differ.
    signers: list[URLSafeTimedSerializer] = [*links._serializers.values(), links._sign_in, links._identity]  # noqa: SLF001
    signers += [sessions._session, sessions._flash, sessions._search]  # noqa: SLF001
    for one, other in permutations(signers, 2):
        with pytest.raises(BadSignature):
            other.loads(one.dumps("the same"))

"""Who gets in, and how: over real HTTP, a real worker, and a clock that tests turn."""

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
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, benched, eventually, let_pass

FORGED = SignedLinks("https://x.example", ["f" * 32])


def sign_in_of(bench: MigrationHarness, email: str) -> WorkflowHandle[None, None]:
    """Return the sign-in of an address."""
    return bench.client.get_workflow_handle(ids.sign_in(sign_in.digest(email, KEY)))


async def skip(bench: MigrationHarness, time: timedelta, email: str = OWNER_EMAIL) -> None:
    """Let time pass for a sign-in."""
    await let_pass(bench.client, sign_in_of(bench, email), time)


async def ask_until_mailed(office: AdminBrowser, number: int) -> str:
    """Ask for a link once the worker has seen that the cool-down is over; return the mail's link."""
    mails = office.bench.world.post.sign_in_links

    async def mailed() -> bool:
        await office.ask_for_link()
        return len(mails) >= number

    await eventually(mailed)
    return await office.link(number)


async def is_over(bench: MigrationHarness, email: str) -> bool:
    """Return whether a sign-in has ended."""
    return (await sign_in_of(bench, email).describe()).status is WorkflowExecutionStatus.COMPLETED


async def test_an_owner_signs_in_by_a_mailed_link(office: AdminBrowser) -> None:
    """The address, the mail, the button: then the settings are open, and say who is there."""
    assert title(await office.ask_for_link()) == "Check your inbox"
    link = await office.link()
    confirm = await office.open(link)
    assert title(confirm) == "Sign in to Landbridge"
    assert not office.signed_in
    response = await office.post(link)
    assert response.url.path == "/settings/general"
    assert OWNER_EMAIL in words(response)
    assert office.bench.account in words(response)


async def test_everyone_else_gets_the_same_answer_and_no_mail(office: AdminBrowser) -> None:
    """Unknown, a plain user, blocked: the page is the same to the letter, and the sign-in lives as long as any."""
    office.bench.world.opsgenie.add(
        RosterPerson(email="ulla@example.com", email_verified=True),
        RosterPerson(email="bert@example.com", role=ADMIN, blocked=True),
    )
    strangers = ["nobody@example.com", "ulla@example.com", "bert@example.com"]
    answers = {(await office.ask_for_link(email)).text for email in [OWNER_EMAIL, *strangers]}
    assert len(answers) == 1
    looked_up = office.bench.world.opsgenie.looked_up
    await eventually(lambda: len(looked_up) == 4)
    assert [order.recipient.email for order in office.bench.world.post.sign_in_links] == [OWNER_EMAIL]
    for email in strangers:
        await skip(office.bench, LINK_LIFETIME - timedelta(minutes=1), email)
        assert not await is_over(office.bench, email)


async def test_any_spelling_of_the_address_will_do(office: AdminBrowser) -> None:
    """Case and spaces around it mean the same mailbox, and so the same sign-in."""
    await office.ask_for_link(f"  {OWNER_EMAIL.upper()} ")
    await office.post(await office.link())
    assert office.signed_in
    assert await is_over(office.bench, OWNER_EMAIL)


@pytest.mark.parametrize("typed", ["", "olga", "olga@", "a@example.com, b@example.com", '"><script>'])
async def test_what_is_no_address_is_told_so(office: AdminBrowser, typed: str) -> None:
    """A slip is shown at once, with what was typed; nothing is looked up."""
    response = await office.ask_for_link(typed)
    assert response.status_code == 422
    assert form(response, "/sign-in")["email"] == typed
    assert office.bench.world.opsgenie.looked_up == []


async def test_a_link_works_once(office: AdminBrowser) -> None:
    """Whoever finds a used link gets nowhere."""
    await office.sign_in()
    link = await office.link()
    office.browser.cookies.clear()
    response = await office.post(link)
    assert (response.status_code, title(response)) == (410, "This link does not work")
    assert not office.signed_in


async def test_pressing_twice_is_friendly(office: AdminBrowser) -> None:
    """The second press of whoever is in already leads on."""
    await office.sign_in()
    assert (await office.post(await office.link())).url.path == "/settings/general"


async def test_a_link_ends_after_a_quarter_of_an_hour(office: AdminBrowser) -> None:
    """Then it says what any useless link says."""
    await office.ask_for_link()
    link = await office.link()
    await skip(office.bench, LINK_LIFETIME)
    await eventually(lambda: is_over(office.bench, OWNER_EMAIL))
    assert (await office.post(link)).status_code == 410
    assert not office.signed_in


async def test_asking_again_at_once_mails_nothing_and_later_replaces_the_link(office: AdminBrowser) -> None:
    """A second press mails no second link; a minute later there is a new one, and only it works."""
    await office.ask_for_link()
    first = await office.link()
    await office.ask_for_link()
    await skip(office.bench, COOL_DOWN)
    assert len(office.bench.world.post.sign_in_links) == 1
    second = await ask_until_mailed(office, 2)
    assert (await office.post(first)).status_code == 410
    await office.post(second)
    assert office.signed_in


async def test_nobody_can_fill_a_mailbox(office: AdminBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often somebody asks, one address gets only so many mails until the newest link is over."""
    # Waited for rather than skipped: the server has let a quarter of an hour pass instead of a minute.
    monkeypatch.setattr(sign_in, "COOL_DOWN", timedelta(milliseconds=10))
    for number in range(1, MAX_LINKS + 1):
        await ask_until_mailed(office, number)
    for _ in range(5):
        await office.ask_for_link()
    await office.post(await office.link(MAX_LINKS))
    assert office.signed_in
    assert len(office.bench.world.post.sign_in_links) == MAX_LINKS


async def test_a_browser_that_refuses_cookies_is_told_so(office: AdminBrowser) -> None:
    """Instead of being led back to where one signs in, again and again."""
    await office.ask_for_link()
    signed_in = await office.browser.post(await office.link(), headers=SAME_ORIGIN)
    office.browser.cookies.clear()
    told = await office.open(signed_in.headers["location"])
    assert (told.status_code, title(told)) == (400, "Your browser did not keep you signed in")
    assert "Allow cookies" in words(told)


async def test_useless_links_all_get_one_answer(office: AdminBrowser) -> None:
    """Forged, cut, of a sign-in that never was, or nonsense: one page, and nobody is signed in."""
    await office.ask_for_link()
    link = await office.link()
    claims = SignInClaims(
        sign_in_id="sign-in:x", run_id="0198c2f4-7b1c-7e2e-9a3b-5d0f6a1b2c3d", generation=1, identity="0"
    )
    never = SignedLinks("", [KEY]).sign_in_url(claims)
    forged = FORGED.sign_in_url(office.bench.world.post.sign_in_links[0].claims).removeprefix("https://x.example")
    answers = [await office.post(path) for path in (never, forged, link[:-1], "/sign-in/x", f"/sign-in/{'a' * 3000}")]
    assert {answer.status_code for answer in answers} == {410}
    assert len({answer.text for answer in answers}) == 1
    assert not office.signed_in


async def test_opening_a_link_signs_nobody_in(office: AdminBrowser) -> None:
    """Mail scanners open links: the person's own press still works."""
    await office.ask_for_link()
    link = await office.link()
    for method in ("GET", "HEAD", "GET"):
        assert (await office.browser.request(method, link)).status_code == 200
    await office.post(link)
    assert office.signed_in


@workflow.defn(sandboxed=False)
class Rogue:
    """What the attacker runs in place of a sign-in: it answers as they like."""

    def __init__(self) -> None:
        self._identity: str | None = None

    @workflow.run
    async def run(self) -> None:
        """Wait for ever."""
        await workflow.wait_condition(lambda: False)

    @workflow.signal
    def answer(self, identity: str) -> None:
        """Take what to answer."""
        self._identity = identity

    @workflow.update
    async def redeem(self, _: Redeem) -> str:
        """Say that this is who signs in."""
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
async def test_temporal_cannot_say_who_signs_in(
    office: AdminBrowser, answer: Callable[[str, tuple[str, str]], str], *, signs_in: bool
) -> None:
    """The attacker has a link that was mailed to them, runs the workflow that it leads to, and can even encrypt."""
    connection = office.bench.client
    async with Worker(connection, task_queue="rogue", workflows=[Rogue]):
        rogue = await connection.start_workflow(Rogue.run, id="sign-in:rogue", task_queue="rogue")
        run = rogue.id, str(rogue.result_run_id)
        links = SignedLinks("", [KEY])
        own = links.sign_identity(EVE, *run)
        claims = SignInClaims(sign_in_id=run[0], run_id=run[1], generation=1, identity=identity_digest(own))
        await rogue.signal(Rogue.answer, answer(own, run))
        response = await office.post(links.sign_in_url(claims))
        assert (office.signed_in, response.status_code == 410) == (signs_in, not signs_in)
        await rogue.terminate()


def test_an_identity_is_good_for_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever keeps one that Temporal had cannot use it when they are no admin any more."""
    links = SignedLinks("", [KEY])
    long_ago = time.time() - IDENTITY_LIFETIME.total_seconds() - 1
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: long_ago)
        old = links.sign_identity(EVE, "s", "r")
    for identity, who in ((old, None), (links.sign_identity(EVE, "s", "r"), EVE)):
        claims = SignInClaims(sign_in_id="s", run_id="r", generation=1, identity=identity_digest(identity))
        assert links.read_identity(identity, claims) == who


@pytest.mark.parametrize("path", ["/settings/general", "/settings", "/"])
async def test_the_settings_are_closed_to_everyone_else(office: AdminBrowser, path: str) -> None:
    """Whoever is not signed in is led to where one signs in."""
    response = await office.open(path)
    assert (response.url.path, title(response)) == ("/sign-in", "Sign in")


async def test_a_form_that_comes_after_the_session_is_told_to_have_done_nothing(office: AdminBrowser) -> None:
    """Whoever typed a reason for long knows that it has to be typed again."""
    await office.sign_in()
    migrate = form(await office.open("/settings/general"), "/settings/general/migrate")
    office.browser.cookies.clear()
    told = await office.post("/settings/general/migrate", migrate)
    assert (title(told), "nothing was done" in words(told)) == ("Sign in", True)
    assert "nothing was done" not in words(await office.open("/settings/general"))


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_another_sites_page_can_neither_ask_nor_sign_in(office: AdminBrowser, headers: dict[str, str]) -> None:
    """A form on someone else's page makes no mail and signs nobody in."""
    refused = await office.browser.post("/sign-in", data={"email": OWNER_EMAIL}, headers=headers)
    assert refused.status_code == 403
    await office.ask_for_link()
    link = await office.link()
    assert (await office.browser.post(link, headers=headers)).status_code == 403
    assert not office.signed_in
    await office.post(link)
    assert office.signed_in


@pytest.mark.parametrize("origin, status", [("", 200), ("null", 403), ("https://evil.example", 403)])
async def test_browsers_that_tell_the_origin_only_get_in(office: AdminBrowser, origin: str, status: int) -> None:
    """On plain HTTP no browser sends `Sec-Fetch-Site`, and some never do; theirs is our own origin then."""
    ours = str(office.browser.base_url).rstrip("/")
    answer = await office.browser.post("/sign-in", data={"email": OWNER_EMAIL}, headers={"Origin": origin or ours})
    assert answer.status_code == status


async def test_signing_out_ends_the_session(office: AdminBrowser) -> None:
    """The cookie is gone, and the settings are closed."""
    await office.sign_in()
    assert title(await office.send("/sign-out")) == "Sign in"
    assert not office.signed_in
    assert (await office.open("/settings/general")).url.path == "/sign-in"


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
async def test_forms_count_from_our_own_pages_only(
    office: AdminBrowser, fields: dict[str, str] | None, headers: dict[str, str]
) -> None:
    """Without this session's token, or sent by another site's page: refused, and nothing has happened."""
    usual = form(await office.sign_in(), "/sign-out")
    answer = await office.browser.post("/sign-out", data=usual if fields is None else fields, headers=headers)
    assert answer.status_code == 403
    assert office.signed_in


async def test_the_session_is_kept_from_scripts_and_other_sites(office: AdminBrowser) -> None:
    """The cookie is HttpOnly, SameSite=Lax, of eight hours; no page holds it."""
    await office.ask_for_link()
    answer = await office.browser.post(await office.link(), headers=SAME_ORIGIN)
    cookie = answer.headers["set-cookie"]
    for flag in ("HttpOnly", "SameSite=lax", "Max-Age=28800", "Path=/"):
        assert flag in cookie
    assert "Secure" not in cookie  # this portal is on plain HTTP
    value = cookie.partition("=")[2].partition(";")[0]
    assert value not in (await office.open("/settings/general")).text


def test_replacing_the_keys_signs_nobody_out() -> None:
    """Any portal that still has the old key knows the session; one without it does not."""
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


async def test_a_sign_in_waits_for_a_worker(temporal: Client, portal_url: str) -> None:
    """While no worker runs, asking works all the same, and the mail comes once one does."""
    late = "late@example.com"
    async with httpx2.AsyncClient(base_url=portal_url, timeout=60) as browser:
        assert (
            title(await AdminBrowser(browser, MigrationHarness(temporal, "acme")).ask_for_link(late))
            == "Check your inbox"
        )
        async with benched(temporal) as bench:
            bench.world.opsgenie.add(RosterPerson(email=late, role=ADMIN, email_verified=True))
            office = AdminBrowser(browser, bench)
            await office.post(await office.link())
            assert office.signed_in


async def test_no_address_reaches_ids_or_logs(office: AdminBrowser, capsys: pytest.CaptureFixture[str]) -> None:
    """An address is in the sign-in itself, and nowhere that operators or other systems read."""
    await office.sign_in()
    said = capsys.readouterr()
    assert "olga" not in said.out + said.err
    async for execution in office.bench.client.list_workflows():
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


def test_where_the_portal_is_on_https_the_cookie_is_too() -> None:
    """Such a cookie is never sent in clear, nor taken from a neighbour's host, and fits into a browser."""
    response = Response()
    sessions = Sessions([KEY], secure=True)
    sessions.begin(response, SignedIn(email=OWNER_EMAIL, role="owner", opsgenie_account="acme"), "5e55")
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("__Host-landbridge-session=")
    assert {"Secure", "HttpOnly", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert len(_cookie(sessions)[1]) < MAX_COOKIE_LENGTH


def test_a_session_ends_by_the_clock_and_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight hours, and only under a key that the portal still has; the newest key signs."""
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


def test_a_link_is_no_session() -> None:
    """What is signed for one purpose opens nothing else."""
    sessions, links = Sessions([KEY], secure=False), SignedLinks("", [KEY])
    claims = SignInClaims(sign_in_id="sign-in:x", run_id="r", generation=1, identity="0")
    token = links.sign_in_url(claims).rpartition("/")[2]
    name, session = _cookie(sessions)
    assert sessions.read(_request(token, name)) is None
    assert links.read_sign_in(session) is None
    for purpose in Purpose:
        assert links.read(purpose, token) is None


def test_each_purpose_has_a_signature_of_its_own() -> None:
    """Whatever the payload: what was signed for one purpose is not read for any other."""
    sessions, links = Sessions([KEY], secure=False), SignedLinks("", [KEY])
    # What is to be told apart is not what they read, but what they sign.
    signers: list[URLSafeTimedSerializer] = [*links._serializers.values(), links._sign_in, links._identity]  # noqa: SLF001
    signers += [sessions._session, sessions._flash, sessions._search]  # noqa: SLF001
    for one, other in permutations(signers, 2):
        with pytest.raises(BadSignature):
            other.loads(one.dumps("the same"))

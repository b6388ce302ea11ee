"""Rate limits, client addresses behind proxies, and metrics."""

from ipaddress import ip_network

import httpx2
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from dev.stack import ports
from landbridge.portal import health, limits
from landbridge.portal.clients import Clients
from landbridge.portal.limits import Allowance, RateLimits, TokenBuckets, client_key
from landbridge.portal.metrics import Metrics
from tests.portal.conftest import running, serving, settings
from tests.portal.fake_clients import InMemoryLinkClient, NoAdmins
from tests.portal.test_portal_security import VERIFY, VERIFY_TOKEN

OPERATORS = "o" * 32
PROXIES = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]


@hypothesis.settings(deadline=None)
@given(st.lists(st.floats(min_value=0, max_value=30), min_size=1, max_size=60))
def test_a_bucket_never_grants_more_than_its_allowance(pauses: list[float]) -> None:
    """In any interval, a bucket grants at most the burst plus the refilled tokens."""
    now = 0.0
    buckets = TokenBuckets(Allowance(burst=5, per_second=0.5), clock=lambda: now)
    passed = 0
    for pause in pauses:
        now += pause
        wait = buckets.acquire("a")
        passed += not wait
        if wait:
            assert wait <= 2.0
        assert passed <= 5 + now * 0.5 + 1e-6


def test_waiting_for_retry_after_is_enough() -> None:
    """A token is available after the wait that the bucket returned."""
    now = 0.0
    buckets = TokenBuckets(Allowance(burst=1, per_second=0.1), clock=lambda: now)
    assert buckets.acquire("a") == 0
    now += buckets.acquire("a") + 0.001
    assert buckets.acquire("a") == 0


def test_the_number_of_buckets_is_bounded_and_keys_are_independent() -> None:
    """The least recently used bucket is evicted; one key's requests do not affect another's."""
    buckets = TokenBuckets(Allowance(burst=1, per_second=0.001), max_keys=10, clock=lambda: 0.0)
    for number in range(1000):
        assert buckets.acquire(str(number)) == 0
    assert buckets.acquire("999") > 0
    assert len(buckets._buckets) == 10  # noqa: SLF001 - what is to be bounded


async def client_key_of(client: str, *forwarded: str) -> str:
    """Return the rate-limit key of a request with these `X-Forwarded-For` lines."""
    keys: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        keys.append(client_key(scope))

    async def unused(*_: object) -> None:
        raise AssertionError

    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    scope = {"type": "http", "client": (client, 1), "headers": headers, "method": "GET", "path": "/"}
    limited = RateLimits(app, unused, trusted_proxies=PROXIES, limited_paths=[], unlimited=lambda _: False)
    await limited(scope, unused, unused)  # type: ignore[arg-type]  # nothing is received
    return keys[0]


@pytest.mark.parametrize(
    "client, forwarded, key",
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "198.51.100.1:50123", "198.51.100.1"),
        ("10.0.0.1", "192.0.2.66:1, 198.51.100.1:50123, 10.0.0.2:443", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8::1:2:3:4]:443", "2001:db8::/64"),
        ("10.0.0.1", "[2001:db8::1:2:3:4]", "2001:db8::/64"),
        ("10.0.0.1", "nonsense", ""),
        ("10.0.0.1", "x" * 5000, ""),
        ("10.0.0.1", "", "10.0.0.1"),
        ("fd00::1", "2001:db8::1:2:3:4", "2001:db8::/64"),
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
    ],
)
async def test_only_entries_of_trusted_proxies_count(client: str, forwarded: str, key: str) -> None:
    """Ports are ignored. Entries to the left of the trusted ones may be forged."""
    assert await client_key_of(client, *([forwarded] if forwarded else [])) == key


@pytest.mark.parametrize(
    "lines", [["192.0.2.66", "198.51.100.1"], ["192.0.2.66, 192.0.2.67", "198.51.100.1, 10.0.0.2"]]
)
async def test_a_proxy_may_add_a_separate_header_line(lines: list[str]) -> None:
    """Some proxies add a line below the client's own (RFC 9110, 5.2)."""
    assert await client_key_of("10.0.0.1", *lines) == "198.51.100.1"


async def test_a_limited_client_gets_429_with_retry_after(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error page has the usual design and security headers. Health checks and codec requests are limited too."""
    monkeypatch.setattr(limits, "PER_CLIENT", Allowance(burst=5, per_second=0.01))
    async with serving(link_client, settings()) as browser:
        answers = [await browser.get("/sign-in") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 101
        assert "portal.css" in answers[-1].text
        assert "content-security-policy" in answers[-1].headers
        made_up = await browser.get("/sign-in", headers={"X-Forwarded-For": "192.0.2.1"})
        assert made_up.status_code == 429
        assert [(await browser.get(path)).status_code for path in ("/livez", "/readyz", "/codec/sign-in")] == [429] * 3


async def test_sign_in_requests_have_a_lower_limit(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request starts a workflow and calls Opsgenie. The sign-in page itself stays available."""
    monkeypatch.setattr(limits, "SIGN_INS_PER_CLIENT", Allowance(burst=2, per_second=0.01))
    async with serving(link_client, settings()) as browser:
        codes = [(await browser.post("/sign-in", data={"email": "nobody"})).status_code for _ in range(3)]
        assert codes == [422, 422, 429]
        assert (await browser.get("/sign-in")).status_code == 200


async def test_clients_behind_a_trusted_proxy_are_limited_separately(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood from one client does not affect another. A different port is not a different client."""
    monkeypatch.setattr(limits, "PER_CLIENT", Allowance(burst=1, per_second=0.01))
    async with serving(link_client, settings(trusted_proxies="127.0.0.0/8, ::1/128")) as browser:
        codes = [
            (await browser.get("/sign-in", headers={"X-Forwarded-For": client})).status_code
            for client in ("192.0.2.1", "192.0.2.1:50123", "192.0.2.2:50123", "[2001:db8::1]:443", "[2001:db8::1]:444")
        ]
    assert codes == [200, 429, 200, 200, 429]


async def test_requests_with_one_token_are_limited(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Repeated clicks must not fill the cohort's history."""
    monkeypatch.setattr(limits, "PER_TOKEN", Allowance(burst=3, per_second=0.01))
    async with serving(link_client, settings()) as browser:
        codes = [(await browser.post(f"{VERIFY}/new")).status_code for _ in range(4)]
    assert codes == [202, 202, 202, 429]
    assert len(link_client.signals) == 3


async def test_only_codec_requests_with_the_token_are_exempt(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Temporal's command line calls the codec once for each event of a history."""
    monkeypatch.setattr(limits, "PER_CLIENT", Allowance(burst=2, per_second=0.01))
    monkeypatch.setenv("LANDBRIDGE_ENCRYPTION_KEYS", "e" * 32)
    monkeypatch.setenv("LANDBRIDGE_CODEC_TOKEN", OPERATORS)
    async with serving(link_client, settings()) as browser:
        known, unknown = {"Authorization": f"Bearer {OPERATORS}"}, {"Authorization": f"Bearer {OPERATORS}x"}
        for headers, codes in ((known, [400] * 4), (unknown, [401, 401, 429, 429]), (known, [400])):
            assert [(await browser.post("/codec/decode", headers=headers)).status_code for _ in codes] == codes
        assert (await browser.get("/sign-in", headers=known)).status_code == 429


async def test_sign_in_requests_of_all_clients_share_a_limit(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood from many addresses starts a bounded number of workflows. One client cannot use up the shared limit."""
    monkeypatch.setattr(limits, "SIGN_INS_PER_CLIENT", Allowance(burst=1, per_second=0.01))
    monkeypatch.setattr(limits, "SIGN_INS_TOTAL", Allowance(burst=3, per_second=0.01))
    async with serving(link_client, settings(trusted_proxies="127.0.0.0/8")) as browser:
        codes = [
            (
                await browser.post(
                    "/sign-in", data={"email": "nobody"}, headers={"X-Forwarded-For": f"192.0.2.{client}"}
                )
            ).status_code
            for client in (1, 1, 1, 1, 2, 3, 4)
        ]
    assert codes == [422, 429, 429, 429, 422, 422, 429]


async def test_metrics_contain_routes_and_no_paths() -> None:
    """Requests by route and status, and durations, without tokens or unknown paths.

    Metrics are not served on the public address.
    """
    link_client, metrics, port = InMemoryLinkClient(), Metrics(), ports.preferred_or_free(0)
    clients = Clients(links=link_client, admins=NoAdmins())
    async with (
        health.serve(f"127.0.0.1:{port}", link_client, metrics),
        running(clients, lambda _: settings(), metrics) as url,
        httpx2.AsyncClient(base_url=url) as browser,
    ):
        await browser.get(VERIFY)
        await browser.get("/nowhere/secret-path")
        assert (await browser.get("/metrics")).status_code == 404
        exported = (await browser.get(f"http://127.0.0.1:{port}/metrics")).text
    assert 'landbridge_portal_requests_total{method="GET",route="/verify/{token}",status="200"}' in exported
    assert 'route="unknown"' in exported
    assert "landbridge_portal_request_seconds_bucket" in exported
    assert VERIFY_TOKEN not in exported
    assert "secret-path" not in exported

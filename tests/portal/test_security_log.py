"""Security events of people's pages, rate limits and the codec: each is logged once, with the client and no token."""

import httpx2
import pytest
from structlog.testing import capture_logs

from landbridge.portal import limits
from landbridge.portal.limits import Allowance
from landbridge.portal.security_log import SecurityLog
from tests.portal.conftest import KEY, serving, settings
from tests.portal.fake_clients import InMemoryLinkClient
from tests.portal.test_codec import BEARER, CLEAR, operator, to_json
from tests.portal.test_portal_security import FORGED, VERIFY

__all__ = ["operator"]


async def test_a_forged_link_is_logged_without_its_token(link_client: InMemoryLinkClient) -> None:
    """The event has the client's address as reported by a trusted proxy."""
    async with serving(link_client, settings(trusted_proxies="127.0.0.0/8")) as browser:
        with capture_logs() as events:
            await browser.get(f"/verify/{FORGED}", headers={"X-Forwarded-For": "198.51.100.7"})
    assert events == [
        {"event": "link_refused", "log_level": "warning", "client": "198.51.100.7", "page": "verify"},
    ]


async def test_limited_requests_are_logged_once_a_minute(
    link_client: InMemoryLinkClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval is counted for each client separately."""
    monkeypatch.setattr(limits, "PER_CLIENT", Allowance(burst=2, per_second=0.001))
    async with serving(link_client, settings()) as browser:
        with capture_logs() as events:
            answers = [(await browser.get(VERIFY)).status_code for _ in range(9)]
    assert answers == [200, 200, *[429] * 7]
    assert events == [{"event": "request_limited", "log_level": "warning", "client": "127.0.0.1"}]


async def test_every_use_of_the_codec_is_logged(operator: httpx2.AsyncClient) -> None:
    """Denials are logged too. A browser's first request, which has no credentials, is not a denial."""
    with capture_logs() as events:
        await operator.post("/codec/decode", content=to_json(CLEAR * 3), headers=BEARER)
        await operator.post("/codec/encode", content=to_json(CLEAR), headers={"Authorization": "Bearer x"})
        await operator.get("/codec/sign-in")
        await operator.get("/codec/sign-in", headers={"Authorization": "Basic eDp5"})
    assert [(event["event"], event["act"], event.get("payloads")) for event in events] == [
        ("codec_used", "/codec/decode", 3),
        ("codec_denied", "/codec/encode", None),
        ("codec_denied", "/codec/sign-in", None),
    ]
    assert {event["client"] for event in events} == {"127.0.0.1"}


def test_the_digest_ignores_spelling_and_needs_the_key() -> None:
    """The workflow ids of sign-ins contain the same digest."""
    scope = {"type": "http", "client": ("127.0.0.1", 1), "headers": []}
    with capture_logs() as events:
        for key, email in [(KEY, "Olga@Example.com"), (KEY, "olga@example.com"), ("x" * 32, "olga@example.com")]:
            SecurityLog(key).note("signed_in", scope, email=email)
    first, same, other = (event["who"] for event in events)
    assert first == same != other
    assert "olga" not in str(events).casefold()

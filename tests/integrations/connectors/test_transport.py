import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from landbridge.domain.errors import BadInput, LandbridgeError, ServiceRejected, ServiceUnavailable
from landbridge.integrations import http
from landbridge.integrations.http import Request, Transport
from landbridge.integrations.opsgenie import AccountResult, account_request
from tests.emulator.running import OPSGENIE_KEY, Control

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
UNQUOTED = "<html>ann@example.com is not welcome</html>"


@pytest.fixture
async def transport(service: str) -> AsyncIterator[Transport]:
    """Connect to the emulator as the connector to Opsgenie does."""
    async with Transport("Opsgenie", service, f"GenieKey {OPSGENIE_KEY}", settings="LANDBRIDGE_X") as transport:
        yield transport


async def ask(transport: Transport) -> str:
    """Request the name of the Opsgenie account."""
    return (await transport.send(account_request())).read(AccountResult).data.name


@pytest.mark.parametrize(
    "headers,seconds",
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "1000000000"}, 3600),
        ({"Retry-After": "9" * 5000}, 3600),
        ({"Retry-After": "-5"}, 0),
        ({"Retry-After": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90),
        ({"Retry-After": format_datetime(NOW - timedelta(days=1), usegmt=True)}, 0),
        ({"Retry-After": "Mon, 01 Mar 9999 12:00:00 GMT"}, 3600),
        ({"X-RateLimit-Period-In-Sec": "60"}, 60),
        ({"Retry-After": "soon", "X-RateLimit-Period-In-Sec": "1"}, 1),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_a_requested_wait_is_parsed_and_at_most_an_hour(headers: dict[str, str], seconds: float | None) -> None:
    """The wait may be in seconds, a date, Opsgenie's own header, or nonsense."""
    assert http.retry_after(headers, NOW) == seconds


def test_any_header_gives_a_bounded_wait_or_none() -> None:
    """No header value raises an error."""
    rng = random.Random(20270301)  # noqa: S311 - a repeatable choice, not a secret
    for _ in range(2000):
        text = "".join(rng.choice("0123456789 -+:,.einfMonGMTΩ\x00") for _ in range(rng.randrange(30)))
        wait = http.retry_after({"Retry-After": text, "X-RateLimit-Period-In-Sec": text[::-1]}, NOW)
        assert wait is None or 0 <= wait <= http.MAX_WAIT


async def test_the_error_for_a_429_has_the_requested_wait(control: Control, transport: Transport) -> None:
    """Temporal retries after that wait."""
    control.order("/v2/account", status=429, headers={"X-RateLimit-Period-In-Sec": "60"})
    with pytest.raises(ServiceUnavailable) as caught:
        await ask(transport)
    assert caught.value.retry_after == 60


async def test_a_429_pauses_all_calls(control: Control, transport: Transport) -> None:
    """Other calls fail with the same wait and are not sent."""
    control.order("/v2/account", status=429, headers={"Retry-After": "60"})
    with pytest.raises(ServiceUnavailable, match="429"):
        await ask(transport)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="limits the request rate") as caught:
            await ask(transport)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60


async def test_calls_resume_after_the_wait_of_a_429(control: Control, transport: Transport) -> None:
    """After the wait, calls are sent again."""
    control.order("/v2/account", status=429, headers={"Retry-After": "0.2"})
    with pytest.raises(ServiceUnavailable, match="429"):
        await ask(transport)
    await asyncio.sleep(0.25)
    assert await ask(transport) == "acme"


@pytest.mark.parametrize(
    "status,error",
    [
        *((status, ServiceUnavailable) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
        *((status, ServiceRejected) for status in (301, 302, 307, 400, 401, 402, 403, 404, 405, 409, 410, 422, 451)),
    ],
)
async def test_the_status_decides_whether_to_retry(
    control: Control, transport: Transport, status: int, error: type[LandbridgeError]
) -> None:
    """Errors of the service are retried, and other errors pause. No message contains the response or the key."""
    control.order("/v2/account", status=status, body=UNQUOTED)
    with pytest.raises(error) as caught:
        await ask(transport)
    sentence = str(caught.value)
    assert sentence.startswith("Opsgenie ")
    assert str(status) in sentence
    assert not any(secret in sentence for secret in ("ann@", "<html>", OPSGENIE_KEY))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 200, "body": UNQUOTED},
        {"status": 200, "body": ""},
        {"status": 200, "body": "null"},
        {"status": 200, "body": '{"data": {"name": 7}}'},
        {"truncate": 20},
        {"drop": True},
        {"status": 200, "body": "x" * 1024, "headers": {"content-encoding": "gzip"}},
    ],
    ids=["html", "empty", "null", "wrong type", "truncated", "dropped", "no gzip"],
)
async def test_an_invalid_response_is_retried(control: Control, transport: Transport, fault: dict[str, object]) -> None:
    """The transport can still be used afterwards."""
    control.order("/v2/account", **fault)
    with pytest.raises(ServiceUnavailable) as caught:
        await ask(transport)
    assert "example.com" not in str(caught.value)
    assert await ask(transport) == "acme"


@pytest.mark.parametrize("fault", [{"repeat": 17 * 1024}, {"repeat": 40 * 1024, "gzip": True}], ids=["huge", "bomb"])
async def test_a_body_that_is_too_large_is_not_read(
    control: Control, transport: Transport, fault: dict[str, object]
) -> None:
    """The limit applies to the decompressed size. The request is retried."""
    control.order("/v2/account", status=200, body="0" * 1024, **fault)
    with pytest.raises(ServiceUnavailable, match="more than 16 MB"):
        await ask(transport)
    assert await ask(transport) == "acme"


async def test_a_redirect_is_not_followed(control: Control, transport: Transport) -> None:
    """The key must be sent only to the configured service."""
    control.order("/v2/account", status=302, headers={"Location": f"{control.url}/v2/users/elsewhere"})
    before = control.state()["calls"].get("GET /v2/users/{identifier}", 0)
    with pytest.raises(ServiceRejected, match="redirects"):
        await ask(transport)
    assert control.state()["calls"].get("GET /v2/users/{identifier}", 0) == before


async def test_the_time_for_a_response_is_bounded(
    control: Control, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit applies even if the response arrives slowly but steadily."""
    monkeypatch.setattr(http, "MAX_RESPONSE_SECONDS", 0.05)
    control.order("/v2/account", delay=5)
    with pytest.raises(ServiceUnavailable, match="in time"):
        await ask(transport)


async def test_an_unreachable_service_is_retried(unused_tcp_port: int) -> None:
    """The service may be available again later."""
    async with Transport(
        "Opsgenie", f"http://127.0.0.1:{unused_tcp_port}", "GenieKey x", settings="LANDBRIDGE_X"
    ) as nobody:
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await ask(nobody)


async def test_a_tls_failure_pauses(service: str) -> None:
    """There is no fallback to an unencrypted connection."""
    async with Transport(
        "Opsgenie", service.replace("http:", "https:"), "GenieKey x", settings="LANDBRIDGE_X"
    ) as unsafe:
        with pytest.raises(ServiceRejected, match="TLS"):
            await ask(unsafe)


@pytest.mark.parametrize("key", ["“key”", "key\n", "\u00a0key", "", "a b c"])
def test_a_key_that_does_not_fit_a_header_is_bad_input(key: str) -> None:
    """The key is rejected before a request is sent. The message names the setting and not the key."""
    with pytest.raises(BadInput, match="LANDBRIDGE_X") as caught:
        Transport("Opsgenie", "http://127.0.0.1", f"GenieKey {key}", settings="LANDBRIDGE_X")
    assert not key.strip() or key not in str(caught.value)


async def test_a_request_that_cannot_be_sent_is_bad_input(service: str) -> None:
    """The HTTP library rejects an address that is too long. The service is not at fault."""
    async with Transport("Opsgenie", service, settings="LANDBRIDGE_X") as transport:
        with pytest.raises(BadInput, match="cannot be sent: check LANDBRIDGE_X"):
            await transport.send(Request("GET", f"/{'x' * 70_000}"))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_requires_a_login_pauses(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """The proxy would refuse every retry too."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with proxy:
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        async with Transport(
            "Opsgenie", f"{scheme}://api.example.com", "GenieKey x", settings="LANDBRIDGE_X"
        ) as transport:
            with pytest.raises(ServiceRejected, match="HTTPS_PROXY"):
                await transport.send(Request("GET", "/v2/account"))

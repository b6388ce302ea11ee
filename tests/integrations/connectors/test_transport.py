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
    """Ask for the name of the Opsgenie account."""
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
def test_a_wait_is_read_from_what_the_neighbour_says_and_never_longer_than_an_hour(
    headers: dict[str, str], seconds: float | None
) -> None:
    """Seconds, dates, Opsgenie's own header, nonsense: all give a wait that we can live with."""
    assert http.retry_after(headers, NOW) == seconds


def test_any_header_at_all_gives_a_bounded_wait_or_none() -> None:
    """No text in these headers raises anything."""
    letters = random.Random(20270301)  # noqa: S311 - a repeatable choice, not a secret
    for _ in range(2000):
        text = "".join(letters.choice("0123456789 -+:,.einfMonGMTΩ\x00") for _ in range(letters.randrange(30)))
        wait = http.retry_after({"Retry-After": text, "X-RateLimit-Period-In-Sec": text[::-1]}, NOW)
        assert wait is None or 0 <= wait <= http.MAX_WAIT


async def test_the_wait_of_a_429_comes_with_the_error(control: Control, transport: Transport) -> None:
    """What the neighbour asks for reaches whoever decides when to try again."""
    control.order("/v2/account", status=429, headers={"X-RateLimit-Period-In-Sec": "60"})
    with pytest.raises(ServiceUnavailable) as caught:
        await ask(transport)
    assert caught.value.retry_after == 60


async def test_a_429_stops_everyone(control: Control, transport: Transport) -> None:
    """Who asks meanwhile is told to wait as well, and the neighbour hears nothing of it."""
    control.order("/v2/account", status=429, headers={"Retry-After": "60"})
    with pytest.raises(ServiceUnavailable, match="429"):
        await ask(transport)
    for _ in range(3):
        with pytest.raises(ServiceUnavailable, match="asks for patience") as caught:
            await ask(transport)
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60


async def test_a_429_is_over_when_its_time_is(control: Control, transport: Transport) -> None:
    """Then calls go through again."""
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
async def test_a_status_decides_whether_trying_again_helps(
    control: Control, transport: Transport, status: int, error: type[LandbridgeError]
) -> None:
    """Trouble of theirs is tried again; what a person has to mend pauses us. Neither quotes the answer or the key."""
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
async def test_garbage_is_trouble_of_theirs(control: Control, transport: Transport, fault: dict[str, object]) -> None:
    """Whatever comes instead of the documented answer is tried again, and the transport works on."""
    control.order("/v2/account", **fault)
    with pytest.raises(ServiceUnavailable) as caught:
        await ask(transport)
    assert "example.com" not in str(caught.value)
    assert await ask(transport) == "acme"


@pytest.mark.parametrize("fault", [{"repeat": 17 * 1024}, {"repeat": 40 * 1024, "gzip": True}], ids=["huge", "bomb"])
async def test_no_more_is_read_than_an_answer_can_be(
    control: Control, transport: Transport, fault: dict[str, object]
) -> None:
    """However small it was on the way: what is too much is put away before it is looked at, and asked for again."""
    control.order("/v2/account", status=200, body="0" * 1024, **fault)
    with pytest.raises(ServiceUnavailable, match="more than 16 MB"):
        await ask(transport)
    assert await ask(transport) == "acme"


async def test_a_redirect_is_not_followed(control: Control, transport: Transport) -> None:
    """The key goes nowhere but where it was meant to go."""
    control.order("/v2/account", status=302, headers={"Location": f"{control.url}/v2/users/elsewhere"})
    before = control.state()["calls"].get("GET /v2/users/{identifier}", 0)
    with pytest.raises(ServiceRejected, match="redirects"):
        await ask(transport)
    assert control.state()["calls"].get("GET /v2/users/{identifier}", 0) == before


async def test_an_answer_that_does_not_come_is_waited_for_only_so_long(
    control: Control, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for a whole answer is bounded, however slowly it drips."""
    monkeypatch.setattr(http, "MAX_RESPONSE_SECONDS", 0.05)
    control.order("/v2/account", delay=5)
    with pytest.raises(ServiceUnavailable, match="in time"):
        await ask(transport)


async def test_nobody_listening_is_trouble_of_theirs(unused_tcp_port: int) -> None:
    """A service that is down is tried again."""
    async with Transport(
        "Opsgenie", f"http://127.0.0.1:{unused_tcp_port}", "GenieKey x", settings="LANDBRIDGE_X"
    ) as nobody:
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await ask(nobody)


async def test_tls_that_fails_pauses(service: str) -> None:
    """A connection that cannot be made safely is never made in clear instead; a person has to look."""
    async with Transport(
        "Opsgenie", service.replace("http:", "https:"), "GenieKey x", settings="LANDBRIDGE_X"
    ) as unsafe:
        with pytest.raises(ServiceRejected, match="TLS"):
            await ask(unsafe)


@pytest.mark.parametrize("key", ["“key”", "key\n", "\u00a0key", "", "a b c"])
def test_a_key_that_no_header_can_hold_is_bad_input(key: str) -> None:
    """It is refused before anything is sent, with the settings to look at and without the key."""
    with pytest.raises(BadInput, match="LANDBRIDGE_X") as caught:
        Transport("Opsgenie", "http://127.0.0.1", f"GenieKey {key}", settings="LANDBRIDGE_X")
    assert not key.strip() or key not in str(caught.value)


async def test_a_request_that_cannot_be_sent_is_bad_input(service: str) -> None:
    """An address that is longer than the client library takes is not the service's fault."""
    async with Transport("Opsgenie", service, settings="LANDBRIDGE_X") as transport:
        with pytest.raises(BadInput, match="cannot be sent: check LANDBRIDGE_X"):
            await transport.send(Request("GET", f"/{'x' * 70_000}"))


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_a_login_pauses(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """It would refuse every further try too."""

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

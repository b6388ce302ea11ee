"""The codec server over HTTP, as Temporal's Web UI and command line use it."""

import base64

import httpx2
import pytest
from google.protobuf import json_format
from starlette.applications import Starlette
from temporalio.api.common.v1 import Payload, Payloads

from landbridge.domain.errors import BadInput
from landbridge.platform.temporal.encryption import UNTRUSTED, PayloadEncryption, key_id
from landbridge.portal import codec
from landbridge.portal.security_log import SecurityLog

KEY, TOKEN = "an-encryption-key-that-is-long-enough-for-us", "a-token-that-is-long-enough-for-operators"
LOG = SecurityLog("k" * 32)
UI = "https://temporal.example.com"
CLEAR = [Payload(metadata={"encoding": b"json/plain"}, data=b'"ann@example.com"')]
BEARER = {"Authorization": f"Bearer {TOKEN}"}
BASIC = {"Authorization": "Basic " + base64.b64encode(f"anyone:{TOKEN}".encode()).decode()}


@pytest.fixture
async def operator(monkeypatch: pytest.MonkeyPatch) -> httpx2.AsyncClient:
    """A client of the codec endpoint, in an application with a smaller limit for request bodies."""
    monkeypatch.setenv("LANDBRIDGE_ENCRYPTION_KEYS", KEY)
    monkeypatch.setenv("LANDBRIDGE_CODEC_TOKEN", TOKEN)
    monkeypatch.setenv("LANDBRIDGE_CODEC_ORIGIN", UI)
    endpoint = codec.load(LOG)
    assert endpoint is not None
    app = Starlette(routes=endpoint.routes(), max_body_size=1024)
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://move.example.com")


def to_json(payloads: list[Payload]) -> str:
    """Return payloads as the JSON that Temporal's tools send."""
    return json_format.MessageToJson(Payloads(payloads=payloads))


def from_json(response: httpx2.Response) -> list[Payload]:
    """Return the payloads of a response."""
    assert response.status_code == 200, response.text
    return list(json_format.Parse(response.text, Payloads()).payloads)


@pytest.mark.parametrize("credentials", [BEARER, BASIC])
async def test_the_token_grants_decoding_and_encoding(
    operator: httpx2.AsyncClient, credentials: dict[str, str]
) -> None:
    """The response has as many payloads as the request, in order. Large payloads work too."""
    clear = [*CLEAR, Payload(data=b"x" * 100_000)]
    encrypted = from_json(await operator.post("/codec/acme:1/encode", content=to_json(clear), headers=credentials))
    assert {key_id(payload) for payload in encrypted} == set(PayloadEncryption([KEY]).key_ids)
    for address in ("/codec/decode", "/codec/acme:1/decode"):
        assert from_json(await operator.post(address, content=to_json(encrypted), headers=credentials)) == clear


async def test_encoding_binds_payloads_to_the_workflow_in_the_url(operator: httpx2.AsyncClient) -> None:
    """Without a workflow id, the error message says how to add it to the URL."""
    (encrypted,) = from_json(await operator.post("/codec/acme:1/encode", content=to_json(CLEAR), headers=BEARER))
    assert await PayloadEncryption([KEY]).for_workflow("acme:1").decode([encrypted]) == CLEAR
    assert await PayloadEncryption([KEY]).for_workflow("acme:2").decode([encrypted]) == [UNTRUSTED]
    answer = await operator.post("/codec/encode", content=to_json(CLEAR), headers=BEARER)
    assert (answer.status_code, "WORKFLOW-ID" in answer.text) == (400, True)


async def test_payloads_that_cannot_be_decrypted_are_returned_unchanged(operator: httpx2.AsyncClient) -> None:
    """Payloads that are unencrypted, changed, or encrypted with a missing key stay; the others are decrypted."""
    ours, theirs = [await PayloadEncryption([key]).encode(CLEAR) for key in (KEY, KEY[::-1])]
    changed = [Payload(metadata=dict(ours[0].metadata), data=ours[0].data + b"x")]
    sent = [*theirs, *CLEAR, *ours, *changed]
    answer = await operator.post("/codec/decode", content=to_json(sent), headers=BEARER)
    assert from_json(answer) == [*theirs, *CLEAR, *CLEAR, *changed]


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "Bearer",
        "Bearer x",
        f"Bearer {TOKEN}x",
        f"Token {TOKEN}",
        "Basic %",
        f"Basic {TOKEN}",
        "Bearer é",
        "Basic é",
    ],
)
@pytest.mark.parametrize("verb", ["encode", "decode"])
async def test_requests_without_the_token_are_refused(operator: httpx2.AsyncClient, verb: str, shown: str) -> None:
    """The body does not matter."""
    encrypted = await PayloadEncryption([KEY]).encode(CLEAR)
    headers = [(b"Authorization", shown.encode())] if shown else []
    answer = await operator.post(f"/codec/{verb}", content=to_json(encrypted), headers=headers)
    assert answer.status_code == 401
    assert "ann@" not in answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"payloads": 7}'])
async def test_invalid_bodies_are_refused(operator: httpx2.AsyncClient, body: bytes) -> None:
    """The response is 400 with a message."""
    answer = await operator.post("/codec/decode", content=body, headers=BEARER)
    assert (answer.status_code, answer.text) == (400, "The body is not a JSON message of Temporal payloads.\n")


async def test_bodies_are_bounded(operator: httpx2.AsyncClient) -> None:
    """The limit is larger than the limit of the pages."""
    answer = await operator.post("/codec/decode", content=b"x" * (codec.MAX_BODY_BYTES + 1), headers=BEARER)
    assert answer.status_code == 413


@pytest.mark.parametrize("origin,allowed", [(UI, UI), ("https://evil.example.com", None), ("null", None)])
async def test_cors_allows_only_the_web_uis_origin(
    operator: httpx2.AsyncClient, origin: str, allowed: str | None
) -> None:
    """The preflight response and the actual response have the headers."""
    asking = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-namespace",
    }
    for answer in (
        await operator.options("/codec/decode", headers=asking),
        await operator.post("/codec/decode", content=to_json(CLEAR), headers={**BEARER, "Origin": origin}),
        await operator.post("/codec/decode", content=to_json(CLEAR), headers={"Origin": origin}),
    ):
        assert answer.headers.get("access-control-allow-origin") == allowed


async def test_a_browser_is_prompted_for_the_token(operator: httpx2.AsyncClient) -> None:
    """The browser stores the token as a password."""
    asked = await operator.get("/codec/sign-in")
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith("Basic ")
    assert (await operator.get("/codec/sign-in", headers=BASIC)).status_code == 200


@pytest.mark.parametrize("name", ["LANDBRIDGE_ENCRYPTION_KEYS", "LANDBRIDGE_CODEC_TOKEN"])
def test_the_codec_is_disabled_without_keys_or_token(
    operator: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A token that is too short is rejected."""
    assert operator
    monkeypatch.setenv(name, "")
    assert codec.load(LOG) is None
    monkeypatch.setenv(name, "short")
    with pytest.raises(BadInput, match=name):
        codec.load(LOG)

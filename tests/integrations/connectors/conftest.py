"""The emulator for the connectors. Each request is validated against the OpenAPI documents that describe it."""

from collections.abc import Iterator

import httpx2
import pytest

from dev.emulator import app, openapi
from tests.emulator.running import control, service
from tests.published import Document, Sent, published

__all__ = ["control", "service"]

OWN = Document(openapi.document(app.OPERATIONS))


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Sent]]:
    """Record all requests of a test, and validate them afterwards."""
    requests: list[Sent] = []
    send = httpx2.AsyncHTTPTransport.handle_async_request

    async def listen(transport: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> httpx2.Response:
        requests.append(
            Sent(
                method=request.method,
                path=request.url.raw_path.decode().partition("?")[0],
                query=request.url.query.decode(),
                body=request.content,
                authorization=request.headers.get("Authorization", ""),
            )
        )
        return await send(transport, request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", listen)
    yield requests
    for one in requests:
        for document in (OWN, *(document for document in published() if document.knows(one.path))):
            document.check_request(one)

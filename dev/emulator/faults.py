"""The middleware that injects faults, enforces rate limits and counts calls; `/emulator/` is exempt.

Faults and limits are kept in memory: a restart of the emulator deletes them.
"""

import asyncio
import gzip
import math
import re
from collections.abc import Awaitable, Callable

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dev.emulator.limits import Limits
from dev.emulator.seed import Body
from dev.emulator.store import Store


class Fault(Body):
    """A fault for the next `times` matching requests.

    With `afterCommit`, or without both `status` and `body`, the operation is executed first. After the delay, the
    response is sent with the changes that the other fields describe.
    """

    match: str
    """A regular expression, searched in `METHOD /path?query`."""
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    """Matching requests to let through first."""
    after_commit: bool = False
    """Execute the operation before its response is replaced."""
    delay: float = Field(default=0, ge=0)
    """Seconds."""
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    repeat: int = Field(default=1, ge=1)
    """How often the body is repeated, for very large bodies."""
    gzip: bool = False
    """Compress the body."""
    truncate: int | None = Field(default=None, ge=0)
    """Bytes of the response body to keep."""
    drop: bool = False
    """Close the connection before the response is complete."""


class FaultMiddleware:
    """Injects faults, enforces rate limits, and counts calls by endpoint in the store."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: Store,
        faults: list[Fault],
        limits: Limits,
        error_response: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        """`error_response` formats an error as the requested service does."""
        self._app, self._store, self._faults, self._limits = app, store, faults, limits
        self._error_response = error_response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/emulator/"):
            await self._app(scope, receive, send)
            return
        target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        fault = self._take(target)
        request = Request(scope)
        if fault is not None:
            await self._inject(fault, scope, receive, send)
        elif wait := self._limits.wait(target, request.headers.get("Authorization", "")):
            too_many = HTTPException(429, "Too many requests", _retry_headers(wait))
            response = await self._error_response(request, too_many)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
        route = scope.get("route")
        self._store.change(
            "INSERT INTO calls VALUES (?, 1) ON CONFLICT (endpoint) DO UPDATE SET count = count + 1",
            f"{scope['method']} {route.path}" if route else "never reached an endpoint",
        )

    def _take(self, target: str) -> Fault | None:
        for index, fault in enumerate(self._faults):
            if not re.search(fault.match, target):
                continue
            if fault.skip:
                self._faults[index] = fault.model_copy(update={"skip": fault.skip - 1})
                return None
            if fault.times == 1:
                del self._faults[index]
            else:
                self._faults[index] = fault.model_copy(update={"times": fault.times - 1})
            return fault
        return None

    async def _inject(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = 200, list[tuple[bytes, bytes]](), b""
        if fault.after_commit or (fault.status is None and fault.body is None):
            status, headers, body = await _response_of(self._app, scope, receive)
        await asyncio.sleep(fault.delay)
        if fault.status is not None or fault.body is not None:
            status, headers = fault.status or 200, [(b"content-type", b"text/html; charset=utf-8")]
            body = (fault.body or "").encode() * fault.repeat
        if fault.truncate is not None:
            body = body[: fault.truncate]
        if fault.gzip:
            body = gzip.compress(body)
            headers = [*headers, (b"content-encoding", b"gzip")]
        overrides = {name.lower().encode(): value.encode() for name, value in fault.headers.items()}
        overrides[b"content-length"] = str(len(body) + fault.drop).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [h for h in headers if h[0].lower() not in overrides] + list(overrides.items()),
            }
        )
        # The server closes the connection when the response stays incomplete.
        await send({"type": "http.response.body", "body": body, "more_body": fault.drop})


def _retry_headers(wait: float) -> dict[str, str]:
    """Return the rate-limit headers of both services; both use whole seconds."""
    seconds = str(math.ceil(wait))
    return {
        "Retry-After": seconds,
        "X-RateLimit-State": "THROTTLED",
        "X-RateLimit-Reason": "ACCOUNT",
        "X-RateLimit-Period-In-Sec": seconds,
    }


async def _response_of(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    messages: list[Message] = []

    async def collect(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, collect)
    start = messages[0]
    return start["status"], list(start["headers"]), b"".join(message.get("body", b"") for message in messages[1:])

"""Trouble on order, and a count of calls: the one middleware in front of everything but `/emulator/`.

What was ordered is kept in memory: a restart of the emulator calls it off.
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
    """What goes wrong for the next `times` requests that match.

    Order of things: with `afterCommit`, or if neither `status` nor `body` is given, the real service acts first; then
    comes the delay; then the answer, or none.
    """

    match: str
    """A regular expression, searched in `METHOD /path?query`."""
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    """Matching requests to let through first."""
    after_commit: bool = False
    """Let the real service act before its answer is replaced."""
    delay: float = Field(default=0, ge=0)
    """Seconds."""
    status: int | None = Field(default=None, ge=200, le=599)
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    repeat: int = Field(default=1, ge=1)
    """How often the body follows itself: for very large ones."""
    gzip: bool = False
    """Compress the body, whatever it expands to."""
    truncate: int | None = Field(default=None, ge=0)
    """Bytes of the answer's body to keep."""
    drop: bool = False
    """Close the connection in the middle of the answer."""


class Traffic:
    """Counts calls by endpoint in the store, and makes the faults and limits happen that were ordered."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        store: Store,
        faults: list[Fault],
        limits: Limits,
        refuse: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        """`refuse` words an answer as the service that was asked does."""
        self._app, self._store, self._faults, self._limits, self._refuse = app, store, faults, limits, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"].startswith("/emulator/"):
            await self._app(scope, receive, send)
            return
        target = f"{scope['method']} {scope['path']}?{scope['query_string'].decode()}"
        fault = self._take(target)
        request = Request(scope)
        if fault is not None:
            await self._fail(fault, scope, receive, send)
        elif wait := self._limits.wait(target, request.headers.get("Authorization", "")):
            answer = await self._refuse(request, HTTPException(429, "Too many requests", _throttled(wait)))
            await answer(scope, receive, send)
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

    async def _fail(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        status, headers, body = 200, list[tuple[bytes, bytes]](), b""
        if fault.after_commit or (fault.status is None and fault.body is None):
            status, headers, body = await _answer_of(self._app, scope, receive)
        await asyncio.sleep(fault.delay)
        if fault.status is not None or fault.body is not None:
            status, headers = fault.status or 200, [(b"content-type", b"text/html; charset=utf-8")]
            body = (fault.body or "").encode() * fault.repeat
        if fault.truncate is not None:
            body = body[: fault.truncate]
        if fault.gzip:
            body = gzip.compress(body)
            headers = [*headers, (b"content-encoding", b"gzip")]
        ours = {name.lower().encode(): value.encode() for name, value in fault.headers.items()}
        ours[b"content-length"] = str(len(body) + fault.drop).encode()
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [h for h in headers if h[0].lower() not in ours] + list(ours.items()),
            }
        )
        # The server closes a connection whose answer stays incomplete.
        await send({"type": "http.response.body", "body": body, "more_body": fault.drop})


def _throttled(wait: float) -> dict[str, str]:
    """Return both services' ways to ask for a wait; neither has fractions of a second."""
    seconds = str(math.ceil(wait))
    return {
        "Retry-After": seconds,
        "X-RateLimit-State": "THROTTLED",
        "X-RateLimit-Reason": "ACCOUNT",
        "X-RateLimit-Period-In-Sec": seconds,
    }


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, keep)
    start = messages[0]
    return start["status"], list(start["headers"]), b"".join(message.get("body", b"") for message in messages[1:])

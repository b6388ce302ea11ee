"""What every answer of the portal carries, and what its log must not."""

import logging
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOKEN_IN_PATH = re.compile(r"(/(?:verify|authenticate|return|sign-in)/)[^/?\s]+")


SCRIPTED = "/settings/"
"""Below this path, with the pages of owners and admins, pages bring a script, always in a file of the portal's own."""
_SCRIPTS = "script-src 'self'; connect-src 'self'"


def origin(url: str) -> str:
    """Return a URL's origin, as a content security policy names it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def comes_from_our_pages(headers: Headers, portal_url: str) -> bool:
    """Return whether the browser says that a form was sent by a page of the portal; programs say nothing, and pass.

    Browsers send `Sec-Fetch-Site` over HTTPS only, and older ones not at all; then `Origin` alone decides. Under our
    `Referrer-Policy` they write our origin there. `Origin: null` counts only where `Sec-Fetch-Site` vouches for it.
    """
    site, sender = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if sender is None or (sender == "null" and site is not None):
        return True
    return sender == origin(portal_url)


class SecurityHeaders:
    """Middleware around the whole portal, its error pages included."""

    def __init__(self, app: ASGIApp, *, portal_url: str) -> None:
        """Wrap `app`, which people reach at `portal_url`."""
        self._app = app
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            # Never a path, since paths are people's links. `no-referrer` would make browsers write `Origin: null` on
            # our own forms (Fetch, "append a request `Origin` header"), and then plain HTTP tells nothing of them.
            "Referrer-Policy": "strict-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
        }
        if urlsplit(portal_url).scheme == "https":
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the portal does, with the headers."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if scope["path"].startswith(SCRIPTED):
                    headers["Content-Security-Policy"] += f"; {_SCRIPTS}"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class WithoutTokens(logging.Filter):
    """Takes the tokens out of an access log's paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep the record, without tokens."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                _TOKEN_IN_PATH.sub(r"\1…", value) if isinstance(value, str) else value for value in record.args
            )
        return True


def keep_tokens_out_of_logs() -> None:
    """Put `WithoutTokens` before uvicorn's access log, however uvicorn was started."""
    logger = logging.getLogger("uvicorn.access")
    if not any(isinstance(present, WithoutTokens) for present in logger.filters):
        logger.addFilter(WithoutTokens())

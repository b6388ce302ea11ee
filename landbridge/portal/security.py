"""Security headers, the same-origin check, and redaction of tokens in logs."""

import logging
import re
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_TOKEN_IN_PATH = re.compile(r"(/(?:verify|authenticate|return|sign-in)/)[^/?\s]+")


SCRIPTED_PATH = "/settings/"
"""Only pages below this path, those of owners and admins, load scripts, and only from the portal's own files."""
_SCRIPTS = "script-src 'self'; connect-src 'self'"


def origin(url: str) -> str:
    """Return a URL's origin in the form of the `Origin` header."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def is_same_origin(headers: Headers, portal_url: str) -> bool:
    """Return whether a form was sent by a page of the portal.

    A request with neither `Sec-Fetch-Site` nor `Origin` comes from a program, not a browser, and is accepted. Browsers
    send `Sec-Fetch-Site` only over HTTPS, and older ones not at all. Then `Origin` decides: under the portal's
    `Referrer-Policy` it is the portal's origin. `Origin: null` is accepted only with a same-origin `Sec-Fetch-Site`.
    """
    site, form_origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None and site != "same-origin":
        return False
    if form_origin is None or (form_origin == "null" and site is not None):
        return True
    return form_origin == origin(portal_url)


class SecurityHeaders:
    """Middleware that sets security headers on every response, including error pages."""

    def __init__(self, app: ASGIApp, *, portal_url: str) -> None:
        """Wrap `app`, whose public URL is `portal_url`."""
        self._app = app
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'self'; frame-ancestors 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            # Never send paths, which contain tokens. With `no-referrer`, browsers would send `Origin: null` with the
            # portal's own forms (Fetch, "append a request `Origin` header"), so plain HTTP could not check them.
            "Referrer-Policy": "strict-origin",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "X-Robots-Tag": "noindex, nofollow",
        }
        if urlsplit(portal_url).scheme == "https":
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request and add the headers to the response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(self._headers)
                if scope["path"].startswith(SCRIPTED_PATH):
                    headers["Content-Security-Policy"] += f"; {_SCRIPTS}"
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class TokenRedactor(logging.Filter):
    """Removes tokens from the paths in an access log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record; never drop it."""
        if isinstance(record.args, tuple):
            record.args = tuple(
                _TOKEN_IN_PATH.sub(r"\1…", value) if isinstance(value, str) else value for value in record.args
            )
        return True


def redact_tokens_in_access_log() -> None:
    """Add `TokenRedactor` to uvicorn's access log, unless it has one. Works however uvicorn was started."""
    logger = logging.getLogger("uvicorn.access")
    if not any(isinstance(present, TokenRedactor) for present in logger.filters):
        logger.addFilter(TokenRedactor())

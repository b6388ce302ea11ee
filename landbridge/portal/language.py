"""The language of the answer to a request: the one that the browser asks for, until it is known who sits before it."""

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge import i18n
from landbridge.i18n import Language

_wanted: ContextVar[tuple[str, ...]] = ContextVar("wanted", default=())


class RequestLanguage:
    """Middleware around the pages: everything under it answers in `current`."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note what the browser asks for."""
        if scope["type"] == "http":
            _wanted.set(tuple(i18n.accepted(Headers(scope=scope).get("accept-language", ""))))
        await self._app(scope, receive, send)


def prefer(locale: str) -> None:
    """Answer the rest of this request in a person's own language, as Opsgenie knows it; empty: as the browser asks."""
    if locale:
        _wanted.set((locale, *_wanted.get()))


def current() -> Language:
    """Return the language of this request."""
    return i18n.negotiate(*_wanted.get())

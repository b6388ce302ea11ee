"""The language of a response: the browser's, until the person is known."""

from contextvars import ContextVar

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge import i18n
from landbridge.i18n import Language

_preferred: ContextVar[tuple[str, ...]] = ContextVar("preferred_languages", default=())


class RequestLanguage:
    """Middleware that reads `Accept-Language`."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store the browser's languages for `current`."""
        if scope["type"] == "http":
            _preferred.set(tuple(i18n.parse_accept_language(Headers(scope=scope).get("accept-language", ""))))
        await self._app(scope, receive, send)


def prefer(locale: str) -> None:
    """Use a person's Opsgenie locale for the rest of this request; an empty locale changes nothing."""
    if locale:
        _preferred.set((locale, *_preferred.get()))


def current() -> Language:
    """Return the language of this request."""
    return i18n.negotiate(*_preferred.get())

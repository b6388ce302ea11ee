"""The portal as an ASGI application; `python -m portal` serves it, and any ASGI server can: `uvicorn portal.app:app`.

A reverse proxy in front terminates TLS and passes paths on as they are, without the path of the portal's URL if that
has one. Its own access log must not hold paths: they are people's links. Ours leaves the tokens out.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from adapters.links import SignedLinks
from domain.errors import BadInput
from portal import health
from portal.desk import LinkDesk
from portal.links import LinkPages
from portal.pages import STATIC, Pages
from portal.security import SecurityHeaders, keep_tokens_out_of_logs
from runtime import settings as runtime_settings

LARGEST_BODY = 16 * 1024
"""Bytes of a request's body; the forms have no fields."""


class _State(TypedDict):
    desk: LinkDesk


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response


def create(
    settings: runtime_settings.PortalSettings, open_desk: Callable[[], AbstractAsyncContextManager[LinkDesk]]
) -> ASGIApp:
    """Return the portal; `open_desk` is entered while it runs."""
    keep_tokens_out_of_logs()
    portal_url = str(settings.portal_url)
    links = SignedLinks(portal_url, [key.get_secret_value() for key in settings.token_keys])
    pages = Pages(portal_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[_State]:
        async with open_desk() as desk:
            yield {"desk": desk}

    app = Starlette(
        routes=[
            *LinkPages(links, settings, pages).routes(),
            *health.ROUTES,
            Mount("/static", _Static(directory=STATIC)),
        ],
        exception_handlers=pages.exception_handlers(),
        lifespan=lifespan,
        max_body_size=LARGEST_BODY,
    )
    # Its redirects would be built from the Host header.
    app.router.redirect_slashes = False
    return SecurityHeaders(
        app,
        portal_url=portal_url,
        leads_to=[str(settings.atlassian_signup_url), str(settings.atlassian_login_url)],
    )


def __getattr__(name: str) -> ASGIApp:
    """Build `app` from the environment when a server asks for it; importing the module needs no settings.

    Raises:
        SystemExit: a setting is missing or wrong; the sentence stands on stderr.

    """
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        settings = runtime_settings.load(runtime_settings.PortalSettings)
    except BadInput as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no log before there are settings
        raise SystemExit(2) from None
    from steering.links import open_desk  # noqa: PLC0415 - Temporal's client takes long to import

    return create(settings, open_desk)

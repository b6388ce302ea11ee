"""The portal as an ASGI application.

`python -m landbridge.portal` serves it, and so can any ASGI server: `uvicorn landbridge.portal.app:app`.

A reverse proxy in front terminates TLS, limits the connections of each client, and passes paths on as they are, without
the path of the portal's URL if that has one. Its own access log must not hold paths: they are people's links. Ours
leaves the tokens out. Other servers than ours need limits of their own for slow clients (`platform.connections`).
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

from landbridge.domain.errors import BadInput
from landbridge.integrations.link_tokens import PATHS, RETURN_PATH, SIGN_IN_PATH, SignedLinks
from landbridge.platform import settings as runtime_settings
from landbridge.portal import codec, health
from landbridge.portal.admin.audit import AuditPages
from landbridge.portal.admin.auth import AdminAuth
from landbridge.portal.admin.cancel import CancelPages
from landbridge.portal.admin.general import GeneralPages
from landbridge.portal.admin.person import PersonPages
from landbridge.portal.admin.report import ReportPages
from landbridge.portal.admin.sessions import Sessions
from landbridge.portal.admin.sign_in import SignInPages
from landbridge.portal.admin.site import SitePages
from landbridge.portal.admin.users import UsersPages
from landbridge.portal.clients import AdminClient, Clients, LinkClient
from landbridge.portal.connection import open_clients
from landbridge.portal.language import RequestLanguage
from landbridge.portal.limits import Limits
from landbridge.portal.links import LinkPages
from landbridge.portal.metrics import Metrics
from landbridge.portal.pages import STATIC, Pages
from landbridge.portal.security import SecurityHeaders, keep_tokens_out_of_logs
from landbridge.portal.security_log import SecurityLog

MAX_BODY_BYTES = 64 * 1024
"""Bytes of a request's body: the largest form names a page of people."""


class _State(TypedDict):
    desk: LinkClient
    admins: AdminClient


class _Static(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response


def create(
    settings: runtime_settings.PortalSettings,
    metrics: Metrics,
    open_clients: Callable[[], AbstractAsyncContextManager[Clients]],
) -> ASGIApp:
    """Return the portal, which counts its requests in `metrics`; `open_clients` is entered while it runs.

    Raises:
        BadInput: a setting of the codec is wrong.

    """
    keep_tokens_out_of_logs()
    portal_url = str(settings.portal_url)
    keys = settings.keys
    links = SignedLinks(portal_url, keys)
    pages = Pages(portal_url)
    log = SecurityLog(keys[0])
    operators = codec.load(log)
    gate = AdminAuth(pages, Sessions(keys, secure=settings.portal_url.scheme == "https"), log, portal_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[_State]:
        async with open_clients() as desks:
            yield {"desk": desks.links, "admins": desks.admins}

    app = Starlette(
        routes=[
            *LinkPages(links, settings, pages, log).routes(),
            *SignInPages(gate, links, digest_key=keys[0]).routes(),
            *GeneralPages(gate).routes(),
            *CancelPages(gate).routes(),
            *SitePages(gate).routes(),
            *ReportPages(gate).routes(),
            *UsersPages(gate).routes(),
            *PersonPages(gate).routes(),
            *AuditPages(gate).routes(),
            *health.ROUTES,
            *(operators.routes() if operators else []),
            Mount("/static", _Static(directory=STATIC)),
        ],
        exception_handlers=pages.exception_handlers(),
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
    )
    # Its redirects would be built from the Host header.
    app.router.redirect_slashes = False
    return SecurityHeaders(
        RequestLanguage(
            Limits(
                metrics.around(app),
                refuse=log.limited(pages.too_many),
                trusted_proxies=settings.trusted_proxies,
                unlimited=operators.is_asked_by_operator if operators else lambda _: False,
                limited_paths=[f"/{path}/" for path in (*PATHS.values(), RETURN_PATH, SIGN_IN_PATH)],
            )
        ),
        portal_url=portal_url,
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
    metrics = Metrics()
    return create(settings, metrics, lambda: open_clients(settings.keys, metrics))

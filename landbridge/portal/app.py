"""The portal as an ASGI application.

`python -m landbridge.portal` serves it, and so can any ASGI server: `uvicorn landbridge.portal.app:app`.

A reverse proxy in front terminates TLS, limits connections per client, and forwards paths unchanged, without the path
prefix of the portal's URL if it has one. Paths contain people's tokens: the proxy's access log must not record paths,
and uvicorn's is redacted here. A server other than `python -m landbridge.portal` needs its own limits for slow clients
(see `platform.connections`).
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
from landbridge.portal.limits import RateLimits
from landbridge.portal.links import LinkPages
from landbridge.portal.metrics import Metrics
from landbridge.portal.pages import STATIC, Pages
from landbridge.portal.security import SecurityHeaders, redact_tokens_in_access_log
from landbridge.portal.security_log import SecurityLog

MAX_BODY_BYTES = 64 * 1024
"""Bytes of a request's body. The largest form lists a page of people."""


class _State(TypedDict):
    links: LinkClient
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
    """Return the portal's application. Its lifespan enters `open_clients`; requests are counted in `metrics`.

    Raises:
        BadInput: a setting of the codec is wrong.

    """
    redact_tokens_in_access_log()
    portal_url = str(settings.portal_url)
    keys = settings.keys
    links = SignedLinks(portal_url, keys)
    pages = Pages(portal_url)
    log = SecurityLog(keys[0])
    codec_server = codec.load(log)
    auth = AdminAuth(pages, Sessions(keys, secure=settings.portal_url.scheme == "https"), log, portal_url)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[_State]:
        async with open_clients() as clients:
            yield {"links": clients.links, "admins": clients.admins}

    app = Starlette(
        routes=[
            *LinkPages(links, settings, pages, log).routes(),
            *SignInPages(auth, links, digest_key=keys[0]).routes(),
            *GeneralPages(auth).routes(),
            *CancelPages(auth).routes(),
            *SitePages(auth).routes(),
            *ReportPages(auth).routes(),
            *UsersPages(auth).routes(),
            *PersonPages(auth).routes(),
            *AuditPages(auth).routes(),
            *health.ROUTES,
            *(codec_server.routes() if codec_server else []),
            Mount("/static", _Static(directory=STATIC)),
        ],
        exception_handlers=pages.exception_handlers(),
        lifespan=lifespan,
        max_body_size=MAX_BODY_BYTES,
    )
    # Slash redirects would be built from the Host header, which the client controls.
    app.router.redirect_slashes = False
    return SecurityHeaders(
        RequestLanguage(
            RateLimits(
                metrics.middleware(app),
                refuse=log.limited(pages.too_many_requests),
                trusted_proxies=settings.trusted_proxies,
                unlimited=codec_server.is_operator_request if codec_server else lambda _: False,
                limited_paths=[f"/{path}/" for path in (*PATHS.values(), RETURN_PATH, SIGN_IN_PATH)],
            )
        ),
        portal_url=portal_url,
    )


def __getattr__(name: str) -> ASGIApp:
    """Build `app` from the environment on first access, so that importing the module needs no settings.

    Raises:
        SystemExit: a setting is missing or wrong; the message is on stderr.

    """
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        settings = runtime_settings.load(runtime_settings.PortalSettings)
    except BadInput as error:
        print(error, file=sys.stderr)  # noqa: T201 - logging is not configured without settings
        raise SystemExit(2) from None
    metrics = Metrics()
    return create(settings, metrics, lambda: open_clients(settings.keys, metrics))

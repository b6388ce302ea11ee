"""The emulator as one ASGI application."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from dev.emulator import (
    control,
    directory,
    invitations,
    openapi,
    opsgenie,
    organization_access,
    organizations,
    pages,
    provisioning,
    sites,
)
from dev.emulator.faults import Fault, Traffic
from dev.emulator.limits import Limits
from dev.emulator.opsgenie import OpsgenieError
from dev.emulator.organization_access import OrganizationError, Shape
from dev.emulator.store import Store

OPERATIONS = [
    *opsgenie.OPERATIONS,
    *organizations.OPERATIONS,
    *directory.OPERATIONS,
    *invitations.OPERATIONS,
    *provisioning.OPERATIONS,
    *sites.OPERATIONS,
]
"""What is emulated of the services' APIs; `GET /openapi.json` describes it."""


def build(database: Path) -> Starlette:
    """Return the application on this SQLite file, which is created if it is not there."""
    store = Store(database)
    faults, limits = list[Fault](), Limits()
    described = [operation.route for operation in OPERATIONS]
    app = Starlette(
        routes=[*described, openapi.route(OPERATIONS), *pages.ROUTES, *control.ROUTES],
        middleware=[Middleware(Traffic, store=store, faults=faults, limits=limits, refuse=_refuse)],
        exception_handlers={
            OpsgenieError: opsgenie.refuse,
            OrganizationError: organization_access.refuse,
            HTTPException: _refuse,
        },
    )
    # A service does not send those who ask it elsewhere.
    app.router.redirect_slashes = False
    app.state.store, app.state.faults, app.state.limits = store, faults, limits
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """Answer what no endpoint does in the words of the service that was asked."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    if path.startswith("/v2/"):
        answer = await opsgenie.refuse(request, OpsgenieError(error.status_code, error.detail))
    elif path.startswith(("/admin/", "/provisioning/")):
        shape: Shape = "proxy" if path.startswith("/admin/v1/") else "list"
        unknown = OrganizationError(error.status_code, f"ADMIN-{error.status_code}-1", error.detail, shape=shape)
        answer = await organization_access.refuse(request, unknown)
    else:
        answer = PlainTextResponse(error.detail, error.status_code)
    answer.headers.update(error.headers or {})
    return answer

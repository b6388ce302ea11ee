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
from dev.emulator.faults import Fault, FaultMiddleware
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
"""The emulated operations of both services; `GET /openapi.json` describes them."""


def build(database: Path) -> Starlette:
    """Return the application; the SQLite file is created if it does not exist."""
    store = Store(database)
    faults, limits = list[Fault](), Limits()
    routes = [operation.route for operation in OPERATIONS]
    app = Starlette(
        routes=[*routes, openapi.route(OPERATIONS), *pages.ROUTES, *control.ROUTES],
        middleware=[
            Middleware(FaultMiddleware, store=store, faults=faults, limits=limits, error_response=_error_response)
        ],
        exception_handlers={
            OpsgenieError: opsgenie.error_response,
            OrganizationError: organization_access.error_response,
            HTTPException: _error_response,
        },
    )
    # The real services do not redirect.
    app.router.redirect_slashes = False
    app.state.store, app.state.faults, app.state.limits = store, faults, limits
    return app


async def _error_response(request: Request, error: Exception) -> Response:
    """Return an HTTP error in the format of the service that the path belongs to."""
    if not isinstance(error, HTTPException):
        raise error
    path = request.url.path
    if path.startswith("/v2/"):
        response = await opsgenie.error_response(request, OpsgenieError(error.status_code, error.detail))
    elif path.startswith(("/admin/", "/provisioning/")):
        shape: Shape = "proxy" if path.startswith("/admin/v1/") else "list"
        api_error = OrganizationError(error.status_code, f"ADMIN-{error.status_code}-1", error.detail, shape=shape)
        response = await organization_access.error_response(request, api_error)
    else:
        response = PlainTextResponse(error.detail, error.status_code)
    response.headers.update(error.headers or {})
    return response

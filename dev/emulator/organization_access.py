"""Shared parts of the Atlassian Organizations API: authorization, errors, cursors, and their schemas.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/.
"""

import uuid
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import accounts
from dev.emulator.openapi import TEXT, WHOLE, array, record
from dev.emulator.store import Row, Store

_SCHEME = "Bearer "
Shape = Literal["list", "flat", "proxy", "forbidden"]


class OrganizationError(Exception):
    """An error response in one of the API's four shapes, usually a `list` of errors."""

    def __init__(self, status: int, code: str, title: str, *, shape: Shape = "list") -> None:
        super().__init__(title)
        self.status, self.code, self.shape = status, code, shape


async def error_response(request: Request, error: Exception) -> Response:
    """Return the response for an `OrganizationError`."""
    if not isinstance(error, OrganizationError):
        raise error
    status, title, error_id = error.status, str(error), str(uuid.uuid4())
    body: Row = {"id": error_id, "status": str(status), "code": error.code, "title": title}
    if error.shape == "list":
        body = {"errors": [body]}
    elif error.shape == "proxy":
        body = {"code": status, "message": title}
    elif error.shape == "forbidden":
        context = {"path": request.url.path, "requestId": error_id, "timestamp": accounts.now()}
        body = {"error": "Forbidden", "message": title, "status": status, **context}
    return JSONResponse(body, status_code=status)


Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,4}:[0-9]{1,9}$")]
"""`limit:start`. Clients must treat it as opaque."""
Email = Annotated[str, Field(pattern=r"^[^@\x00-\x20]+@[^@\x00-\x20]+$")]


def _reject_strings(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError("must be a JSON number")  # noqa: TRY004 - pydantic expects a ValueError
    return value


Whole = Annotated[int, BeforeValidator(_reject_strings)]
"""A whole JSON number: 20 or 20.0, but not "20"."""


def authorise(
    request: Request, store: Store, *, shape: Shape = "list", unknown: tuple[int, Shape] = (404, "list")
) -> Row:
    """Return the organization of the API key.

    If the path names an organization, it must be this one; if it names a directory, it must be this organization's or
    `-`. Operations differ in the `shape` of their 401 response, and in their documented response for an `unknown`
    organization.

    Raises:
        OrganizationError: 401, or `unknown`.

    """
    header = request.headers.get("Authorization", "")
    organization = store.row("SELECT * FROM organizations WHERE api_key = ?", header.removeprefix(_SCHEME))
    if organization is None or not header.startswith(_SCHEME):
        raise OrganizationError(401, "ADMIN-401-1", "Unauthorized", shape=shape)
    status, unknown_shape = unknown
    if request.path_params.get("org_id", organization["id"]) != organization["id"]:
        raise OrganizationError(status, "ADMIN-404-2", "Organization not found", shape=unknown_shape)
    if request.path_params.get("directory_id", "-") not in {"-", organization["directory_id"]}:
        raise OrganizationError(status, "ADMIN-404-1", "Unknown resource", shape=unknown_shape)
    return organization


def write_cursor(limit: int, start: int) -> str:
    """Return the cursor for a page."""
    return f"{limit}:{start}"


def read_cursor(cursor: str) -> tuple[int, int]:
    """Return the limit and the start of a page."""
    limit, start = cursor.split(":")
    return max(1, int(limit)), int(start)


ORGANIZATION = "/admin/v2/orgs/{org_id}"
DIRECTORY = f"{ORGANIZATION}/directories/{{directory_id}}"
# Schemas that several operations share.
FLAT = record(dict.fromkeys(("id", "status", "code", "title"), TEXT))
ERRORS = record({"errors": array(FLAT)})
PROXY = record({"code": WHOLE, "message": TEXT})
FORBIDDEN = record({**dict.fromkeys(("error", "message", "path", "requestId", "timestamp"), TEXT), "status": WHOLE})
NEXT = record({"next": TEXT}, optional=["next"])
ACCESS_ERRORS = {401: ERRORS, 404: ERRORS, 429: ERRORS}
SELF = record({"self": TEXT})
EMPTY = record({})

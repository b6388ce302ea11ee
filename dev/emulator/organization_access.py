"""What all operations of the Atlassian Organizations API share: keys, errors, cursors, and how they are described.

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
    """An answer in one of the API's four shapes of errors: mostly a `list` of them."""

    def __init__(self, status: int, code: str, title: str, *, shape: Shape = "list") -> None:
        super().__init__(title)
        self.status, self.code, self.shape = status, code, shape


async def refuse(request: Request, error: Exception) -> Response:
    """Turn an `OrganizationError` into the answer."""
    if not isinstance(error, OrganizationError):
        raise error
    status, title, name = error.status, str(error), str(uuid.uuid4())
    body: Row = {"id": name, "status": str(status), "code": error.code, "title": title}
    if error.shape == "list":
        body = {"errors": [body]}
    elif error.shape == "proxy":
        body = {"code": status, "message": title}
    elif error.shape == "forbidden":
        where = {"path": request.url.path, "requestId": name, "timestamp": accounts.now()}
        body = {"error": "Forbidden", "message": title, "status": status, **where}
    return JSONResponse(body, status_code=status)


Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,4}:[0-9]{1,9}$")]
"""How many, and after how many: nothing that anybody but the emulator should read."""
Email = Annotated[str, Field(pattern=r"^[^@\x00-\x20]+@[^@\x00-\x20]+$")]


def _no_text(value: object) -> object:
    if isinstance(value, str | bool):
        raise ValueError("a number is written as one")  # noqa: TRY004 - pydantic's own way to refuse
    return value


Whole = Annotated[int, BeforeValidator(_no_text)]
"""A number as JSON knows it: 20 and 20.0, but not "20"."""


def authorise(
    request: Request, store: Store, *, shape: Shape = "list", unknown: tuple[int, Shape] = (404, "list")
) -> Row:
    """Return the organization of the key, if the path names no other and no directory but its own or `-`.

    Operations differ in the `shape` of their 401, and in what their document has for an `unknown` organization.

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
    """Return the cursor of a page."""
    return f"{limit}:{start}"


def read_cursor(cursor: str) -> tuple[int, int]:
    """Return how many a page has, and after how many it begins."""
    limit, start = cursor.split(":")
    return max(1, int(limit)), int(start)


ORGANIZATION = "/admin/v2/orgs/{org_id}"
DIRECTORY = f"{ORGANIZATION}/directories/{{directory_id}}"
# Shapes of bodies, or of their parts, that several operations share.
FLAT = record(dict.fromkeys(("id", "status", "code", "title"), TEXT))
ERRORS = record({"errors": array(FLAT)})
PROXY = record({"code": WHOLE, "message": TEXT})
FORBIDDEN = record({**dict.fromkeys(("error", "message", "path", "requestId", "timestamp"), TEXT), "status": WHOLE})
NEXT = record({"next": TEXT}, optional=["next"])
REFUSED = {401: ERRORS, 404: ERRORS, 429: ERRORS}
SELF = record({"self": TEXT})
EMPTY = record({})

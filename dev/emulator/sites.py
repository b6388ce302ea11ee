"""Sites of organizations. A used name never becomes available again.

`GET /sites/{name}/_edge/tenant_info` answers like a real site and needs no authentication: `{"cloudId": "…"}`, or 404
if no site has the name.
"""

import re
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import accounts
from dev.emulator import store as stores
from dev.emulator.openapi import TEXT, Operation, record
from dev.emulator.store import Row, Store

ADMIN, USER = "atlassian/site-admin", "atlassian/user"
"""Atlassian's names for the roles on a site."""
DOMAIN = "atlassian.example"
"""Replaces atlassian.net, where the sample's site names could exist."""
MAX_LENGTH = 63
NAME = "[a-z0-9][a-z0-9-]{1,61}[a-z0-9]"
"""Regular expression for site names."""


def is_valid(name: str) -> bool:
    """Return whether a name has 3 to 63 lowercase letters, digits or inner hyphens."""
    return re.fullmatch(NAME, name) is not None


def is_free(store: Store, name: str) -> bool:
    """Return whether no site has or had this name."""
    return store.row("SELECT 1 FROM used_site_names WHERE name = ?", name) is None


def suggestions(store: Store, wanted: str) -> list[str]:
    """Return three available names that are similar to the wanted name."""
    stem = wanted[: MAX_LENGTH - 7].rstrip("-")
    free: list[str] = []
    for ending in ["team", "ops", "hq", *range(2, 10_000)]:
        name = f"{stem}-{ending}"
        if is_free(store, name):
            free.append(name)
        if len(free) == 3:  # noqa: PLR2004 - as the docstring says
            break
    return free


def create(store: Store, organization: str, name: str, *, created_by: str | None) -> str:
    """Create a site, with `created_by` as its site admin; return its id, Atlassian's cloud id."""
    site_id = str(uuid.uuid4())
    store.change(
        "INSERT INTO sites VALUES (?, ?, ?, ?, ?, ?)",
        site_id,
        organization,
        name,
        f"https://{name}.{DOMAIN}",
        created_by,
        accounts.now(),
    )
    store.change("INSERT OR IGNORE INTO used_site_names VALUES (?)", name)
    if created_by:
        grant(store, site_id, created_by, ADMIN)
    return site_id


def grant(store: Store, site_id: str, account_id: str, role: str) -> None:
    """Grant an account a role on a site."""
    store.change("INSERT OR IGNORE INTO site_roles VALUES (?, ?, ?)", site_id, account_id, role)


def find(store: Store, name: str) -> Row | None:
    """Return the site with this name."""
    return store.row("SELECT * FROM sites WHERE name = ?", name)


async def get_tenant_info(request: Request) -> Response:
    """Return the cloud id of a site."""
    site = find(stores.of(request), request.path_params["name"])
    if site is None:
        return JSONResponse({"message": "There is no such site"}, status_code=404)
    return JSONResponse({"cloudId": site["id"]})


OPERATIONS = [
    Operation(
        "GET",
        "/sites/{name}/_edge/tenant_info",
        get_tenant_info,
        {200: record({"cloudId": TEXT}), 404: record({"message": TEXT})},
    )
]

"""Organizations, domains, directories and workspaces of the Atlassian Organizations API.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/.
"""

from pydantic import Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import store as stores
from dev.emulator.openapi import TEXT, WHOLE, Operation, array, nullable, one_of, record
from dev.emulator.organization_access import (
    EMPTY,
    ERRORS,
    FLAT,
    FORBIDDEN,
    ORGANIZATION,
    PROXY,
    SELF,
    Cursor,
    OrganizationError,
    Whole,
    authorise,
    read_cursor,
    write_cursor,
)
from dev.emulator.seed import Body
from dev.emulator.store import Row

MAX_WORKSPACE_PAGE_SIZE = 1000


class WorkspaceSearch(Body):
    """The body of `POST /v2/orgs/{orgId}/workspaces`; queries and sorting are not emulated."""

    limit: Whole = Field(default=20, ge=1, le=MAX_WORKSPACE_PAGE_SIZE)


class WorkspaceContinuation(Body):
    """The body for a further page: only a cursor."""

    cursor: Cursor


_workspace_search = TypeAdapter[WorkspaceSearch | WorkspaceContinuation](WorkspaceSearch | WorkspaceContinuation)


async def get_organizations(request: Request) -> Response:
    """Answer `GET /v1/orgs`: the organization of the API key."""
    store = stores.of(request)
    organization = authorise(request, store, shape="proxy")
    self_url = f"{request.base_url}admin/v1/orgs/{organization['id']}"
    return JSONResponse(
        {
            "data": [
                {
                    "id": organization["id"],
                    "type": "orgs",
                    "attributes": {"name": organization["name"]},
                    "relationships": {
                        "domains": {"links": {"related": f"{self_url}/domains"}},
                        "users": {"links": {"related": f"{self_url}/users"}},
                    },
                    "links": {"self": self_url},
                }
            ],
            "links": {"self": str(request.url)},
        }
    )


async def get_directories(request: Request) -> Response:
    """Answer `GET /v2/orgs/{orgId}/directories`: each organization has one directory."""
    store = stores.of(request)
    organization = authorise(request, store, unknown=(401, "list"))
    directory = {"directoryId": organization["directory_id"], "name": organization["name"]}
    return JSONResponse({"data": [directory], "links": {}})


async def get_domains(request: Request) -> Response:
    """Answer `GET /v1/orgs/{orgId}/domains`: all domains on one page."""
    store = stores.of(request)
    organization = authorise(request, store, shape="proxy", unknown=(403, "forbidden"))
    self_url = str(request.url.replace(query=""))
    rows = store.rows("SELECT * FROM domains WHERE organization = ? ORDER BY name", organization["id"])
    data = [
        {
            "id": row["name"],
            "type": "domains",
            "attributes": {"name": row["name"], "claim": {"type": "dns", "status": row["claim"]}},
            "links": {"self": f"{self_url}/{row['name']}"},
        }
        for row in rows
    ]
    return JSONResponse({"data": data, "links": {"self": self_url}})


async def search_workspaces(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/workspaces`: one workspace for each site."""
    store = stores.of(request)
    organization = authorise(request, store, shape="proxy", unknown=(404, "flat"))
    try:
        search = _workspace_search.validate_json(await request.body() or b"{}")
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body", shape="flat") from None
    limit, start = read_cursor(search.cursor) if isinstance(search, WorkspaceContinuation) else (search.limit, 0)
    rows = store.rows(
        "SELECT * FROM sites WHERE organization = ? ORDER BY rowid LIMIT ? OFFSET ?",
        organization["id"],
        limit,
        start,
    )
    total = store.number("SELECT count(*) FROM sites WHERE organization = ?", organization["id"])
    links = {"self": str(request.url)}
    if start + limit < total:
        links["next"] = write_cursor(limit, start + limit)
    meta = {"pageSize": limit, "startIndex": start, "endIndex": start + len(rows), "total": total}
    data = [_workspace(request, row, organization["seats"]) for row in rows]
    return JSONResponse({"data": data, "links": links, "meta": meta})


def _workspace(request: Request, row: Row, seats: int | None) -> Row:
    creator = f"ari:cloud:identity::user/{row['created_by']}" if row["created_by"] else None
    resource = f"ari:cloud:jira::site/{row['id']}"
    return {
        "id": resource,
        "type": "workspace",
        "attributes": {
            "name": row["name"],
            "typeKey": "jira",
            "type": "Jira",
            "owner": None,
            "status": "online",
            "statusDetails": [],
            "icons": {},
            "avatars": {},
            "labels": [],
            "sandbox": {"type": "NONE"},
            "usage": None,
            "capacity": seats,
            "createdAt": row["created_at"],
            "createdBy": creator,
            "hostUrl": row["url"],
            "realm": "global",
            "regions": [],
        },
        "links": {"self": f"{request.url}/{resource}"},
        "relationships": {},
    }


_RELATED = record({"links": record({"related": TEXT})})
_ORG = record(
    {
        "id": TEXT,
        "type": one_of("orgs"),
        "attributes": record({"name": TEXT}),
        "relationships": record({"domains": _RELATED, "users": _RELATED}),
        "links": SELF,
    }
)
_CLAIM = record(
    {
        "type": one_of("dns"),
        "status": one_of("verified", "unverified", "superseded", "missing_token", "deleted"),
    }
)
_DOMAIN = record(
    {"id": TEXT, "type": one_of("domains"), "attributes": record({"name": TEXT, "claim": _CLAIM}), "links": SELF}
)
_WORKSPACE = record(
    {
        "id": TEXT,
        "type": one_of("workspace"),
        "attributes": record(
            {
                **dict.fromkeys(("name", "typeKey", "type", "createdAt", "hostUrl", "realm"), TEXT),
                **dict.fromkeys(("owner", "createdBy"), nullable(TEXT)),
                **dict.fromkeys(("usage", "capacity"), nullable(WHOLE)),
                **dict.fromkeys(("statusDetails", "labels", "regions"), array(TEXT)),
                **dict.fromkeys(("icons", "avatars"), EMPTY),
                "status": one_of("online"),
                "sandbox": record({"type": one_of("NONE")}),
            }
        ),
        "links": SELF,
        "relationships": EMPTY,
    }
)
_META = record(dict.fromkeys(("pageSize", "startIndex", "endIndex", "total"), WHOLE))

OPERATIONS = [
    Operation(
        "GET",
        "/admin/v1/orgs",
        get_organizations,
        {200: record({"data": array(_ORG), "links": SELF}), 401: PROXY, 429: PROXY},
        "Bearer",
    ),
    Operation(
        "GET",
        "/admin/v1/orgs/{org_id}/domains",
        get_domains,
        {200: record({"data": array(_DOMAIN), "links": SELF}), 401: PROXY, 403: FORBIDDEN, 429: PROXY},
        "Bearer",
    ),
    Operation(
        "GET",
        f"{ORGANIZATION}/directories",
        get_directories,
        {
            200: record({"data": array(record({"directoryId": TEXT, "name": TEXT})), "links": EMPTY}),
            **dict.fromkeys((401, 429), ERRORS),
        },
        "Bearer",
    ),
    Operation(
        "POST",
        f"{ORGANIZATION}/workspaces",
        search_workspaces,
        {
            200: record(
                {
                    "data": array(_WORKSPACE),
                    "links": record({"self": TEXT, "next": TEXT}, optional=["next"]),
                    "meta": _META,
                }
            ),
            400: FLAT,
            401: PROXY,
            404: FLAT,
        },
        "Bearer",
        body=WorkspaceSearch | WorkspaceContinuation,
        body_required=False,
    ),
]

"""The Atlassian Organizations API under `/admin`: organizations, directories, sites, people, invitations.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/.
"""

import uuid
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from emulator import accounts, sites
from emulator import store as stores
from emulator.openapi import FLAG, TEXT, WHOLE, Operation, array, nullable, one_of, record
from emulator.seed import Body
from emulator.store import Row, Store

LARGEST_PAGE = 100
LARGEST_WORKSPACE_PAGE = 1000
_SCHEME = "Bearer "
_INACTIVE_USER, _PAYMENT_REQUIRED, _LICENCE_LIMIT = "ADMIN-UAM-400-2", "ADMIN-UAM-402-1", "ADMIN-UAM-409-3"
_REFUSALS = {
    "ADMIN-UAM-400-1": "Bad Request",
    _INACTIVE_USER: "Inactive user",
    "ADMIN-UAM-400-3": "Invalid role",
    "ADMIN-UAM-400-4": "Product not licensed",
    _PAYMENT_REQUIRED: "Payment Required",
    "ADMIN-UAM-403-2": "Not allowed to manage the organization",
    "ADMIN-UAM-409-2": "Resource conflicts",
    _LICENCE_LIMIT: "Product License Limit Exceeded",
}
"""Codes with which one address makes a whole invitation fail, and their titles; the status stands in the code."""


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


class WorkspaceSearch(Body):
    """The body of `POST /v2/orgs/{orgId}/workspaces`; queries and sorting are not emulated."""

    limit: Whole = Field(default=20, ge=1, le=LARGEST_WORKSPACE_PAGE)


class WorkspaceContinuation(Body):
    """The same for a further page: a cursor stands alone."""

    cursor: Cursor


class UserSearch(Body):
    """The body of `POST …/users/search`, as far as it is emulated."""

    model_config = ConfigDict(json_schema_extra={"not": {"required": ["emails", "searchTerm"]}})

    emails: Annotated[list[str], Field(json_schema_extra={"uniqueItems": True})] = Field(
        default_factory=list, min_length=1, max_length=100
    )
    search_term: str = ""
    account_ids: list[str] = Field(default_factory=list, min_length=1, max_length=10)
    account_status: list[Literal["active", "inactive", "closed"]] = Field(
        default_factory=list, min_length=1, max_length=3
    )
    expand: Annotated[
        list[Literal["platformRoles", "counts.resources", "productAccess", "groups"]],
        Field(json_schema_extra={"uniqueItems": True}),
    ] = Field(default_factory=list)
    limit: Whole = Field(default=50, ge=1, le=LARGEST_PAGE)
    cursor: Cursor = ""

    @model_validator(mode="after")
    def _check(self) -> "UserSearch":
        if {"emails", "search_term"} <= self.model_fields_set:
            raise ValueError("emails and searchTerm are mutually exclusive")
        if len(set(self.emails)) < len(self.emails) or len(set(self.expand)) < len(self.expand):
            raise ValueError("items are unique")
        return self


class RoleAssignmentsPage(Body):
    """The query of `GET …/users/{accountId}/role-assignments`."""

    model_config = ConfigDict(extra="ignore")

    limit: Annotated[str, Field(pattern="^([1-9][0-9]?|100)$")] = "20"
    cursor: Cursor = ""


_workspace_search = TypeAdapter[WorkspaceSearch | WorkspaceContinuation](WorkspaceSearch | WorkspaceContinuation)


class PermissionRule(Body):
    """Access that an invitation gives."""

    resource: str
    role: str


class Invitation(Body):
    """The body of `POST /v2/orgs/{orgId}/users/invite`. The emulator sends no mail: it notes whom it would mail."""

    emails: list[Email] = Field(min_length=1, max_length=25)
    permission_rules: list[PermissionRule] = Field(default_factory=list)
    additional_groups: list[str] = Field(default_factory=list)
    send_notification: bool = Field(default=False, strict=True)
    notification_text: str = ""


async def get_organizations(request: Request) -> Response:
    """Answer `GET /v1/orgs`: the one organization of the key."""
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
    """Answer `GET /v2/orgs/{orgId}/directories`: each organization has one."""
    store = stores.of(request)
    organization = authorise(request, store, unknown=(401, "list"))
    directory = {"directoryId": organization["directory_id"], "name": organization["name"]}
    return JSONResponse({"data": [directory], "links": {}})


async def get_domains(request: Request) -> Response:
    """Answer `GET /v1/orgs/{orgId}/domains`: all on one page."""
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


async def count_users(request: Request) -> Response:
    """Answer `GET …/users/count`, of all members or of those who can use `resourceIds`: every member can use a site."""
    store = stores.of(request)
    organization = authorise(request, store)
    members = store.number("SELECT count(*) FROM members WHERE organization = ?", organization["id"])
    resources = request.query_params.getlist("resourceIds")
    sites_there = store.rows("SELECT id FROM sites WHERE organization = ?", organization["id"])
    known = {f"ari:cloud:jira::site/{site['id']}" for site in sites_there}
    return JSONResponse({"count": members if not resources or known & set(resources) else 0})


async def search_workspaces(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/workspaces`: one workspace for each site."""
    store = stores.of(request)
    organization = authorise(request, store, shape="proxy", unknown=(404, "flat"))
    try:
        search = _workspace_search.validate_json(await request.body() or b"{}")
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body", shape="flat") from None
    limit, start = _read_cursor(search.cursor) if isinstance(search, WorkspaceContinuation) else (search.limit, 0)
    rows = store.rows(
        "SELECT * FROM sites WHERE organization = ? ORDER BY rowid LIMIT ? OFFSET ?",
        organization["id"],
        limit,
        start,
    )
    total = store.number("SELECT count(*) FROM sites WHERE organization = ?", organization["id"])
    links = {"self": str(request.url)}
    if start + limit < total:
        links["next"] = _cursor(limit, start + limit)
    meta = {"pageSize": limit, "startIndex": start, "endIndex": start + len(rows), "total": total}
    data = [_workspace(request, row, organization["seats"]) for row in rows]
    return JSONResponse({"data": data, "links": links, "meta": meta})


async def search_users(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/directories/{directoryId}/users/search`: members of the organization only."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        search = UserSearch.model_validate_json(await request.body() or b"{}")
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body") from None
    limit, start = search.limit, _read_cursor(search.cursor)[1] if search.cursor else 0
    found = [_user(store, row, search) for row in _members(store, organization["id"], search)]
    links = {"next": _cursor(limit, start + limit)} if start + limit < len(found) else {}
    return JSONResponse({"data": found[start : start + limit], "links": links})


async def get_role_assignments(request: Request) -> Response:
    """Answer `GET …/users/{accountId}/role-assignments`: what the person may do on the organization's sites."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        page = RoleAssignmentsPage.model_validate(dict(request.query_params))
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid query") from None
    limit, start = _read_cursor(page.cursor) if page.cursor else (int(page.limit), 0)
    roles = store.rows(
        "SELECT site_id, role FROM site_roles JOIN sites ON sites.id = site_id"
        " WHERE account_id = ? AND organization = ? ORDER BY site_id, role LIMIT ? OFFSET ?",
        request.path_params["account_id"],
        organization["id"],
        limit + 1,
        start,
    )
    data = [
        {
            "directoryId": organization["directory_id"],
            "resourceId": f"ari:cloud:platform::site/{row['site_id']}",
            "resourceOwner": "platform",
            "roles": [row["role"]],
            "roleAssignments": [{"role": row["role"], "roleAssignmentMethods": ["direct"]}],
            "userDirectoryStatus": "active",
        }
        for row in roles[:limit]
    ]
    links = {"next": _cursor(limit, start + limit)} if len(roles) > limit else {}
    return JSONResponse({"data": data, "links": links})


async def invite(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/users/invite`: an account for each address, all of them in one transaction."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        invitation = Invitation.model_validate_json(await request.body())
    except ValidationError:
        raise OrganizationError(400, "ADMIN-UAM-400-1", "Bad Request") from None
    if not organization["paid"]:
        raise _refusal(_PAYMENT_REQUIRED)
    with store.transaction():
        data, failed = _invite_all(store, organization, invitation.emails)
        if invitation.send_notification:
            store.change_many(
                "INSERT INTO invitation_mails VALUES (?, ?, ?)",
                ((organization["id"], one["email"], accounts.now()) for one in data if "id" in one),
            )
    return JSONResponse({"data": data}, status_code=206 if failed else 200)


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


def _invite_all(store: Store, organization: Row, emails: list[str]) -> tuple[list[Row], bool]:
    uninvitable = {
        row["email_key"]: row["reason"]
        for row in store.rows("SELECT * FROM uninvitable WHERE organization = ?", organization["id"])
    }
    known = {email: accounts.find(store, email) for email in emails}
    if any(account and account["status"] != accounts.ACTIVE for account in known.values()):
        raise _refusal(_INACTIVE_USER)
    for email in emails:
        if uninvitable.get(accounts.key(email)) in _REFUSALS:
            raise _refusal(uninvitable[accounts.key(email)])
    data, failed = [], False
    for email in emails:
        if (reason := uninvitable.get(accounts.key(email))) is not None:
            failed = True
            data.append({"email": email, "results": [_failure(organization, reason)]})
            continue
        account_id = accounts.ensure(store, email, origin="invitation")
        accounts.add_to_organization(store, organization["id"], account_id)
        data.append({"email": email, "id": account_id, "results": []})
    members = store.number("SELECT count(*) FROM members WHERE organization = ?", organization["id"])
    if organization["seats"] is not None and members > organization["seats"]:
        raise _refusal(_LICENCE_LIMIT)
    return data, failed


def _refusal(code: str) -> OrganizationError:
    return OrganizationError(int(code.split("-")[2]), code, _REFUSALS[code])


def _failure(organization: Row, reason: str) -> Row:
    result = {
        "resource": f"ari:cloud:platform::org/{organization['id']}",
        "role": "atlassian/user",
        "status": "ERROR",
        "statusReason": reason,
    }
    return {"roleAssignmentResult": [result], "groupAssignmentResult": []}


def _members(store: Store, organization: str, search: UserSearch) -> list[Row]:
    sql = (
        "SELECT a.*, m.org_admin, m.added_at, m.organization FROM members m JOIN atlassian_accounts a"
        " ON a.id = m.account_id WHERE m.organization = ?"
    )
    if search.emails:
        rows = [
            row
            for e in search.emails
            for row in store.rows(f"{sql} AND a.email_key = ?", organization, accounts.key(e))
        ]
    else:
        term = f"%{accounts.key(search.search_term)}%"
        rows = store.rows(f"{sql} AND (a.email_key LIKE ? OR a.name LIKE ?) ORDER BY a.id", organization, term, term)
    return [
        row
        for row in rows
        if (not search.account_status or row["status"] in search.account_status)
        and (not search.account_ids or row["id"] in search.account_ids)
    ]


def _user(store: Store, row: Row, search: UserSearch) -> Row:
    active = row["status"] == accounts.ACTIVE
    user = {
        "accountId": row["id"],
        "accountType": "atlassian",
        "accountStatus": row["status"],
        "status": "active" if active else "deactivated",
        "membershipStatus": "active",
        "claimStatus": "managed" if _is_managed(store, row) else "unmanaged",
        "name": row["name"],
        "nickname": row["name"],
        "email": row["email"],
        "emailVerified": bool(row["email_verified"]),
        "addedToOrg": row["added_at"],
        "links": {},
    }
    if "platformRoles" in search.expand:
        user["platformRoles"] = _platform_roles(store, row)
    return user


def _is_managed(store: Store, row: Row) -> bool:
    """Whether an organization has claimed the domain of the address: one that is emulated, or any other."""
    domain = str(row["email_key"]).rpartition("@")[2]
    return bool(
        store.row("SELECT 1 FROM managed_elsewhere WHERE account_id = ?", row["id"])
        or store.row("SELECT 1 FROM domains WHERE name = ? AND claim = 'verified'", domain)
    )


def _platform_roles(store: Store, row: Row) -> list[str]:
    site_admin = store.row(
        "SELECT 1 FROM site_roles JOIN sites ON sites.id = site_id"
        " WHERE account_id = ? AND organization = ? AND role = ?",
        row["id"],
        row["organization"],
        sites.ADMIN,
    )
    return (["atlassian/org-admin"] if row["org_admin"] else []) + ([sites.ADMIN] if site_admin else [])


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


def _cursor(limit: int, start: int) -> str:
    return f"{limit}:{start}"


def _read_cursor(cursor: str) -> tuple[int, int]:
    limit, start = cursor.split(":")
    return max(1, int(limit)), int(start)


_ORGANIZATION = "/admin/v2/orgs/{org_id}"
_DIRECTORY = f"{_ORGANIZATION}/directories/{{directory_id}}"
_FLAT = record(dict.fromkeys(("id", "status", "code", "title"), TEXT))
_ERRORS = record({"errors": array(_FLAT)})
_PROXY = record({"code": WHOLE, "message": TEXT})
_NEXT = record({"next": TEXT}, optional=["next"])
_REFUSED = {401: _ERRORS, 404: _ERRORS, 429: _ERRORS}
_SELF = record({"self": TEXT})
_RELATED = record({"links": record({"related": TEXT})})
_ORG = record(
    {
        "id": TEXT,
        "type": one_of("orgs"),
        "attributes": record({"name": TEXT}),
        "relationships": record({"domains": _RELATED, "users": _RELATED}),
        "links": _SELF,
    }
)
_CLAIM = record(
    {
        "type": one_of("dns"),
        "status": one_of("verified", "unverified", "superseded", "missing_token", "deleted"),
    }
)
_DOMAIN = record(
    {"id": TEXT, "type": one_of("domains"), "attributes": record({"name": TEXT, "claim": _CLAIM}), "links": _SELF}
)
_FORBIDDEN = record({**dict.fromkeys(("error", "message", "path", "requestId", "timestamp"), TEXT), "status": WHOLE})
_EMPTY = record({})
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
                **dict.fromkeys(("icons", "avatars"), _EMPTY),
                "status": one_of("online"),
                "sandbox": record({"type": one_of("NONE")}),
            }
        ),
        "links": _SELF,
        "relationships": _EMPTY,
    }
)
_META = record(dict.fromkeys(("pageSize", "startIndex", "endIndex", "total"), WHOLE))
_USER = record(
    {
        "accountId": TEXT,
        "accountType": one_of("atlassian"),
        "accountStatus": one_of("active", "inactive", "closed"),
        "status": one_of("active", "deactivated"),
        "membershipStatus": one_of("active"),
        "claimStatus": one_of("managed", "unmanaged"),
        **dict.fromkeys(("name", "nickname", "email", "addedToOrg"), TEXT),
        "emailVerified": FLAG,
        "links": _EMPTY,
        "platformRoles": array(one_of("atlassian/org-admin", sites.ADMIN)),
    },
    optional=["platformRoles"],
)
_ASSIGNMENT = record(
    {
        **dict.fromkeys(("directoryId", "resourceId", "resourceOwner"), TEXT),
        "roles": array(TEXT),
        "roleAssignments": array(record({"role": TEXT, "roleAssignmentMethods": array(TEXT)})),
        "userDirectoryStatus": one_of("active"),
    }
)
_GIVEN = record({"resource": TEXT, "role": TEXT, "status": one_of("INVITED", "ERROR"), "statusReason": TEXT})
_RESULT = record({"roleAssignmentResult": array(_GIVEN), "groupAssignmentResult": array(_EMPTY)})
_INVITED = record(
    {"data": array(record({"email": TEXT, "id": TEXT, "results": array(_RESULT)}, optional=["id"]))},
)
OPERATIONS = [
    Operation(
        "GET",
        "/admin/v1/orgs",
        get_organizations,
        {200: record({"data": array(_ORG), "links": _SELF}), 401: _PROXY, 429: _PROXY},
        "Bearer",
    ),
    Operation(
        "GET",
        "/admin/v1/orgs/{org_id}/domains",
        get_domains,
        {200: record({"data": array(_DOMAIN), "links": _SELF}), 401: _PROXY, 403: _FORBIDDEN, 429: _PROXY},
        "Bearer",
    ),
    Operation(
        "GET",
        f"{_ORGANIZATION}/directories",
        get_directories,
        {
            200: record({"data": array(record({"directoryId": TEXT, "name": TEXT})), "links": _EMPTY}),
            **dict.fromkeys((401, 429), _ERRORS),
        },
        "Bearer",
    ),
    Operation(
        "POST",
        f"{_ORGANIZATION}/workspaces",
        search_workspaces,
        {
            200: record(
                {
                    "data": array(_WORKSPACE),
                    "links": record({"self": TEXT, "next": TEXT}, optional=["next"]),
                    "meta": _META,
                }
            ),
            400: _FLAT,
            401: _PROXY,
            404: _FLAT,
        },
        "Bearer",
        body=WorkspaceSearch | WorkspaceContinuation,
        body_required=False,
    ),
    Operation(
        "POST",
        f"{_DIRECTORY}/users/search",
        search_users,
        {200: record({"data": array(_USER), "links": _NEXT}), 400: _ERRORS, **_REFUSED},
        "Bearer",
        body=UserSearch,
        body_required=False,
    ),
    Operation(
        "GET",
        f"{_DIRECTORY}/users/count",
        count_users,
        {200: record({"count": WHOLE}), **_REFUSED},
        "Bearer",
        query={"resourceIds": array(TEXT)},
    ),
    Operation(
        "GET",
        f"{_DIRECTORY}/users/{{account_id}}/role-assignments",
        get_role_assignments,
        {200: record({"data": array(_ASSIGNMENT), "links": _NEXT}), 400: _ERRORS, **_REFUSED},
        "Bearer",
        query=RoleAssignmentsPage.model_json_schema()["properties"],
    ),
    Operation(
        "POST",
        f"{_ORGANIZATION}/users/invite",
        invite,
        {200: _INVITED, 206: _INVITED, **dict.fromkeys((400, 402, 403, 409), _ERRORS), **_REFUSED},
        "Bearer",
        body=Invitation,
    ),
]

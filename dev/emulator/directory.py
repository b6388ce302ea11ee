"""Directories of the Atlassian Organizations API: members and their roles.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import accounts, sites
from dev.emulator import store as stores
from dev.emulator.openapi import FLAG, TEXT, WHOLE, Operation, array, one_of, record
from dev.emulator.organization_access import (
    ACCESS_ERRORS,
    DIRECTORY,
    EMPTY,
    ERRORS,
    NEXT,
    Cursor,
    OrganizationError,
    Whole,
    authorise,
    read_cursor,
    write_cursor,
)
from dev.emulator.seed import Body
from dev.emulator.store import Row, Store

MAX_PAGE_SIZE = 100


class UserSearch(Body):
    """The emulated part of the body of `POST …/users/search`."""

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
    limit: Whole = Field(default=50, ge=1, le=MAX_PAGE_SIZE)
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


async def search_users(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/directories/{directoryId}/users/search`: members of the organization only."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        search = UserSearch.model_validate_json(await request.body() or b"{}")
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body") from None
    limit, start = search.limit, read_cursor(search.cursor)[1] if search.cursor else 0
    found = [_user(store, row, search) for row in _members(store, organization["id"], search)]
    links = {"next": write_cursor(limit, start + limit)} if start + limit < len(found) else {}
    return JSONResponse({"data": found[start : start + limit], "links": links})


async def count_users(request: Request) -> Response:
    """Answer `GET …/users/count`: the number of members; 0 if `resourceIds` is given without a known site."""
    store = stores.of(request)
    organization = authorise(request, store)
    members = store.number("SELECT count(*) FROM members WHERE organization = ?", organization["id"])
    resources = request.query_params.getlist("resourceIds")
    site_rows = store.rows("SELECT id FROM sites WHERE organization = ?", organization["id"])
    known = {f"ari:cloud:jira::site/{site['id']}" for site in site_rows}
    return JSONResponse({"count": members if not resources or known & set(resources) else 0})


async def get_role_assignments(request: Request) -> Response:
    """Answer `GET …/users/{accountId}/role-assignments`: the roles on the organization's sites."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        page = RoleAssignmentsPage.model_validate(dict(request.query_params))
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid query") from None
    limit, start = read_cursor(page.cursor) if page.cursor else (int(page.limit), 0)
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
    links = {"next": write_cursor(limit, start + limit)} if len(roles) > limit else {}
    return JSONResponse({"data": data, "links": links})


async def remove_user(request: Request) -> Response:
    """Answer `DELETE …/users/{accountId}`: remove the membership and the roles; the account itself stays."""
    store = stores.of(request)
    organization = authorise(request, store)
    if request.path_params["directory_id"] != organization["directory_id"]:
        raise OrganizationError(404, "ADMIN-404-1", "Unknown resource")
    keys = request.path_params["account_id"], organization["id"]
    with store.transaction():
        if store.row("SELECT 1 FROM members WHERE account_id = ? AND organization = ?", *keys) is None:
            raise OrganizationError(404, "ADMIN-404-1", "Unknown resource")
        store.change("DELETE FROM members WHERE account_id = ? AND organization = ?", *keys)
        store.change(
            "DELETE FROM site_roles WHERE account_id = ? AND site_id IN (SELECT id FROM sites WHERE organization = ?)",
            *keys,
        )
    return Response(status_code=204)


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
    """Return whether any organization, emulated or not, has claimed the domain of the address."""
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
        "links": EMPTY,
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

OPERATIONS = [
    Operation(
        "POST",
        f"{DIRECTORY}/users/search",
        search_users,
        {200: record({"data": array(_USER), "links": NEXT}), 400: ERRORS, **ACCESS_ERRORS},
        "Bearer",
        body=UserSearch,
        body_required=False,
    ),
    Operation(
        "GET",
        f"{DIRECTORY}/users/count",
        count_users,
        {200: record({"count": WHOLE}), **ACCESS_ERRORS},
        "Bearer",
        query={"resourceIds": array(TEXT)},
    ),
    Operation(
        "GET",
        f"{DIRECTORY}/users/{{account_id}}/role-assignments",
        get_role_assignments,
        {200: record({"data": array(_ASSIGNMENT), "links": NEXT}), 400: ERRORS, **ACCESS_ERRORS},
        "Bearer",
        query=RoleAssignmentsPage.model_json_schema()["properties"],
    ),
    Operation("DELETE", f"{DIRECTORY}/users/{{account_id}}", remove_user, {204: None, **ACCESS_ERRORS}, "Bearer"),
]

"""The control API for tests and the demo, under `/emulator/`: read and change the state. No authentication.

- `PUT /emulator/seed`: load a seed (see `dev.emulator.seed`); it replaces its account and its organization.
- `GET /emulator/state`: everything as JSON: Opsgenie users, organizations, Atlassian accounts, members, sites, roles,
  connections, and `calls`, the number of calls by endpoint. `DELETE`: delete everything, faults and limits as well.
- `POST /emulator/opsgenie/{account}/users`: add an `OpsgenieUser`.
- `PATCH /emulator/opsgenie/{account}/users/{id or username}`: change fields of an `OpsgenieUser`. `DELETE`: delete it.
- `PATCH /emulator/atlassian/accounts/{email}`: `{emailVerified, accountStatus}`.
- `PATCH /emulator/atlassian/organizations/{id}`: `{paid, seats, uninvitable}`, as in `dev.emulator.seed.Organization`.
- `POST /emulator/faults`: add a fault (see `dev.emulator.faults.Fault`). `GET`: list the pending faults.
- `POST /emulator/limits`: add a rate limit (see `dev.emulator.limits.Limit`).
- `DELETE /emulator/faults`: delete all faults and rate limits.
"""

import sqlite3
from typing import Literal, TypeVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dev.emulator import accounts, opsgenie, seed
from dev.emulator import store as stores
from dev.emulator.faults import Fault
from dev.emulator.limits import Limit
from dev.emulator.seed import Body, OpsgenieUser, Seed

_Body = TypeVar("_Body", bound=BaseModel)
_json_object = TypeAdapter(dict[str, object])


class AccountChange(Body):
    """Changes to an Atlassian account."""

    email_verified: bool | None = None
    account_status: Literal["active", "inactive", "closed"] | None = None


class OrganizationChange(Body):
    """Changes to an organization."""

    paid: bool | None = None
    seats: int | None = None
    """Maximum number of members; null: unlimited."""
    uninvitable: dict[str, str] = Field(default_factory=dict)
    """Replaces the previous addresses."""


async def put_seed(request: Request) -> Response:
    """Load a seed."""
    new = await _read(request, Seed)
    try:
        seed.load(stores.of(request), new)
    except sqlite3.IntegrityError as error:
        raise HTTPException(409, f"The seed conflicts with the existing state: {error}") from None
    return Response(status_code=204)


async def get_state(request: Request) -> Response:
    """Return the tables, without API keys."""
    store = stores.of(request)
    return JSONResponse(
        {
            "opsgenieUsers": store.rows("SELECT * FROM opsgenie_users ORDER BY number"),
            "organizations": store.rows("SELECT id, name, directory_id, paid, seats FROM organizations"),
            "accounts": store.rows("SELECT * FROM atlassian_accounts ORDER BY rowid"),
            "members": store.rows("SELECT * FROM members"),
            "invitationMails": store.rows("SELECT organization, email FROM invitation_mails ORDER BY rowid"),
            "sites": store.rows("SELECT * FROM sites ORDER BY rowid"),
            "siteRoles": store.rows("SELECT * FROM site_roles"),
            "usedSiteNames": [row["name"] for row in store.rows("SELECT name FROM used_site_names ORDER BY name")],
            "connections": store.rows("SELECT * FROM connections"),
            "calls": {row["endpoint"]: row["count"] for row in store.rows("SELECT * FROM calls ORDER BY endpoint")},
        }
    )


async def clear_state(request: Request) -> Response:
    """Empty all tables and delete all faults and rate limits."""
    stores.of(request).clear()
    return await clear_faults(request)


async def add_user(request: Request) -> Response:
    """Add a user to an Opsgenie account."""
    store, account = stores.of(request), request.path_params["account"]
    user = await _read(request, OpsgenieUser)
    if store.row("SELECT 1 FROM opsgenie_accounts WHERE name = ?", account) is None:
        raise HTTPException(404)
    return JSONResponse({"id": seed.add_user(store, account, user)}, status_code=201)


async def change_user(request: Request) -> Response:
    """Change or delete an Opsgenie user."""
    store = stores.of(request)
    found = opsgenie.find_user(store, request.path_params["account"], request.path_params["identifier"])
    if found is None:
        raise HTTPException(404)
    if request.method == "DELETE":
        store.change("DELETE FROM opsgenie_users WHERE id = ?", found["id"])
        return Response(status_code=204)
    current = OpsgenieUser(**{name: found[name] for name in OpsgenieUser.model_fields})
    user = await _read(request, OpsgenieUser, base=current)
    store.change(
        "UPDATE opsgenie_users SET username = ?, full_name = ?, role = ?, verified = ?, blocked = ?, locale = ?,"
        " time_zone = ? WHERE id = ?",
        *(getattr(user, name) for name in OpsgenieUser.model_fields),
        found["id"],
    )
    return Response(status_code=204)


async def change_account(request: Request) -> Response:
    """Change an Atlassian account."""
    store, change = stores.of(request), await _read(request, AccountChange)
    changed = store.change(
        "UPDATE atlassian_accounts SET email_verified = coalesce(?, email_verified), status = coalesce(?, status)"
        " WHERE email_key = ?",
        change.email_verified,
        change.account_status,
        accounts.key(request.path_params["email"]),
    )
    return Response(status_code=204 if changed else 404)


async def change_organization(request: Request) -> Response:
    """Change an organization; omitted fields stay unchanged."""
    store, identifier = stores.of(request), request.path_params["identifier"]
    change = await _read(request, OrganizationChange)
    with store.transaction():
        if store.row("SELECT 1 FROM organizations WHERE id = ?", identifier) is None:
            raise HTTPException(404)
        if change.paid is not None:
            store.change("UPDATE organizations SET paid = ? WHERE id = ?", change.paid, identifier)
        if "seats" in change.model_fields_set:
            store.change("UPDATE organizations SET seats = ? WHERE id = ?", change.seats, identifier)
        if "uninvitable" in change.model_fields_set:
            seed.set_uninvitable(store, identifier, change.uninvitable)
    return Response(status_code=204)


async def add_fault(request: Request) -> Response:
    """Add a fault; earlier faults take precedence."""
    request.app.state.faults.append(await _read(request, Fault))
    return Response(status_code=204)


async def get_faults(request: Request) -> Response:
    """Return the pending faults."""
    return JSONResponse([fault.model_dump(mode="json", by_alias=True) for fault in request.app.state.faults])


async def add_limit(request: Request) -> Response:
    """Add a rate limit; earlier limits stay."""
    request.app.state.limits.add(await _read(request, Limit))
    return Response(status_code=204)


async def clear_faults(request: Request) -> Response:
    """Delete all faults and rate limits."""
    request.app.state.faults.clear()
    request.app.state.limits.clear()
    return Response(status_code=204)


async def _read(request: Request, model: type[_Body], *, base: _Body | None = None) -> _Body:
    """Parse the body as a model; omitted fields are taken from `base`."""
    try:
        body = _json_object.validate_json(await request.body())
        defaults = base.model_dump(by_alias=True) if base else {}
        return model.model_validate({**defaults, **body})
    except ValidationError as error:
        raise HTTPException(422, str(error)) from None


ROUTES = [
    Route("/emulator/seed", put_seed, methods=["PUT"]),
    Route("/emulator/state", get_state),
    Route("/emulator/state", clear_state, methods=["DELETE"]),
    Route("/emulator/opsgenie/{account}/users", add_user, methods=["POST"]),
    Route("/emulator/opsgenie/{account}/users/{identifier}", change_user, methods=["PATCH", "DELETE"]),
    Route("/emulator/atlassian/accounts/{email}", change_account, methods=["PATCH"]),
    Route("/emulator/atlassian/organizations/{identifier}", change_organization, methods=["PATCH"]),
    Route("/emulator/faults", add_fault, methods=["POST"]),
    Route("/emulator/faults", get_faults),
    Route("/emulator/faults", clear_faults, methods=["DELETE"]),
    Route("/emulator/limits", add_limit, methods=["POST"]),
]

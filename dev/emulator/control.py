"""For tests and the demo, under `/emulator/`: look behind the scenes and change what is there. Open to anyone.

- `PUT /emulator/seed`: put a document (see `dev.emulator.seed`) in place of what is there.
- `GET /emulator/state`: everything as JSON: Opsgenie users, organizations, Atlassian accounts, members, sites, roles,
  connections, and `calls`, the number of calls by endpoint. `DELETE`: forget everything, orders of trouble as well.
- `POST /emulator/opsgenie/{account}/users`: someone joins (an `OpsgenieUser`).
- `PATCH /emulator/opsgenie/{account}/users/{id or username}`: some fields of an `OpsgenieUser`. `DELETE`: they leave.
- `PATCH /emulator/atlassian/accounts/{email}`: `{emailVerified, accountStatus}`.
- `PATCH /emulator/atlassian/organizations/{id}`: `{paid, seats, uninvitable}`, as in `dev.emulator.seed.Organization`.
- `POST /emulator/faults`: order trouble (see `dev.emulator.faults.Fault`). `GET`: what is still to come.
- `POST /emulator/limits`: limit the rate of calls (see `dev.emulator.limits.Limit`).
- `DELETE /emulator/faults`: call off all trouble and limits.
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
    """What may be changed of an Atlassian account."""

    email_verified: bool | None = None
    account_status: Literal["active", "inactive", "closed"] | None = None


class OrganizationChange(Body):
    """What may be changed of an organization."""

    paid: bool | None = None
    seats: int | None = None
    """Members it may have; null: as many as come."""
    uninvitable: dict[str, str] = Field(default_factory=dict)
    """In place of those before."""


async def put_seed(request: Request) -> Response:
    """Load a document."""
    document = await _read(request, Seed)
    try:
        seed.load(stores.of(request), document)
    except sqlite3.IntegrityError as error:
        raise HTTPException(409, f"The document clashes with another one: {error}") from None
    return Response(status_code=204)


async def get_state(request: Request) -> Response:
    """Show the tables, without keys."""
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


async def forget(request: Request) -> Response:
    """Empty all tables and call off all faults."""
    stores.of(request).clear()
    return await call_off(request)


async def add_user(request: Request) -> Response:
    """Let someone join an Opsgenie account."""
    store, account = stores.of(request), request.path_params["account"]
    user = await _read(request, OpsgenieUser)
    if store.row("SELECT 1 FROM opsgenie_accounts WHERE name = ?", account) is None:
        raise HTTPException(404)
    return JSONResponse({"id": seed.add_user(store, account, user)}, status_code=201)


async def change_user(request: Request) -> Response:
    """Change an Opsgenie user: verify, block, rename, give another role."""
    store = stores.of(request)
    found = opsgenie.find_user(store, request.path_params["account"], request.path_params["identifier"])
    if found is None:
        raise HTTPException(404)
    if request.method == "DELETE":
        store.change("DELETE FROM opsgenie_users WHERE id = ?", found["id"])
        return Response(status_code=204)
    as_it_is = OpsgenieUser(**{name: found[name] for name in OpsgenieUser.model_fields})
    user = await _read(request, OpsgenieUser, changing=as_it_is)
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
    """Change what an organization may invite; what the body leaves out stays as it is."""
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


async def order_fault(request: Request) -> Response:
    """Order a fault; it comes after those ordered before it."""
    request.app.state.faults.append(await _read(request, Fault))
    return Response(status_code=204)


async def get_faults(request: Request) -> Response:
    """Show the faults that are still to come."""
    return JSONResponse([fault.model_dump(mode="json", by_alias=True) for fault in request.app.state.faults])


async def order_limit(request: Request) -> Response:
    """Order a limit, beside those ordered before it."""
    request.app.state.limits.order(await _read(request, Limit))
    return Response(status_code=204)


async def call_off(request: Request) -> Response:
    """Forget all faults and limits."""
    request.app.state.faults.clear()
    request.app.state.limits.clear()
    return Response(status_code=204)


async def _read(request: Request, model: type[_Body], *, changing: _Body | None = None) -> _Body:
    """Read the body as a model; fields that it leaves out are those of `changing`, if that is given."""
    try:
        given = _json_object.validate_json(await request.body())
        before = changing.model_dump(by_alias=True) if changing else {}
        return model.model_validate({**before, **given})
    except ValidationError as error:
        raise HTTPException(422, str(error)) from None


ROUTES = [
    Route("/emulator/seed", put_seed, methods=["PUT"]),
    Route("/emulator/state", get_state),
    Route("/emulator/state", forget, methods=["DELETE"]),
    Route("/emulator/opsgenie/{account}/users", add_user, methods=["POST"]),
    Route("/emulator/opsgenie/{account}/users/{identifier}", change_user, methods=["PATCH", "DELETE"]),
    Route("/emulator/atlassian/accounts/{email}", change_account, methods=["PATCH"]),
    Route("/emulator/atlassian/organizations/{identifier}", change_organization, methods=["PATCH"]),
    Route("/emulator/faults", order_fault, methods=["POST"]),
    Route("/emulator/faults", get_faults),
    Route("/emulator/faults", call_off, methods=["DELETE"]),
    Route("/emulator/limits", order_limit, methods=["POST"]),
]

"""The emulator's own API for steps without a public Atlassian API: sign-up, site creation, Opsgenie connections.

All operations require the organization's API key as a Bearer token, use JSON, and are idempotent:

- `POST /provisioning/v1/sign-ups` `{email, firstName, lastName}` → `{accountId}`; the account's email is unverified.
- `POST /provisioning/v1/sites` `{email, name, firstName, lastName}` → `{id, name, url}`; the owner of the address
  becomes site admin. 404: the address has no account. 409 `{message, suggestions}`: the name is or was in use, unless
  the same person created the site in this organization. 422: the name is not valid.
- `PUT /provisioning/v1/connections/{opsgenieAccount}` `{siteId}` → `{opsgenieAccount, siteId}`. 404: no such site.
  409: the Opsgenie account is connected to another site.
"""

from typing import Annotated

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import accounts, sites
from dev.emulator import store as stores
from dev.emulator.openapi import TEXT, Operation, array, record
from dev.emulator.organization_access import ERRORS, Email, OrganizationError, authorise
from dev.emulator.seed import Body


class SignUp(Body):
    """The body of a sign-up."""

    email: Email
    first_name: str
    last_name: str


class NewSite(SignUp):
    """The body of a site creation."""

    name: Annotated[str, Field(json_schema_extra={"pattern": f"^{sites.NAME}$"})]
    """Validated separately, because an invalid name is answered with a different status (422)."""


class Connection(Body):
    """The body of a connection."""

    site_id: str


async def sign_up(request: Request) -> Response:
    """Create an account for the address and make it a member of the organization."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        person = SignUp.model_validate_json(await request.body())
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body") from None
    with store.transaction():
        name = f"{person.first_name} {person.last_name}".strip()
        account_id = accounts.ensure(store, person.email, name, origin="sign-up")
        accounts.add_to_organization(store, organization["id"], account_id)
    return JSONResponse({"accountId": account_id})


async def create_site(request: Request) -> Response:
    """Create a site of the organization, unless the same person has already created it."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        wanted = NewSite.model_validate_json(await request.body())
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body") from None
    if not sites.is_valid(wanted.name):
        raise OrganizationError(422, "ADMIN-422-1", "The site name is not valid")
    with store.transaction():
        creator = accounts.find(store, wanted.email)
        if creator is None:
            raise OrganizationError(404, "ADMIN-404-8", "User not found")
        site = sites.find(store, wanted.name)
        exists = site and (site["organization"], site["created_by"]) == (organization["id"], creator["id"])
        if not exists and not sites.is_free(store, wanted.name):
            body = {"message": "The name is or was in use", "suggestions": sites.suggestions(store, wanted.name)}
            return JSONResponse(body, status_code=409)
        if not exists:
            sites.create(store, organization["id"], wanted.name, created_by=creator["id"])
        created = store.row("SELECT id, name, url FROM sites WHERE name = ?", wanted.name)
    return JSONResponse(created)


async def connect(request: Request) -> Response:
    """Connect an Opsgenie account to a site of the organization."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        site_id = Connection.model_validate_json(await request.body()).site_id
    except ValidationError:
        raise OrganizationError(400, "ADMIN-400-24", "Invalid request body") from None
    account = request.path_params["opsgenie_account"]
    with store.transaction():
        if store.row("SELECT 1 FROM sites WHERE id = ? AND organization = ?", site_id, organization["id"]) is None:
            raise OrganizationError(404, "ADMIN-404-1", "Unknown resource")
        if store.row("SELECT 1 FROM opsgenie_accounts WHERE name = ?", account) is None:
            raise OrganizationError(404, "ADMIN-404-1", "Unknown resource")
        store.change("INSERT OR IGNORE INTO connections VALUES (?, ?)", account, site_id)
        connected = store.row("SELECT site_id FROM connections WHERE opsgenie_account = ?", account)
    if connected != {"site_id": site_id}:
        raise OrganizationError(409, "ADMIN-409-28", "Conflict")
    return JSONResponse({"opsgenieAccount": account, "siteId": site_id})


_REQUEST_ERRORS = {401: ERRORS, 400: ERRORS, 429: ERRORS}
_TAKEN = record({"message": TEXT, "suggestions": array(TEXT)})
OPERATIONS = [
    Operation(
        "POST",
        "/provisioning/v1/sign-ups",
        sign_up,
        {200: record({"accountId": TEXT}), **_REQUEST_ERRORS},
        "Bearer",
        body=SignUp,
    ),
    Operation(
        "POST",
        "/provisioning/v1/sites",
        create_site,
        {
            200: record({"id": TEXT, "name": TEXT, "url": TEXT}),
            404: ERRORS,
            409: _TAKEN,
            422: ERRORS,
            **_REQUEST_ERRORS,
        },
        "Bearer",
        body=NewSite,
    ),
    Operation(
        "PUT",
        "/provisioning/v1/connections/{opsgenie_account}",
        connect,
        {200: record({"opsgenieAccount": TEXT, "siteId": TEXT}), 404: ERRORS, 409: ERRORS, **_REQUEST_ERRORS},
        "Bearer",
        body=Connection,
    ),
]

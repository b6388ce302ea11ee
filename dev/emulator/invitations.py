"""Invitations of the Atlassian Organizations API, with all documented failures.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/.
"""

from pydantic import Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dev.emulator import accounts
from dev.emulator import store as stores
from dev.emulator.openapi import TEXT, Operation, array, one_of, record
from dev.emulator.organization_access import (
    ACCESS_ERRORS,
    EMPTY,
    ERRORS,
    ORGANIZATION,
    Email,
    OrganizationError,
    authorise,
)
from dev.emulator.seed import Body
from dev.emulator.store import Row, Store

_INACTIVE_USER, _PAYMENT_REQUIRED, _LICENCE_LIMIT = "ADMIN-UAM-400-2", "ADMIN-UAM-402-1", "ADMIN-UAM-409-3"
_ERRORS = {
    "ADMIN-UAM-400-1": "Bad Request",
    _INACTIVE_USER: "Inactive user",
    "ADMIN-UAM-400-3": "Invalid role",
    "ADMIN-UAM-400-4": "Product not licensed",
    _PAYMENT_REQUIRED: "Payment Required",
    "ADMIN-UAM-403-2": "Not allowed to manage the organization",
    "ADMIN-UAM-409-2": "Resource conflicts",
    _LICENCE_LIMIT: "Product License Limit Exceeded",
}
"""Error codes for which one address fails the whole request, and their titles. The code contains the status."""


class PermissionRule(Body):
    """A role that an invitation grants."""

    resource: str
    role: str


class Invitation(Body):
    """The body of `POST /v2/orgs/{orgId}/users/invite`. Invitation mails are recorded, not sent."""

    emails: list[Email] = Field(min_length=1, max_length=25)
    permission_rules: list[PermissionRule] = Field(default_factory=list)
    additional_groups: list[str] = Field(default_factory=list)
    send_notification: bool = Field(default=False, strict=True)
    notification_text: str = ""


async def invite(request: Request) -> Response:
    """Answer `POST /v2/orgs/{orgId}/users/invite`: create an account for each address, in one transaction."""
    store = stores.of(request)
    organization = authorise(request, store)
    try:
        invitation = Invitation.model_validate_json(await request.body())
    except ValidationError:
        raise OrganizationError(400, "ADMIN-UAM-400-1", "Bad Request") from None
    if not organization["paid"]:
        raise _error(_PAYMENT_REQUIRED)
    with store.transaction():
        data, failed = _invite_all(store, organization, invitation.emails)
        if invitation.send_notification:
            store.change_many(
                "INSERT INTO invitation_mails VALUES (?, ?, ?)",
                ((organization["id"], user["email"], accounts.now()) for user in data if "id" in user),
            )
    return JSONResponse({"data": data}, status_code=206 if failed else 200)


def _invite_all(store: Store, organization: Row, emails: list[str]) -> tuple[list[Row], bool]:
    uninvitable = {
        row["email_key"]: row["reason"]
        for row in store.rows("SELECT * FROM uninvitable WHERE organization = ?", organization["id"])
    }
    known = {email: accounts.find(store, email) for email in emails}
    if any(account and account["status"] != accounts.ACTIVE for account in known.values()):
        raise _error(_INACTIVE_USER)
    for email in emails:
        if uninvitable.get(accounts.key(email)) in _ERRORS:
            raise _error(uninvitable[accounts.key(email)])
    data, failed = [], False
    for email in emails:
        if (reason := uninvitable.get(accounts.key(email))) is not None:
            failed = True
            data.append({"email": email, "results": [_failed_result(organization, reason)]})
            continue
        account_id = accounts.ensure(store, email, origin="invitation")
        accounts.add_to_organization(store, organization["id"], account_id)
        data.append({"email": email, "id": account_id, "results": []})
    members = store.number("SELECT count(*) FROM members WHERE organization = ?", organization["id"])
    if organization["seats"] is not None and members > organization["seats"]:
        raise _error(_LICENCE_LIMIT)
    return data, failed


def _error(code: str) -> OrganizationError:
    return OrganizationError(int(code.split("-")[2]), code, _ERRORS[code])


def _failed_result(organization: Row, reason: str) -> Row:
    result = {
        "resource": f"ari:cloud:platform::org/{organization['id']}",
        "role": "atlassian/user",
        "status": "ERROR",
        "statusReason": reason,
    }
    return {"roleAssignmentResult": [result], "groupAssignmentResult": []}


_ASSIGNMENT = record({"resource": TEXT, "role": TEXT, "status": one_of("INVITED", "ERROR"), "statusReason": TEXT})
_RESULT = record({"roleAssignmentResult": array(_ASSIGNMENT), "groupAssignmentResult": array(EMPTY)})
_INVITED = record(
    {"data": array(record({"email": TEXT, "id": TEXT, "results": array(_RESULT)}, optional=["id"]))},
)

OPERATIONS = [
    Operation(
        "POST",
        f"{ORGANIZATION}/users/invite",
        invite,
        {200: _INVITED, 206: _INVITED, **dict.fromkeys((400, 402, 403, 409), ERRORS), **ACCESS_ERRORS},
        "Bearer",
        body=Invitation,
    ),
]

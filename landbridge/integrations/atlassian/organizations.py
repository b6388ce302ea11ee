"""Requests and responses of the Atlassian Organizations API. No IO.

Source: the published OpenAPI document of https://developer.atlassian.com/cloud/admin/organization/rest/. Paths include
the `/admin` of its server URL.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import Field

from landbridge.domain import addresses
from landbridge.domain.activity_io import AccountOutcome, AccountQuestion
from landbridge.domain.errors import ServiceRejected
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.integrations.http import Body, Request

MAX_SEARCHED, MAX_INVITED = 100, 25
"""Addresses in one call of `users/search` and of `users/invite`."""
MAX_SEARCHED_BY_ID = 10
"""Account ids in one call of `users/search`."""
REMOVED, NOT_THERE, MALFORMED = 204, 404, 400
"""Status codes of the response to a removal."""
MAX_WORKSPACES = 1000
EVERY_DIRECTORY = "-"
"""The directory id for all directories of the organization that the key may manage."""
INVITED = frozenset({200, 206})
"""200: all addresses were invited; 206: only some. The body lists the results."""
_REFUSED = frozenset({400, 409})
_CAUSED_BY_ONE_ADDRESS = frozenset({"ADMIN-UAM-400-1", "ADMIN-UAM-400-2", "ADMIN-UAM-409-2"})
"""Bad request, inactive user, conflict: errors of a whole call that a single address can cause."""
_INACTIVE_USER, _LICENCE_LIMIT = "ADMIN-UAM-400-2", "ADMIN-UAM-409-3"
_ORG_ADMIN, _SITE_ADMIN = "atlassian/org-admin", "atlassian/site-admin"
_SITE_ARI = re.compile(r"ari:cloud:[^:]*:[^:]*:site/([^/]+)")
_MAX_REASON_LENGTH = 200
_DEACTIVATED = text("The Atlassian account is deactivated: the organization that manages it must reactivate it.")
_PROBLEMS = {
    "inactive": _DEACTIVATED,
    "closed": text("The Atlassian account is closed: correct the address, or exclude the person."),
    "for_deletion": text("The Atlassian account is scheduled for deletion: its organization must cancel that."),
    "suspended": text("The person is suspended in the Atlassian organization: restore their access there."),
}
_Item = TypeVar("_Item")


class Links(Body):
    """The link to the next page."""

    next: str | None = None
    """A cursor, or a URL with the cursor in its query: the documentation describes both."""

    @property
    def cursor(self) -> str:
        """The cursor of the next page; empty on the last one."""
        found = parse_qs(urlsplit(self.next or "").query).get("cursor")
        return found[0] if found else self.next or ""


class Page(Body, Generic[_Item]):
    """One page of results."""

    data: list[_Item]
    links: Links = Links()


class User(Body):
    """A member of the organization."""

    account_id: str
    email: str | None = None
    email_verified: bool | None = None
    """The user verified the email after the account was created."""
    account_status: str | None = None
    membership_status: str | None = None
    status: str | None = None
    """A combination of the two statuses above, or `for_deletion`."""
    claim_status: str | None = None
    """`managed`: an organization manages the account; otherwise the person does."""
    platform_roles: list[str] = Field(default_factory=list)


class Directory(Body):
    """A user directory of the organization."""

    directory_id: str


class WorkspaceAttributes(Body):
    """The attributes of a workspace."""

    type_key: str | None = None
    """The product, such as `jira`."""
    host_url: str | None = None
    status: str | None = None
    capacity: int | None = None
    """Seats of the licence. Set for a site's products if licence data is available."""
    usage: int | None = None
    """Seats in use. Documented for Bitbucket only."""


class Workspace(Body):
    """One product on one site."""

    id: str
    attributes: WorkspaceAttributes


class RoleOnResource(Body):
    """A role on a resource."""

    role: str | None = None


class RoleAssignment(Body):
    """A person's roles on one resource."""

    resource_id: str | None = None
    role_assignments: list[RoleOnResource] = Field(default_factory=list)


class AssignmentResult(Body):
    """The result for one role or group of an invitation."""

    status: str | None = None
    status_reason: str | None = None


class InvitationResult(Body):
    """The results for all roles and groups of an invitation."""

    role_assignment_result: list[AssignmentResult] = Field(default_factory=list)
    group_assignment_result: list[AssignmentResult] = Field(default_factory=list)


class Invitation(Body):
    """The result for one invited address."""

    email: str
    id: str | None = None
    results: list[InvitationResult] = Field(default_factory=list)


class Invitations(Body):
    """The response to an invitation."""

    data: list[Invitation]


class Error(Body):
    """One error."""

    code: str | None = None


class Errors(Body):
    """The body of an error response."""

    errors: list[Error] = Field(default_factory=list)


@dataclass(frozen=True)
class Invited:
    """The result of an invitation for one person."""

    account_id: str = ""
    problem: Text = NO_TEXT
    """Why it failed, as a sentence."""
    mailed: bool = False
    """Atlassian mailed its own invitation."""


def search_request(org_id: str, emails: Iterable[str], cursor: str = "", *, platform_roles: bool = False) -> Request:
    """Request the members of the organization with these addresses, at most 100."""
    body: dict[str, object] = {"emails": list(dict.fromkeys(emails)), "limit": MAX_SEARCHED}
    if cursor:
        body["cursor"] = cursor
    if platform_roles:
        body["expand"] = ["platformRoles"]
    return Request("POST", f"{_organization(org_id)}/directories/{EVERY_DIRECTORY}/users/search", body=body)


def invite_request(org_id: str, emails: Iterable[str], *, mail: bool = False) -> Request:
    """Invite at most 25 addresses; with `mail`, Atlassian sends its own invitation to them."""
    body = {"emails": list(dict.fromkeys(emails)), "sendNotification": mail}
    return Request("POST", f"{_organization(org_id)}/users/invite", body=body, understood=INVITED | _REFUSED)


def search_by_id_request(org_id: str, account_ids: Iterable[str]) -> Request:
    """Request members of the organization by account id, at most 10."""
    body = {"accountIds": list(account_ids), "limit": MAX_SEARCHED}
    return Request("POST", f"{_organization(org_id)}/directories/{EVERY_DIRECTORY}/users/search", body=body)


def directories_request(org_id: str, cursor: str = "") -> Request:
    """Request the organization's directories."""
    query: dict[str, str | int] = {"cursor": cursor} if cursor else {}
    return Request("GET", f"{_organization(org_id)}/directories", query)


def remove_request(org_id: str, directory_id: str, account_id: str) -> Request:
    """Remove a person from one directory. `EVERY_DIRECTORY` is not documented for this call."""
    directory = f"{_organization(org_id)}/directories/{quote(directory_id, safe='')}"
    understood = frozenset({REMOVED, NOT_THERE, MALFORMED})
    return Request("DELETE", f"{directory}/users/{quote(account_id, safe='')}", understood=understood)


def workspaces_request(org_id: str, cursor: str = "") -> Request:
    """Request the organization's workspaces. With a cursor, the body has no other field."""
    body: dict[str, object] = {"cursor": cursor} if cursor else {"limit": MAX_WORKSPACES}
    return Request("POST", f"{_organization(org_id)}/workspaces", body=body)


def role_assignments_request(org_id: str, account_id: str, cursor: str = "") -> Request:
    """Request a person's roles on the organization's sites."""
    query: dict[str, str | int] = {"limit": 100}
    if cursor:
        query["cursor"] = cursor
    user = f"{_organization(org_id)}/directories/{EVERY_DIRECTORY}/users/{quote(account_id, safe='')}"
    return Request("GET", f"{user}/role-assignments", query)


def by_key(users: Iterable[User]) -> dict[str, User]:
    """Return users by the key of their address, which is the same for all its spellings."""
    return {addresses.key(user.email): user for user in users if user.email}


def outcome(question: AccountQuestion, user: User | None) -> AccountOutcome:
    """Return the outcome of a search for one person."""
    if user is None:
        return AccountOutcome(person=question.person, email=question.email)
    states = (user.account_status, user.status, user.membership_status)
    return AccountOutcome(
        person=question.person,
        email=question.email,
        account_id=user.account_id,
        verified=bool(user.email_verified),
        problem=next((_PROBLEMS[state] for state in states if state in _PROBLEMS), NO_TEXT),
    )


def outcome_after_invitation(question: AccountQuestion, user: User | None, invited: Invited) -> AccountOutcome:
    """Return the outcome of an invitation and the search after it, for a person who was not found before.

    A person with an account id was invited even if the search does not find them yet: Atlassian's directory lags
    behind. A verified account was not created by this invitation: it existed outside the organization.
    """
    if user is None:
        problem = invited.problem if not invited.account_id else NO_TEXT
        return AccountOutcome(
            person=question.person,
            email=question.email,
            account_id=invited.account_id,
            created=bool(invited.account_id),
            mailed=invited.mailed and not problem,
            problem=problem
            or (NO_TEXT if invited.account_id else text("Atlassian did not invite the address and gave no reason.")),
        )
    found = outcome(question, user)
    created = not found.verified and not found.problem
    return found.model_copy(update={"created": created, "mailed": created and invited.mailed})


def read_invitations(invitations: Invitations, *, mail: bool) -> dict[str, Invited]:
    """Return the result for each invited address, by its key; `mail` is the value in the request."""
    results = {addresses.key(each.email): _read_invitation(each) for each in invitations.data}
    return {key: replace(result, mailed=mail and not result.problem) for key, result in results.items()}


def read_refusal(status: int, errors: Errors) -> Text:
    """Return the problem of the person whose address made Atlassian refuse a whole call.

    Raises:
        ServiceRejected: the refusal does not concern one person.

    """
    code = next((error.code for error in errors.errors if error.code), "")
    if code == _LICENCE_LIMIT:
        raise ServiceRejected(text("The Atlassian organization has no free seats (409): buy more seats."))
    if code not in _CAUSED_BY_ONE_ADDRESS:
        raise ServiceRejected(
            text(
                "Atlassian refuses to invite people ({status}): check the organization's licences.",
                status=status,
            )
        )
    return _DEACTIVATED if code == _INACTIVE_USER else text("Atlassian rejected the address: correct it.")


def sites_of(user: User, workspaces: Iterable[Workspace], assignments: Sequence[RoleAssignment]) -> list[Site]:
    """Return each site on which a person has a role; for an organization admin, every site.

    The platform role `atlassian/site-admin` does not name the site; the role assignments do. An organization admin
    is an admin of every site of the organization.
    """
    org_admin = _ORG_ADMIN in user.platform_roles
    roles: dict[str, set[str | None]] = {}
    for assignment in assignments:
        roles.setdefault(_cloud_id(assignment.resource_id), set()).update(r.role for r in assignment.role_assignments)
    sites: dict[str, Site] = {}
    for site in filter(None, map(site_of, workspaces)):
        if org_admin or site.id in roles:
            admin = org_admin or _SITE_ADMIN in roles[site.id]
            sites.setdefault(site.id, site.model_copy(update={"admin": admin}))
    return list(sites.values())


def site_of(workspace: Workspace) -> Site | None:
    """Return the site of a workspace; None if the workspace has no site, or is not online."""
    cloud_id, url = _cloud_id(workspace.id), urlsplit(workspace.attributes.host_url or "")
    if not cloud_id or url.scheme != "https" or not url.hostname or workspace.attributes.status != "online":
        return None
    return Site(id=cloud_id, name=url.hostname.split(".")[0], url=f"https://{url.netloc}")


def _organization(org_id: str) -> str:
    return f"/admin/v2/orgs/{quote(org_id, safe='')}"


def _cloud_id(resource: str | None) -> str:
    found = _SITE_ARI.fullmatch(resource or "")
    return found[1] if found else ""


def _read_invitation(invitation: Invitation) -> Invited:
    for result in invitation.results:
        for assignment in [*result.role_assignment_result, *result.group_assignment_result]:
            if assignment.status == "ERROR":
                reason = "".join(c for c in assignment.status_reason or "no reason given" if c.isprintable())
                problem = text("Atlassian refused the invitation: {reason}", reason=reason[:_MAX_REASON_LENGTH])
                return Invited(invitation.id or "", problem)
    return Invited(invitation.id or "")

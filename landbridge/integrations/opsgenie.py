"""The roster from Opsgenie's REST API v2.

The one place where a connector itself waits and asks again: a roster counts only if all of its pages agree, and one
that is throttled page by page would never end if each trouble sent it back to the first.

Source: the published document https://docs.opsgenie.com/docs/opsgenie-openapi (getInfo, listUsers and
getUser).
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Self
from urllib.parse import quote

from landbridge.domain import addresses, names, roster
from landbridge.domain.errors import BadInput, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.roster import ADMIN_ROLES, RosterPerson
from landbridge.domain.sign_in import SignedIn
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.integrations.http import Body, Request, Transport

NAME = "Opsgenie"
SETTINGS = "LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY"
PAGE = 100
"""Users in one answer; Opsgenie gives no more."""
MAX_PAUSE = 60.0
"""Seconds that are waited before one page is asked for again; Opsgenie throttles by the second and by the minute."""
PAUSES = 1200.0
"""Seconds that one reading waits in all: with its calls it stays below the half hour that Temporal gives it."""
FIRST_PAUSE = 0.2
"""Seconds, where Opsgenie asks for none; four times as long after each further trouble with the same page."""
MAX_ATTEMPTS = 5
"""Of one page."""
_MAX_NAME_LENGTH = 512
_OK, _NOT_FOUND = 200, 404
_REFUSALS = {
    # "Key format is not valid!": what a key with a part missing, or something else in its place, is answered.
    422: Text(
        "{neighbour} does not accept a value in the request (422), most likely the API key: set "
        "LANDBRIDGE_OPSGENIE_API_KEY to the key as the API integration shows it."
    ),
}


class Account(Body):
    """The Opsgenie account that the key belongs to."""

    name: str


class AccountAnswer(Body):
    """The answer to `GET /v2/account`."""

    data: Account


class Role(Body):
    """A user's role."""

    name: str | None = None


class User(Body):
    """A user, as far as we care. Only the id must be there: a user who lacks anything else is a row with a problem."""

    id: str
    username: str | None = None
    full_name: str | None = None
    role: Role | None = None
    verified: bool | None = None
    blocked: bool | None = None
    locale: str | None = None


class UsersPage(Body):
    """The answer to `GET /v2/users`. Its `paging` links are not followed: they could lead anywhere."""

    data: list[User]
    total_count: int


class UserAnswer(Body):
    """The answer to `GET /v2/users/{identifier}`."""

    data: User


def account_request() -> Request:
    """Ask which Opsgenie account the key belongs to."""
    return Request("GET", "/v2/account")


def page_request(offset: int) -> Request:
    """Ask for a page of users, in the order in which they were created: whoever joins meanwhile comes last."""
    query: dict[str, str | int] = {"limit": PAGE, "offset": offset, "sortField": "insertedAt", "order": "asc"}
    return Request("GET", "/v2/users", query)


def user_request(username: str) -> Request:
    """Ask for one user."""
    return Request("GET", f"/v2/users/{quote(username, safe='')}", understood=frozenset({_OK, _NOT_FOUND}))


def person_of(user: User, sso_domains: Collection[str]) -> RosterPerson:
    """Return the roster's row for a user; `sso_domains` are normalised."""
    found = user.username or ""
    try:
        email, problem = addresses.normalise(found), NO_TEXT
    except BadInput as error:
        email, problem = found, addresses.unusable(error)
    return RosterPerson(
        email=email,
        name=_name(user.full_name or ""),
        role=((user.role and user.role.name) or "user").casefold(),
        email_verified=bool(user.verified),
        blocked=bool(user.blocked),
        sso=email.rpartition("@")[2] in sso_domains,
        locale=user.locale or "",
        problem=problem,
    )


class OpsgenieRoster:
    """The port `RosterSource` on Opsgenie."""

    def __init__(self, url: str, api_key: str, sso_domains: Sequence[str] = (), *, per_second: float = 0) -> None:
        self._transport = Transport(
            NAME, url, f"GenieKey {api_key}", settings=SETTINGS, refusals=_REFUSALS, per_second=per_second
        )
        self._sso_domains = frozenset(_domain(name) for name in sso_domains)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def look(self) -> tuple[str, int]:
        """Return the name of the key's account and the number of its users, whom the key may list."""
        account = (await self._transport.send(account_request())).read(AccountAnswer).data
        return account.name, (await self._page(0)).total_count

    async def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List everyone once; see the port. Nobody is listed before all pages were read and agree with each other."""
        account = (await self._transport.send(account_request())).read(AccountAnswer).data
        if account.name != opsgenie_account:
            raise Refused(
                text(
                    "The Opsgenie API key belongs to another Opsgenie account than {opsgenie_account}: name the "
                    "account just as Opsgenie does, or set a key of that account.",
                    opsgenie_account=repr(opsgenie_account),
                )
            )
        people = [person_of(user, self._sso_domains) for user in await self._users()]
        for person in roster.mark_duplicates(people):
            yield person

    async def find_admin(self, email: str) -> SignedIn | None:
        """Look up one address; see the port."""
        answer = await self._transport.send(user_request(email))
        if answer.status == _NOT_FOUND:
            return None
        person = person_of(answer.read(UserAnswer).data, self._sso_domains)
        # Asked by name, Opsgenie also answers to ids.
        if person.problem or person.blocked or person.key != addresses.key(email) or person.role not in ADMIN_ROLES:
            return None
        account = (await self._transport.send(account_request())).read(AccountAnswer).data
        return SignedIn(
            email=person.email,
            name=person.name,
            role=person.role,
            opsgenie_account=account.name,
            locale=person.locale,
        )

    async def _users(self) -> list[User]:
        page = await self._page(0)
        if page.total_count > roster.MAX_PEOPLE:
            raise ServiceRejected(
                text(
                    "Opsgenie says that the account has {total_count} users, and Landbridge moves at most "
                    "{max_people}: check that the URL and the API key are those of Opsgenie.",
                    total_count=f"{page.total_count:,}",
                    max_people=f"{roster.MAX_PEOPLE:,}",
                )
            )
        total, offset = page.total_count, len(page.data)
        users = {user.id: user for user in page.data}
        patience = PAUSES
        # A page without anybody, or beyond what was announced, ends it: pages that repeat cannot lead round for ever.
        while page.data and page.total_count == total and offset < total:
            page, patience = await self._page_patiently(offset, patience)
            offset += len(page.data)
            users.update((user.id, user) for user in page.data)
        if not page.total_count == total == len(users):
            raise ServiceUnavailable(
                text("Opsgenie's list of users changed while it was read, or does not add up: it has to be read again.")
            )
        return list(users.values())

    async def _page_patiently(self, offset: int, patience: float) -> tuple[UsersPage, float]:
        """Return a page, and the seconds of `patience` that are left after waiting for it.

        Raises:
            ServiceUnavailable: it did not come in `MAX_ATTEMPTS`, or we are asked to wait longer than that is worth.

        """
        for attempt in range(MAX_ATTEMPTS):
            try:
                return await self._page(offset), patience
            except ServiceUnavailable as problem:
                pause = FIRST_PAUSE * 4**attempt if problem.retry_after is None else problem.retry_after
                if attempt + 1 == MAX_ATTEMPTS or pause > min(MAX_PAUSE, patience):
                    raise
                patience -= pause
                await asyncio.sleep(pause)
        raise AssertionError("the last try returns or raises")

    async def _page(self, offset: int) -> UsersPage:
        return (await self._transport.send(page_request(offset))).read(UsersPage)


def _name(full_name: str) -> str:
    """Return a name as people write it; none where there is nothing to see, so that the address stands in for it."""
    name = " ".join(full_name.split())[:_MAX_NAME_LENGTH]
    return name if names.is_visible(name) else ""


def _domain(name: str) -> str:
    return addresses.normalise(f"someone@{name}").rpartition("@")[2]

"""Read the roster from Opsgenie's REST API v2.

This is the only connector that retries requests itself: a roster is valid only if all of its pages agree, and a roster
whose pages are rate limited would never complete if every error restarted it at the first page.

Source: the published document https://docs.opsgenie.com/docs/opsgenie-openapi (getInfo, listUsers and getUser).
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
SETTINGS = text("LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY")
PAGE_SIZE = 100
"""Users on one page: Opsgenie's maximum."""
MAX_WAIT = 60.0
"""Longest wait in seconds before a retry; Opsgenie has rate limits per second and per minute."""
MAX_TOTAL_WAIT = 1200.0
"""Maximum total wait of one reading, in seconds. With its calls, a reading stays below the activity's timeout of half
an hour."""
FIRST_BACKOFF = 0.2
"""Seconds before the first retry of a page, if Opsgenie requests no wait; each further wait is four times as long."""
MAX_ATTEMPTS = 5
"""Attempts to read one page."""
_MAX_NAME_LENGTH = 512
_OK, _NOT_FOUND = 200, 404
_REFUSALS = {
    # "Key format is not valid!": the response to a truncated or wrong key.
    422: Text(
        "{service} rejected a value in the request (422), most likely the API key: set "
        "LANDBRIDGE_OPSGENIE_API_KEY to the key as the API integration shows it."
    ),
}


class Account(Body):
    """The Opsgenie account that the key belongs to."""

    name: str


class AccountResult(Body):
    """The response to `GET /v2/account`."""

    data: Account


class Role(Body):
    """A user's role."""

    name: str | None = None


class User(Body):
    """The fields of a user that we read. Only the id is required: without an address, the row has a problem."""

    id: str
    username: str | None = None
    full_name: str | None = None
    role: Role | None = None
    verified: bool | None = None
    blocked: bool | None = None
    locale: str | None = None


class UsersPage(Body):
    """The response to `GET /v2/users`. Its `paging` links are not followed: they could point anywhere."""

    data: list[User]
    total_count: int


class UserResult(Body):
    """The response to `GET /v2/users/{identifier}`."""

    data: User


def account_request() -> Request:
    """Request the Opsgenie account of the key."""
    return Request("GET", "/v2/account")


def page_request(offset: int) -> Request:
    """Request a page of users in the order of their creation, so that users who join during the reading come last."""
    query: dict[str, str | int] = {"limit": PAGE_SIZE, "offset": offset, "sortField": "insertedAt", "order": "asc"}
    return Request("GET", "/v2/users", query)


def user_request(username: str) -> Request:
    """Request one user."""
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
    """The port `RosterSource` for Opsgenie."""

    def __init__(self, url: str, api_key: str, sso_domains: Sequence[str] = (), *, per_second: float = 0) -> None:
        self._transport = Transport(
            NAME, url, f"GenieKey {api_key}", settings=SETTINGS, refusals=_REFUSALS, per_second=per_second
        )
        self._sso_domains = frozenset(_domain(name) for name in sso_domains)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def check(self) -> tuple[str, int]:
        """Check that the key may list users; return the name of its Opsgenie account and the number of users."""
        account = (await self._transport.send(account_request())).read(AccountResult).data
        return account.name, (await self._page(0)).total_count

    async def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List each person once; see the port. Nothing is yielded until all pages are read and agree."""
        account = (await self._transport.send(account_request())).read(AccountResult).data
        if account.name != opsgenie_account:
            raise Refused(
                text(
                    "The Opsgenie API key belongs to an Opsgenie account other than {opsgenie_account}: name "
                    "the account exactly as Opsgenie does, or set a key of that account.",
                    opsgenie_account=repr(opsgenie_account),
                )
            )
        people = [person_of(user, self._sso_domains) for user in await self._users()]
        for person in roster.mark_duplicates(people):
            yield person

    async def find_admin(self, email: str) -> SignedIn | None:
        """Look up one address; see the port."""
        response = await self._transport.send(user_request(email))
        if response.status == _NOT_FOUND:
            return None
        person = person_of(response.read(UserResult).data, self._sso_domains)
        # This endpoint also accepts ids, so the address is compared.
        if person.problem or person.blocked or person.key != addresses.key(email) or person.role not in ADMIN_ROLES:
            return None
        account = (await self._transport.send(account_request())).read(AccountResult).data
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
                    "Opsgenie reports {total_count} users for the account, and Landbridge migrates at most "
                    "{max_people}: check that the URL and the API key belong to Opsgenie.",
                    total_count=f"{page.total_count:,}",
                    max_people=f"{roster.MAX_PEOPLE:,}",
                )
            )
        total, offset = page.total_count, len(page.data)
        users = {user.id: user for user in page.data}
        wait_left = MAX_TOTAL_WAIT
        # The loop ends at the announced total, or at an empty page: repeated pages cannot make it endless.
        while page.data and page.total_count == total and offset < total:
            page, wait_left = await self._page_with_retries(offset, wait_left)
            offset += len(page.data)
            users.update((user.id, user) for user in page.data)
        if not page.total_count == total == len(users):
            raise ServiceUnavailable(
                text(
                    "Opsgenie's list of users changed while it was being read, or is inconsistent: it must "
                    "be read again."
                )
            )
        return list(users.values())

    async def _page_with_retries(self, offset: int, wait_left: float) -> tuple[UsersPage, float]:
        """Return a page, and the rest of `wait_left`, the seconds that may still be spent waiting.

        Raises:
            ServiceUnavailable: `MAX_ATTEMPTS` attempts failed, or Opsgenie requests a longer wait than is left.

        """
        for attempt in range(MAX_ATTEMPTS):
            try:
                return await self._page(offset), wait_left
            except ServiceUnavailable as problem:
                wait = FIRST_BACKOFF * 4**attempt if problem.retry_after is None else problem.retry_after
                if attempt + 1 == MAX_ATTEMPTS or wait > min(MAX_WAIT, wait_left):
                    raise
                wait_left -= wait
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _page(self, offset: int) -> UsersPage:
        return (await self._transport.send(page_request(offset))).read(UsersPage)


def _name(full_name: str) -> str:
    """Return a name with normalised spaces; empty if no character is visible, so that the address is shown instead."""
    name = " ".join(full_name.split())[:_MAX_NAME_LENGTH]
    return name if names.is_visible(name) else ""


def _domain(name: str) -> str:
    return addresses.normalise(f"someone@{name}").rpartition("@")[2]

"""Atlassian accounts and sites through the Organizations API.

This module sends requests; `integrations.atlassian.organizations` builds them and parses the responses.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Self, TypeVar

from landbridge.domain import addresses
from landbridge.domain.activity_io import AccountOutcome, AccountQuestion, Revocation, Undone
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.domain.sites import Site
from landbridge.domain.survey import AccountLookup, Seats
from landbridge.domain.text import text
from landbridge.integrations.atlassian import organization_survey as survey
from landbridge.integrations.atlassian import organizations
from landbridge.integrations.atlassian.organizations import (
    Directory,
    Invited,
    Page,
    RoleAssignment,
    User,
    Workspace,
)
from landbridge.integrations.http import Body, Request, Transport

NAME = "Atlassian"
SETTINGS = "LANDBRIDGE_ATLASSIAN_URL, LANDBRIDGE_ATLASSIAN_API_KEY and LANDBRIDGE_ATLASSIAN_ORG_ID"
_Item = TypeVar("_Item", bound=Body)
_One = TypeVar("_One")
_Done = Callable[[list[AccountOutcome]], None]


class AtlassianDirectory:
    """The ports `AccountDirectory`, `Invitations` and `DirectorySurvey` on one Atlassian organization.

    `url` is without the `/admin` of the API's paths; `api_key` is the organization's. With `sends_invitations`,
    Atlassian mails its own invitation to people who may be mailed and for whom an account is created.
    """

    def __init__(
        self, url: str, api_key: str, org_id: str, *, sends_invitations: bool = False, per_second: float = 0
    ) -> None:
        self._transport = Transport(NAME, url, f"Bearer {api_key}", settings=SETTINGS, per_second=per_second)
        self._org_id = org_id
        self._sends_invitations = sends_invitations

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def find(self, questions: Sequence[AccountQuestion], done: _Done) -> None:
        """Look up accounts, 100 in one call; see the port."""
        for some in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(some)
            done([organizations.outcome(question, users.get(_key(question))) for question in some])

    async def ensure(self, questions: Sequence[AccountQuestion], done: _Done) -> None:
        """Look up accounts, invite whoever has none, 25 in one call, and look again; see the port.

        Whatever an invitation answers, what was found before and is found after it decides: a lost answer creates
        nothing twice. An account outside the organization is adopted by the same invitation.
        """
        for some in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(some)
            if there := [organizations.outcome(one, users[_key(one)]) for one in some if _key(one) in users]:
                done(there)
            if missing := [one for one in some if _key(one) not in users]:
                await self._create(missing, done)

    async def sites(self, email: str) -> list[Site]:
        """List the organization's sites on which this address has a role, or all of them for an organization admin."""
        org_id = self._org_id
        users = await self._all(
            User, lambda cursor: organizations.search_request(org_id, [email], cursor, platform_roles=True)
        )
        user = organizations.by_key(users).get(addresses.key(email))
        if user is None:
            return []
        workspaces = await self._all(Workspace, lambda cursor: organizations.workspaces_request(org_id, cursor))
        assignments = await self._all(
            RoleAssignment, lambda cursor: organizations.role_assignments_request(org_id, user.account_id, cursor)
        )
        return organizations.sites_of(user, workspaces, assignments)

    async def revoke(self, account_ids: Sequence[str], done: Callable[[list[Revocation]], None]) -> None:
        """Remove accounts, ten at a time: each ten are looked up right before, so that no verified one is touched."""
        directories = await self._all(Directory, lambda cursor: organizations.directories_request(self._org_id, cursor))
        for some in _batches(account_ids, organizations.MAX_SEARCHED_BY_ID):
            # Ten at most are on one page.
            answer = await self._transport.send(organizations.search_by_id_request(self._org_id, some))
            members = {user.account_id: bool(user.email_verified) for user in answer.read(Page[User]).data}
            for account_id in some:
                verified = members.get(account_id)
                if verified is None:
                    outcome = Undone.REVOKED
                else:
                    outcome = Undone.KEPT if verified else await self._remove(account_id, directories)
                done([Revocation(account_id=account_id, outcome=outcome)])

    async def _remove(self, account_id: str, directories: Sequence[Directory]) -> Undone:
        requests = [organizations.remove_request(self._org_id, one.directory_id, account_id) for one in directories]
        answers = [(await self._transport.send(request)).status for request in requests]
        return Undone.REVOKED if organizations.REMOVED in answers else Undone.FAILED

    async def lookups(self, emails: Iterable[str]) -> AsyncIterator[AccountLookup]:
        """Say how addresses stand, 100 in one call; see the port."""
        domains = await self._all(survey.Domain, lambda cursor: survey.domains_request(self._org_id, cursor))
        own = survey.verified_domains(domains)
        questions = [AccountQuestion(person=number, email=email) for number, email in enumerate(emails)]
        for some in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(some)
            for one in some:
                user = users.get(_key(one))
                yield survey.standing(one.email, user, organizations.outcome(one, user), own)

    async def seats(self) -> list[Seats]:
        """List the licences; one more call for each that Atlassian limits without saying what of it is used."""
        workspaces = await self._all(Workspace, lambda cursor: organizations.workspaces_request(self._org_id, cursor))
        found = [survey.seats_of(workspace, await self._used(workspace)) for workspace in workspaces]
        return [seats for seats in found if seats is not None]

    async def _used(self, workspace: Workspace) -> int | None:
        said = workspace.attributes
        if said.usage is not None or said.capacity is None or organizations.site_of(workspace) is None:
            return said.usage
        answer = await self._transport.send(survey.user_count_request(self._org_id, workspace.id))
        return answer.read(survey.UserCount).count

    async def _search(self, questions: Sequence[AccountQuestion]) -> dict[str, User]:
        emails = [question.email for question in questions]
        users = await self._all(User, lambda cursor: organizations.search_request(self._org_id, emails, cursor))
        return organizations.by_key(users)

    async def _create(self, missing: Sequence[AccountQuestion], done: _Done) -> None:
        """Invite people who were not found, and look again; trouble does not make us forget whom it did not stop."""
        mailed = [one for one in missing if self._sends_invitations and one.may_be_mailed]
        unmailed = [one for one in missing if one not in mailed]
        calls = [
            (few, group is mailed) for group in (mailed, unmailed) for few in _batches(group, organizations.MAX_INVITED)
        ]
        asked: list[AccountQuestion] = []
        invited: dict[str, Invited] = {}
        problem: ServiceUnavailable | ServiceRejected | None = None
        for few, mail in calls:
            try:
                invited.update(await self._invite(few, mail=mail))
            except (ServiceUnavailable, ServiceRejected) as error:
                problem = error
                break
            asked += few
        if asked:
            found = await self._search(asked)
            done(
                [
                    organizations.outcome_after_invitation(one, found.get(_key(one)), invited.get(_key(one), Invited()))
                    for one in asked
                ]
            )
        if problem is not None:
            raise problem

    async def _invite(self, questions: Sequence[AccountQuestion], *, mail: bool) -> dict[str, Invited]:
        """Invite people; return what became of each by the key of the address."""
        emails = [question.email for question in questions]
        answer = await self._transport.send(organizations.invite_request(self._org_id, emails, mail=mail))
        if answer.status in organizations.INVITED:
            return organizations.read_invitations(answer.read(organizations.Invitations), mail=mail)
        problem = organizations.read_refusal(answer.status, answer.read(organizations.Errors))
        if len(questions) == 1:
            return {_key(questions[0]): Invited(problem=problem)}
        # One of them spoils the call for all, and the answer does not say who.
        half = len(questions) // 2
        return {
            **await self._invite(questions[:half], mail=mail),
            **await self._invite(questions[half:], mail=mail),
        }

    async def _all(self, model: type[_Item], request: Callable[[str], Request]) -> list[_Item]:
        """Read all pages of anything; a cursor that comes again would lead round for ever."""
        items: list[_Item] = []
        cursor, seen = "", set[str]()
        while cursor not in seen:
            seen.add(cursor)
            page = (await self._transport.send(request(cursor))).read(Page[model])  # type: ignore[valid-type]  # made at run time
            items += page.data
            cursor = page.links.cursor
            if not cursor:
                return items
        raise ServiceUnavailable(text("Atlassian's pages lead round in a circle: they have to be read again."))


def _key(question: AccountQuestion) -> str:
    return addresses.key(question.email)


def _batches(all_of_them: Sequence[_One], size: int) -> Iterator[Sequence[_One]]:
    for start in range(0, len(all_of_them), size):
        yield all_of_them[start : start + size]

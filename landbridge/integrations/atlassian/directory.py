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
SETTINGS = text("LANDBRIDGE_ATLASSIAN_URL, LANDBRIDGE_ATLASSIAN_API_KEY and LANDBRIDGE_ATLASSIAN_ORG_ID")
_Item = TypeVar("_Item", bound=Body)
_Element = TypeVar("_Element")


class AtlassianDirectory:
    """Implements the ports `AccountDirectory` and `Invitations` for one Atlassian organization; also used by `plan`.

    `url` excludes the `/admin` of the API's paths; `api_key` is the organization's. With `sends_invitations`, Atlassian
    mails its own invitation to each person who may be mailed and whose account is created.
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

    async def find(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up accounts, 100 in one call; see the port."""
        for batch in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(batch)
            yield [organizations.outcome(question, users.get(_key(question))) for question in batch]

    async def ensure(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up accounts, invite people without one, 25 in one call, and look them up again; see the port.

        The lookups before and after an invitation show who has an account, even if the response to it is lost. So
        nothing is created twice. An invitation also adopts an account outside the organization.
        """
        for batch in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(batch)
            if found := [organizations.outcome(each, users[_key(each)]) for each in batch if _key(each) in users]:
                yield found
            if missing := [each for each in batch if _key(each) not in users]:
                async for created in self._create(missing):
                    yield created

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

    async def revoke(self, account_ids: Sequence[str]) -> AsyncIterator[Revocation]:
        """Remove accounts in batches of ten. Each batch is looked up first, so that no verified account is removed."""
        directories = await self._all(Directory, lambda cursor: organizations.directories_request(self._org_id, cursor))
        for batch in _batches(account_ids, organizations.MAX_SEARCHED_BY_ID):
            # Ten accounts fit on one page.
            response = await self._transport.send(organizations.search_by_id_request(self._org_id, batch))
            members = {user.account_id: bool(user.email_verified) for user in response.read(Page[User]).data}
            for account_id in batch:
                verified = members.get(account_id)
                if verified is None:
                    outcome = Undone.REVOKED
                else:
                    outcome = Undone.KEPT if verified else await self._remove(account_id, directories)
                yield Revocation(account_id=account_id, outcome=outcome)

    async def _remove(self, account_id: str, directories: Sequence[Directory]) -> Undone:
        requests = [organizations.remove_request(self._org_id, each.directory_id, account_id) for each in directories]
        statuses = [(await self._transport.send(request)).status for request in requests]
        return Undone.REVOKED if organizations.REMOVED in statuses else Undone.FAILED

    async def lookups(self, emails: Iterable[str]) -> AsyncIterator[AccountLookup]:
        """Yield the state of each address in order, with duplicates; changes nothing.

        Costs one call for each 100 addresses, and one for the organization's domains.
        """
        domains = await self._all(survey.Domain, lambda cursor: survey.domains_request(self._org_id, cursor))
        own = survey.verified_domains(domains)
        questions = [AccountQuestion(person=number, email=email) for number, email in enumerate(emails)]
        for batch in _batches(questions, organizations.MAX_SEARCHED):
            users = await self._search(batch)
            for question in batch:
                user = users.get(_key(question))
                yield survey.lookup(question.email, user, organizations.outcome(question, user), own)

    async def seats(self) -> list[Seats]:
        """List the licences of the organization's online sites, one for each product on each site; changes nothing.

        Each licence that has a limit but no usage data takes one more call.
        """
        workspaces = await self._all(Workspace, lambda cursor: organizations.workspaces_request(self._org_id, cursor))
        found = [survey.seats_of(workspace, await self._used(workspace)) for workspace in workspaces]
        return [seats for seats in found if seats is not None]

    async def _used(self, workspace: Workspace) -> int | None:
        licence = workspace.attributes
        if licence.usage is not None or licence.capacity is None or organizations.site_of(workspace) is None:
            return licence.usage
        response = await self._transport.send(survey.user_count_request(self._org_id, workspace.id))
        return response.read(survey.UserCount).count

    async def _search(self, questions: Sequence[AccountQuestion]) -> dict[str, User]:
        emails = [question.email for question in questions]
        users = await self._all(User, lambda cursor: organizations.search_request(self._org_id, emails, cursor))
        return organizations.by_key(users)

    async def _create(self, missing: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Invite people who were not found, and look them up again.

        If one call fails, yield the outcomes of the calls that succeeded, then re-raise.
        """
        mailed = [each for each in missing if self._sends_invitations and each.may_be_mailed]
        unmailed = [each for each in missing if each not in mailed]
        calls = [
            (batch, group is mailed)
            for group in (mailed, unmailed)
            for batch in _batches(group, organizations.MAX_INVITED)
        ]
        done: list[AccountQuestion] = []
        invited: dict[str, Invited] = {}
        problem: ServiceUnavailable | ServiceRejected | None = None
        for batch, mail in calls:
            try:
                invited.update(await self._invite(batch, mail=mail))
            except (ServiceUnavailable, ServiceRejected) as error:
                problem = error
                break
            done += batch
        if done:
            found = await self._search(done)
            yield [
                organizations.outcome_after_invitation(each, found.get(_key(each)), invited.get(_key(each), Invited()))
                for each in done
            ]
        if problem is not None:
            raise problem

    async def _invite(self, questions: Sequence[AccountQuestion], *, mail: bool) -> dict[str, Invited]:
        """Invite people; return each result by the key of the address."""
        emails = [question.email for question in questions]
        response = await self._transport.send(organizations.invite_request(self._org_id, emails, mail=mail))
        if response.status in organizations.INVITED:
            return organizations.read_invitations(response.read(organizations.Invitations), mail=mail)
        problem = organizations.read_refusal(response.status, response.read(organizations.Errors))
        if len(questions) == 1:
            return {_key(questions[0]): Invited(problem=problem)}
        # One address makes the whole call fail, and the response does not say which.
        half = len(questions) // 2
        return {
            **await self._invite(questions[:half], mail=mail),
            **await self._invite(questions[half:], mail=mail),
        }

    async def _all(self, model: type[_Item], request: Callable[[str], Request]) -> list[_Item]:
        """Read all pages. Stop with an error if a cursor repeats, because the loop would be endless."""
        items: list[_Item] = []
        cursor, seen = "", set[str]()
        while cursor not in seen:
            seen.add(cursor)
            page = (await self._transport.send(request(cursor))).read(Page[model])  # type: ignore[valid-type]  # created at run time
            items += page.data
            cursor = page.links.cursor
            if not cursor:
                return items
        raise ServiceUnavailable(text("Atlassian's result pages repeat: they must be read again."))


def _key(question: AccountQuestion) -> str:
    return addresses.key(question.email)


def _batches(elements: Sequence[_Element], size: int) -> Iterator[Sequence[_Element]]:
    for start in range(0, len(elements), size):
        yield elements[start : start + size]

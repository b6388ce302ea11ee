"""One migration: what owners, admins and operators may ask of it."""

import asyncio
from datetime import datetime

from domain import addresses
from domain.errors import NotFound, Refused
from domain.messages import (
    ChooseSite,
    Confirm,
    CorrectEmail,
    Decided,
    Exclude,
    NameSite,
    Pause,
    PersonFact,
    Refresh,
    Resend,
    Resent,
    Resume,
    SetDeadline,
)
from domain.people import Actor, State
from domain.rules import AtDeadline
from domain.sites import NewSite
from steering.calls import UPDATE_SECONDS, told
from steering.standing import Standing
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

_AT_ONCE = 8
"""Cohorts that are asked something at the same time."""


class Migration(Standing):
    """The migration of one Opsgenie account, as one can steer it."""

    # Requests about the migration.

    async def choose_site(self, site: str, by: Actor) -> Decided:
        """Select an existing site."""
        async with told(self._what):
            return await self._handle.execute_update(
                SiteMigrationWorkflow.choose_site, ChooseSite(site=site, by=by), rpc_timeout=UPDATE_SECONDS
            )

    async def name_site(self, new_site: NewSite, by: Actor) -> Decided:
        """Name the site to create."""
        async with told(self._what):
            return await self._handle.execute_update(
                SiteMigrationWorkflow.name_site, NameSite(new_site=new_site, by=by), rpc_timeout=UPDATE_SECONDS
            )

    async def confirm(self, by: Actor) -> None:
        """Report the current task done."""
        async with told(self._what):
            await self._handle.execute_update(SiteMigrationWorkflow.confirm, Confirm(by=by), rpc_timeout=UPDATE_SECONDS)

    async def pause(self, reason: str, by: Actor) -> None:
        """Start nothing new until resumed."""
        async with told(self._what):
            await self._handle.execute_update(
                SiteMigrationWorkflow.pause, Pause(reason=reason, by=by), rpc_timeout=UPDATE_SECONDS
            )

    async def resume(self, by: Actor) -> None:
        """Go on."""
        async with told(self._what):
            await self._handle.execute_update(SiteMigrationWorkflow.resume, Resume(by=by), rpc_timeout=UPDATE_SECONDS)

    async def refresh(self, by: Actor) -> None:
        """Ask Opsgenie and Atlassian at once who joined, who verified, who has set up the account."""
        async with told(self._what):
            await self._handle.execute_update(SiteMigrationWorkflow.refresh, Refresh(by=by), rpc_timeout=UPDATE_SECONDS)

    async def set_deadline(self, deadline: datetime | None, at_deadline: AtDeadline, by: Actor) -> None:
        """Set another deadline, or none."""
        request = SetDeadline(deadline=deadline, at_deadline=at_deadline, by=by)
        async with told(self._what):
            await self._handle.execute_update(SiteMigrationWorkflow.set_deadline, request, rpc_timeout=UPDATE_SECONDS)

    # Requests about people.

    async def resend(self, email: str, by: Actor) -> Resent:
        """Send one person's mail again."""
        cohort = self._cohort(await self._cohort_number(email))
        async with told(self._what):
            return await cohort.execute_update(
                CohortWorkflow.resend, Resend(email=email, by=by), rpc_timeout=UPDATE_SECONDS
            )

    async def resend_all(self, state: State, by: Actor) -> Resent:
        """Send the mails of everyone in a state again, as far as the cool-down allows."""
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def one(number: int) -> Resent:
            async with at_once:
                return await self._cohort(number).execute_update(
                    CohortWorkflow.resend, Resend(state=state, by=by), rpc_timeout=UPDATE_SECONDS
                )

        async with told(self._what):
            answers = await asyncio.gather(*map(one, range(1, await self._number_of_cohorts() + 1)))
        return Resent(queued=sum(a.queued for a in answers), not_now=sum(a.not_now for a in answers))

    async def exclude(self, email: str, reason: str, by: Actor) -> None:
        """Take a person out of the migration."""
        cohort = self._cohort(await self._cohort_number(email))
        request = Exclude(email=email, reason=reason, by=by)
        async with told(self._what):
            await cohort.execute_update(CohortWorkflow.exclude, request, rpc_timeout=UPDATE_SECONDS)

    async def correct_email(self, email: str, new_email: str, by: Actor) -> None:
        """Give a person another address.

        Raises:
            Refused: the new address cannot be used, or is someone's already.

        """
        try:
            elsewhere = await self.person(new_email)
        except NotFound:
            elsewhere = None
        if elsewhere is not None and addresses.key(email) not in {
            addresses.key(known) for known in (elsewhere.person.email, *elsewhere.person.former_emails)
        }:
            raise Refused("The new address is someone's already.")
        cohort = self._cohort(await self._cohort_number(email))
        request = CorrectEmail(email=email, new_email=new_email, by=by)
        async with told(self._what):
            await cohort.execute_update(CohortWorkflow.correct_email, request, rpc_timeout=UPDATE_SECONDS)

    async def verify(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Opsgenie email is verified."""
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.email_verified, PersonFact(email=email, by=by))

    async def authenticate(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Atlassian account is set up."""
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.account_authenticated, PersonFact(email=email, by=by))

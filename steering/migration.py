"""One migration: what owners, admins and operators may ask of it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from temporalio.common import WorkflowIDConflictPolicy

from domain import addresses, ids
from domain.errors import NotFound, Refused
from domain.messages import (
    Cancel,
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
    UndoRequest,
)
from domain.people import Actor, State
from domain.rules import AtDeadline
from domain.sites import NewSite
from steering import runs
from steering.answers import RunState
from steering.calls import QUERY_SECONDS, answered, told
from steering.paging import AT_ONCE
from steering.standing import Standing, summarise
from workflows import options
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.undo import UndoWorkflow


class Migration(Standing):
    """The migration of one Opsgenie account, as one can steer it."""

    # Requests about the migration.

    async def choose_site(self, site: str, by: Actor) -> Decided:
        """Select an existing site."""
        return await answered(
            self._what,
            lambda id_: self._handle.execute_update(
                SiteMigrationWorkflow.choose_site, ChooseSite(site=site, by=by), id=id_
            ),
        )

    async def name_site(self, new_site: NewSite, by: Actor) -> Decided:
        """Name the site to create."""
        return await answered(
            self._what,
            lambda id_: self._handle.execute_update(
                SiteMigrationWorkflow.name_site, NameSite(new_site=new_site, by=by), id=id_
            ),
        )

    async def confirm(self, by: Actor) -> None:
        """Report the current task done."""
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.confirm, Confirm(by=by), id=id_)
        )

    async def pause(self, reason: str, by: Actor) -> None:
        """Start nothing new until resumed."""
        await answered(
            self._what,
            lambda id_: self._handle.execute_update(SiteMigrationWorkflow.pause, Pause(reason=reason, by=by), id=id_),
        )

    async def resume(self, by: Actor) -> None:
        """Go on."""
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.resume, Resume(by=by), id=id_)
        )

    async def refresh(self, by: Actor) -> None:
        """Ask Opsgenie and Atlassian at once who joined, who verified, who has set up the account."""
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.refresh, Refresh(by=by), id=id_)
        )

    async def set_deadline(self, deadline: datetime | None, at_deadline: AtDeadline, by: Actor) -> None:
        """Set another deadline, or none."""
        request = SetDeadline(deadline=deadline, at_deadline=at_deadline, by=by)
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.set_deadline, request, id=id_)
        )

    async def cancel(self, reason: str, by: Actor, *, undo: bool = False) -> None:
        """End the migration before its time; with `undo`, revoke the invitations that nobody has accepted.

        Both go on by themselves: `status` and `undo` say how far they are. An undo may also be asked for when a
        migration is over that was not completed.

        Raises:
            NotFound: it is over, or there never was one.
            Refused: it is cancelled already, or was completed.

        """
        request = Cancel(reason=reason, undo=undo, by=by)
        try:
            await answered(
                self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.cancel, request, id=id_)
            )
        except NotFound:
            if not undo:
                raise
            await self._start_undo(by)

    async def _start_undo(self, by: Actor) -> None:
        async with told(self._what):
            description = await self._handle.describe(rpc_timeout=QUERY_SECONDS)
            why_not = await self._handle.query(SiteMigrationWorkflow.why_not, by, rpc_timeout=QUERY_SECONDS)
        if why_not:
            raise Refused(why_not)
        if summarise(description).run_state is RunState.COMPLETED:
            raise Refused(f"The {self._what} was completed: there is nothing to undo.")
        request = UndoRequest(
            opsgenie_account=self._account,
            run=ids.run_of(runs.first_run_id(description)),
            cohorts=await self._number_of_cohorts(),
            by=by,
        )
        async with told(f"undo of the {self._what}"):
            await self._client.start_workflow(
                UndoWorkflow.run,
                request,
                id=ids.undo(self._account),
                task_queue=options.WORKFLOWS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"Undo of the migration of {self._account}",
            )

    # Requests about people.

    async def resend(self, *emails: str, by: Actor) -> Resent:
        """Send the mails of people again, as far as it is allowed; one who cannot get it does not stop the others.

        Raises:
            Refused, NotFound: only one was named, who cannot get it now or is not in the migration.

        """
        named: dict[int, dict[str, str]] = {}
        for email, number in zip(emails, await self._cohort_numbers(emails), strict=True):
            named.setdefault(number, {}).setdefault(addresses.key(email), email)
        many = sum(map(len, named.values())) > 1
        requests = {
            number: Resend(emails=list(people.values()), one_of_many=many, by=by) for number, people in named.items()
        }
        return await self._resend(requests)

    async def resend_all(self, state: State, by: Actor) -> Resent:
        """Send the mails of everyone in a state again, as far as the cool-down allows."""
        request = Resend(state=state, by=by)
        return await self._resend(dict.fromkeys(range(1, await self._number_of_cohorts() + 1), request))

    async def _resend(self, requests: Mapping[int, Resend]) -> Resent:
        at_once = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, request: Resend) -> Resent:
            cohort = self._cohort(number)
            async with at_once:
                return await answered(
                    self._what, lambda id_: cohort.execute_update(CohortWorkflow.resend, request, id=id_)
                )

        return sum(await asyncio.gather(*(one(*request) for request in requests.items())), Resent())

    async def exclude(self, email: str, reason: str, by: Actor) -> None:
        """Take a person out of the migration."""
        cohort = self._cohort(await self._cohort_number(email))
        request = Exclude(email=email, reason=reason, by=by)
        await answered(self._what, lambda id_: cohort.execute_update(CohortWorkflow.exclude, request, id=id_))

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
        await answered(self._what, lambda id_: cohort.execute_update(CohortWorkflow.correct_email, request, id=id_))

    async def verify(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Opsgenie email is verified."""
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.email_verified, PersonFact(email=email, by=by))

    async def authenticate(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Atlassian account is set up."""
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.account_authenticated, PersonFact(email=email, by=by))

"""One migration: what owners, admins and operators may ask of it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from temporalio.common import WorkflowIDConflictPolicy

from domain import addresses, ids, proof
from domain.audit import Act
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
from domain.people import Actor, Source, State
from domain.rules import AtDeadline
from domain.sites import NewSite
from steering.answers import RunState
from steering.calls import QUERY_SECONDS, answered, told
from steering.paging import AT_ONCE
from steering.standing import Standing, summarise
from workflows import options
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.undo import UndoWorkflow

_Request = TypeVar(
    "_Request",
    Cancel,
    ChooseSite,
    Confirm,
    CorrectEmail,
    Exclude,
    NameSite,
    Pause,
    PersonFact,
    Refresh,
    Resend,
    Resume,
    SetDeadline,
)


class Migration(Standing):
    """The migration of one Opsgenie account, as one can steer it."""

    # Requests about the migration.

    async def choose_site(self, site: str, by: Actor) -> Decided:
        """Select an existing site."""
        request = await self._proven(Act.CHOOSE_SITE, ChooseSite(site=site, by=by))
        return await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.choose_site, request, id=id_)
        )

    async def name_site(self, new_site: NewSite, by: Actor) -> Decided:
        """Name the site to create."""
        request = await self._proven(Act.NAME_SITE, NameSite(new_site=new_site, by=by))
        return await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.name_site, request, id=id_)
        )

    async def confirm(self, by: Actor) -> None:
        """Report the current task done."""
        request = await self._proven(Act.CONFIRM, Confirm(by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.confirm, request, id=id_)
        )

    async def pause(self, reason: str, by: Actor) -> None:
        """Start nothing new until resumed."""
        request = await self._proven(Act.PAUSE, Pause(reason=reason, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.pause, request, id=id_)
        )

    async def resume(self, by: Actor) -> None:
        """Go on."""
        request = await self._proven(Act.RESUME, Resume(by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.resume, request, id=id_)
        )

    async def refresh(self, by: Actor) -> None:
        """Ask Opsgenie and Atlassian at once who joined, who verified, who has set up the account."""
        request = await self._proven(Act.REFRESH, Refresh(by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.refresh, request, id=id_)
        )

    async def set_deadline(self, deadline: datetime | None, at_deadline: AtDeadline, by: Actor) -> None:
        """Set another deadline, or none."""
        request = await self._proven(Act.SET_DEADLINE, SetDeadline(deadline=deadline, at_deadline=at_deadline, by=by))
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
        request = await self._proven(Act.CANCEL, Cancel(reason=reason, undo=undo, by=by))
        try:
            await answered(
                self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.cancel, request, id=id_)
            )
        except NotFound:
            if not undo:
                raise
            await self._start_undo(request)

    async def _start_undo(self, asked: Cancel) -> None:
        async with told(self._what):
            description = await self._handle.describe(rpc_timeout=QUERY_SECONDS)
            why_not = await self._handle.query(SiteMigrationWorkflow.why_not, asked.by, rpc_timeout=QUERY_SECONDS)
        if why_not:
            raise Refused(why_not)
        if summarise(description).run_state is RunState.COMPLETED:
            raise Refused(f"The {self._what} was completed: there is nothing to undo.")
        request = UndoRequest(
            opsgenie_account=self._account,
            run=ids.run_of(description.run_id),
            cohorts=await self._number_of_cohorts(),
            asked=asked,
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
            number: await self._proven(Act.RESEND, Resend(emails=list(people.values()), one_of_many=many, by=by))
            for number, people in named.items()
        }
        return await self._resend(requests)

    async def resend_all(self, state: State, by: Actor) -> Resent:
        """Send the mails of everyone in a state again, as far as the cool-down allows."""
        request = await self._proven(Act.RESEND, Resend(state=state, by=by))
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
        request = await self._proven(Act.EXCLUDE, Exclude(email=email, reason=reason, by=by))
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
        request = await self._proven(Act.CORRECT_EMAIL, CorrectEmail(email=email, new_email=new_email, by=by))
        await answered(self._what, lambda id_: cohort.execute_update(CohortWorkflow.correct_email, request, id=id_))

    async def verify(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Opsgenie email is verified."""
        fact = await self._proven(Act.VERIFY, PersonFact(email=email, by=by))
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.email_verified, fact)

    async def authenticate(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Atlassian account is set up."""
        fact = await self._proven(Act.AUTHENTICATE, PersonFact(email=email, by=by))
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.account_authenticated, fact)

    async def _proven(self, act: Act, request: _Request) -> _Request:
        """Return a request with the proof that it is an admin's; every act on a migration that runs passes here."""
        if not self._proofs or request.by.source is not Source.ADMIN:
            return request
        where = proof.in_migration(self._account, await self._run())
        return request.model_copy(update={"by": self._proofs.of_request(request.by, act, request, where)})

"""One migration: what owners, admins and operators may ask of it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from landbridge.client.answers import MigrationSummary, RunState
from landbridge.client.calls import QUERY_SECONDS, answered, told
from landbridge.client.paging import AT_ONCE
from landbridge.client.reader import AccountLookup
from landbridge.domain import addresses, ids, proof, stale
from landbridge.domain.audit import Act
from landbridge.domain.errors import NotFound, Refused
from landbridge.domain.messages import (
    CANCELLED,
    Cancel,
    ChooseSite,
    Confirm,
    CorrectEmail,
    Deadline,
    Decided,
    Exclude,
    NameSite,
    Pause,
    PersonFact,
    Refresh,
    Request,
    Resend,
    Resent,
    Resume,
    RevokeInvitations,
    SetDeadline,
    Step,
    UndoRequest,
)
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import NewSite
from landbridge.domain.text import text, verbatim
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options
from workflows.undo import UndoWorkflow

_Request = TypeVar("_Request", bound=Request)


class Migration(AccountLookup):
    """The migration of one Opsgenie account, as one can steer it.

    Requests name `run`, the migration that their sender saw: another migration of the account refuses them. Without
    it, they mean whichever migration runs.
    """

    def __init__(self, client: Client, opsgenie_account: str, run: str = "", proofs: Proofs = NO_PROOFS) -> None:
        """`proofs`: see `AccountLookup`."""
        super().__init__(client, opsgenie_account, proofs)
        self._run = run

    # Requests about the migration.

    async def choose_site(self, site: str, by: Actor, *, task: str = "") -> Decided:
        """Select an existing site; `task` as in `domain.messages.ChooseSite`."""
        request = await self._proven(Act.CHOOSE_SITE, ChooseSite(site=site, task=task, run=self._run, by=by))
        return await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.choose_site, request, id=id_)
        )

    async def name_site(self, new_site: NewSite, by: Actor, *, task: str = "") -> Decided:
        """Name the site to create; `task` as in `domain.messages.ChooseSite`."""
        request = await self._proven(Act.NAME_SITE, NameSite(new_site=new_site, task=task, run=self._run, by=by))
        return await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.name_site, request, id=id_)
        )

    async def confirm(self, task: str, by: Actor) -> None:
        """Report a task done, by its id (`domain.messages.Progress.task_id`).

        Raises:
            Refused: the migration does not wait for this task, or none is named.

        """
        request = await self._proven(Act.CONFIRM, Confirm(task=task, run=self._run, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.confirm, request, id=id_)
        )

    async def pause(self, reason: str, by: Actor) -> None:
        """Start nothing new until resumed."""
        request = await self._proven(Act.PAUSE, Pause(reason=verbatim(reason), run=self._run, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.pause, request, id=id_)
        )

    async def resume(self, by: Actor, reason: str = "") -> None:
        """Go on; `reason` is that of the pause, if somebody asked for it.

        Raises:
            Refused: somebody paused it for another reason.

        """
        request = await self._proven(Act.RESUME, Resume(reason=reason, run=self._run, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.resume, request, id=id_)
        )

    async def refresh(self, by: Actor) -> None:
        """Ask Opsgenie and Atlassian at once who joined, who verified, who has set up the account."""
        request = await self._proven(Act.REFRESH, Refresh(run=self._run, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.refresh, request, id=id_)
        )

    async def set_deadline(
        self, deadline: datetime | None, at_deadline: AtDeadline, by: Actor, *, instead_of: Deadline | None = None
    ) -> None:
        """Set another deadline, or none; `instead_of` as in `domain.messages.SetDeadline`."""
        asked = SetDeadline(deadline=deadline, at_deadline=at_deadline, instead_of=instead_of, run=self._run, by=by)
        request = await self._proven(Act.SET_DEADLINE, asked)
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.set_deadline, request, id=id_)
        )

    async def cancel(self, reason: str, by: Actor, *, undo: bool = False) -> None:
        """End the migration before its time; with `undo`, revoke the invitations that nobody has accepted.

        Both go on by themselves: `status` and `undo` say how far they are.

        Raises:
            NotFound: it is over, or there never was one.
            Refused: it is cancelled already, or is being completed.

        """
        request = await self._proven(Act.CANCEL, Cancel(reason=reason, undo=undo, run=self._run, by=by))
        await answered(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.cancel, request, id=id_)
        )

    async def revoke_invitations(self, by: Actor) -> None:
        """Undo a migration that was cancelled or failed: revoke the invitations that nobody has accepted.

        It goes on by itself: `undo` says how far it is. A migration that runs is not touched.

        Raises:
            NotFound: there never was one.
            Refused: the migration runs or was completed, or its invitations are being revoked already.

        """
        request = await self._proven(Act.UNDO, RevokeInvitations(run=self._run, by=by))
        try:
            await answered(
                self._what,
                lambda id_: self._handle.execute_update(SiteMigrationWorkflow.revoke_invitations, request, id=id_),
            )
        except NotFound:
            await self._start_undo(request)

    async def _start_undo(self, asked: RevokeInvitations) -> None:
        summary = await self.seen()
        async with told(self._what):
            denial_reason = await self._handle.query(
                SiteMigrationWorkflow.denial_reason, asked.by, rpc_timeout=QUERY_SECONDS
            )
        if denial_reason:
            raise Refused(denial_reason)
        if summary.run_state is RunState.RUNNING and summary.step != CANCELLED:
            raise Refused(stale.STARTED_AGAIN)
        if summary.run_state is RunState.COMPLETED:
            raise Refused(text("The {what} was completed: there is nothing to undo.", what=self._what))
        request = UndoRequest(
            opsgenie_account=self._account,
            run=summary.run,
            cohorts=await self._number_of_cohorts(),
            asked=asked,
        )
        async with told(text("undo of the {what}", what=self._what)):
            await self._client.start_workflow(
                UndoWorkflow.run,
                request,
                id=ids.undo(self._account),
                task_queue=options.WORKFLOWS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"Undo of the migration of {self._account}",
            )

    async def seen(self) -> MigrationSummary:
        """Return what Temporal itself knows of the migration, if it is the one that the sender of a request saw.

        Raises:
            NotFound: there never was one.
            Refused: it was started again.

        """
        summary = await self.summary()
        if why := stale.another_run(self._run, summary.run):
            raise Refused(why)
        return summary

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
            number: await self._proven(
                Act.RESEND, Resend(emails=list(people.values()), one_of_many=many, run=self._run, by=by)
            )
            for number, people in named.items()
        }
        return await self._resend(requests)

    async def resend_all(self, state: State, by: Actor) -> Resent:
        """Send the mails of everyone in a state again, as far as the cool-down allows."""
        request = await self._proven(Act.RESEND, Resend(state=state, run=self._run, by=by))
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
        request = await self._proven(Act.EXCLUDE, Exclude(email=email, reason=reason, run=self._run, by=by))
        await answered(self._what, lambda id_: cohort.execute_update(CohortWorkflow.exclude, request, id=id_))

    async def correct_email(self, email: str, new_email: str, by: Actor) -> None:
        """Give a person another address.

        Raises:
            Refused: the new address cannot be used, or is someone's already.

        """
        if (await self.progress()).step is Step.INITIATE:
            # Cohorts that do not know everyone of theirs yet cannot say whose an address is; later, all of them can.
            raise Refused(text("The roster is being read; try again in a moment."))
        cohort = self._cohort(await self._cohort_number(email))
        request = await self._proven(
            Act.CORRECT_EMAIL, CorrectEmail(email=email, new_email=new_email, run=self._run, by=by)
        )
        await answered(self._what, lambda id_: cohort.execute_update(CohortWorkflow.correct_email, request, id=id_))

    async def verify(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Opsgenie email is verified."""
        fact = await self._proven(Act.VERIFY, PersonFact(email=email, run=(await self.seen()).run, by=by))
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.email_verified, fact)

    async def authenticate(self, email: str, by: Actor) -> None:
        """Record, by an admin's word, that someone's Atlassian account is set up."""
        fact = await self._proven(Act.AUTHENTICATE, PersonFact(email=email, run=(await self.seen()).run, by=by))
        async with told(self._what):
            await self._handle.signal(SiteMigrationWorkflow.account_authenticated, fact)

    async def _proven(self, act: Act, request: _Request) -> _Request:
        """Return a request with the proof that it is an admin's; every act on a migration that runs passes here."""
        if not self._proofs or request.by.source is not Source.ADMIN:
            return request
        where = proof.in_migration(self._account, await self._current_run())
        return request.model_copy(update={"by": self._proofs.of_request(request.by, act, request, where)})

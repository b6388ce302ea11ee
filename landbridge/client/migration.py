"""Sends the requests of owners, admins and operators to one migration and its cohorts."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from landbridge.client.answers import MigrationSummary, RunState
from landbridge.client.calls import QUERY_SECONDS, execute_update_once, translate_rpc_errors
from landbridge.client.paging import COHORT_CONCURRENCY
from landbridge.client.reader import MigrationReader
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


class Migration(MigrationReader):
    """Controls the migration of one Opsgenie account.

    Requests carry `run`, the migration that the sender saw: another migration of the account refuses them. Without
    `run`, they apply to whichever migration is running.
    """

    def __init__(self, client: Client, opsgenie_account: str, run: str = "", proofs: Proofs = NO_PROOFS) -> None:
        """`proofs`: see `MigrationReader`."""
        super().__init__(client, opsgenie_account, proofs)
        self._run = run

    # Requests about the migration.

    async def choose_site(self, site: str, by: Actor, *, task: str = "") -> Decided:
        """Choose an existing site; `task` as in `domain.messages.ChooseSite`."""
        request = await self._proven(Act.CHOOSE_SITE, ChooseSite(site=site, task=task, run=self._run, by=by))
        return await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.choose_site, request, id=id_)
        )

    async def name_site(self, new_site: NewSite, by: Actor, *, task: str = "") -> Decided:
        """Name the site to create; `task` as in `domain.messages.ChooseSite`."""
        request = await self._proven(Act.NAME_SITE, NameSite(new_site=new_site, task=task, run=self._run, by=by))
        return await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.name_site, request, id=id_)
        )

    async def confirm(self, task: str, by: Actor) -> None:
        """Report a task done, by its id (`domain.messages.Progress.task_id`).

        Raises:
            Refused: the migration does not wait for this task, or no task is named.

        """
        request = await self._proven(Act.CONFIRM, Confirm(task=task, run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.confirm, request, id=id_)
        )

    async def pause(self, reason: str, by: Actor) -> None:
        """Pause the migration: it starts nothing new until it is resumed."""
        request = await self._proven(Act.PAUSE, Pause(reason=verbatim(reason), run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.pause, request, id=id_)
        )

    async def resume(self, by: Actor, reason: str = "") -> None:
        """Resume a paused migration; `reason` is the reason of the pause, unless Landbridge paused it itself.

        Raises:
            Refused: the migration is paused for another reason.

        """
        request = await self._proven(Act.RESUME, Resume(reason=reason, run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.resume, request, id=id_)
        )

    async def refresh(self, by: Actor) -> None:
        """Read immediately from Opsgenie and Atlassian who joined, verified an email address or set up an account."""
        request = await self._proven(Act.REFRESH, Refresh(run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.refresh, request, id=id_)
        )

    async def set_deadline(
        self, deadline: datetime | None, at_deadline: AtDeadline, by: Actor, *, instead_of: Deadline | None = None
    ) -> None:
        """Change or remove the deadline; `instead_of` as in `domain.messages.SetDeadline`."""
        unproven = SetDeadline(deadline=deadline, at_deadline=at_deadline, instead_of=instead_of, run=self._run, by=by)
        request = await self._proven(Act.SET_DEADLINE, unproven)
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.set_deadline, request, id=id_)
        )

    async def cancel(self, reason: str, by: Actor, *, undo: bool = False) -> None:
        """Cancel the migration; with `undo`, also revoke the invitations that nobody has accepted.

        Both continue in the background: `status` and `undo` return their progress.

        Raises:
            NotFound: the migration is over, or does not exist.
            Refused: it has already been cancelled, or is being completed.

        """
        request = await self._proven(Act.CANCEL, Cancel(reason=reason, undo=undo, run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: self._handle.execute_update(SiteMigrationWorkflow.cancel, request, id=id_)
        )

    async def revoke_invitations(self, by: Actor) -> None:
        """Undo a cancelled or failed migration: revoke the invitations that nobody has accepted.

        The undo continues in the background: `undo` returns its progress. A running migration is not touched.

        Raises:
            NotFound: there is no such migration.
            Refused: the migration is running or was completed, or its invitations are already being revoked.

        """
        request = await self._proven(Act.UNDO, RevokeInvitations(run=self._run, by=by))
        try:
            await execute_update_once(
                self._what,
                lambda id_: self._handle.execute_update(SiteMigrationWorkflow.revoke_invitations, request, id=id_),
            )
        except NotFound:
            await self._start_undo(request)

    async def _start_undo(self, request: RevokeInvitations) -> None:
        summary = await self.expected_summary()
        async with translate_rpc_errors(self._what):
            denial_reason = await self._handle.query(
                SiteMigrationWorkflow.denial_reason, request.by, rpc_timeout=QUERY_SECONDS
            )
        if denial_reason:
            raise Refused(denial_reason)
        if summary.run_state is RunState.RUNNING and summary.step != CANCELLED:
            raise Refused(stale.STARTED_AGAIN)
        if summary.run_state is RunState.COMPLETED:
            raise Refused(text("The {what} was completed: there is nothing to undo.", what=self._what))
        undo = UndoRequest(
            opsgenie_account=self._account,
            run=summary.run,
            cohorts=await self._number_of_cohorts(),
            asked=request,
        )
        async with translate_rpc_errors(text("undo of the {what}", what=self._what)):
            await self._client.start_workflow(
                UndoWorkflow.run,
                undo,
                id=ids.undo(self._account),
                task_queue=options.WORKFLOWS,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                static_summary=f"Undo of the migration of {self._account}",
            )

    async def expected_summary(self) -> MigrationSummary:
        """Return what the Temporal server knows about the migration, if it is still the run that the sender saw.

        Raises:
            NotFound: there is no such migration.
            Refused: the migration was started again in the meantime.

        """
        summary = await self.summary()
        if reason := stale.run_mismatch(self._run, summary.run):
            raise Refused(reason)
        return summary

    # Requests about people.

    async def resend(self, *emails: str, by: Actor) -> Resent:
        """Resend people's emails; people who cannot get an email now are reported and do not affect the others.

        Raises:
            Refused, NotFound: the only person named cannot get an email now, or is not in the migration.

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
        """Resend the emails of everyone in a state whose resend cool-down is over."""
        request = await self._proven(Act.RESEND, Resend(state=state, run=self._run, by=by))
        return await self._resend(dict.fromkeys(range(1, await self._number_of_cohorts() + 1), request))

    async def _resend(self, requests: Mapping[int, Resend]) -> Resent:
        slots = asyncio.Semaphore(COHORT_CONCURRENCY)

        async def resend_in(number: int, request: Resend) -> Resent:
            cohort = self._cohort(number)
            async with slots:
                return await execute_update_once(
                    self._what, lambda id_: cohort.execute_update(CohortWorkflow.resend, request, id=id_)
                )

        return sum(await asyncio.gather(*(resend_in(*request) for request in requests.items())), Resent())

    async def exclude(self, email: str, reason: str, by: Actor) -> None:
        """Exclude a person from the migration."""
        cohort = self._cohort(await self._cohort_number(email))
        request = await self._proven(Act.EXCLUDE, Exclude(email=email, reason=reason, run=self._run, by=by))
        await execute_update_once(
            self._what, lambda id_: cohort.execute_update(CohortWorkflow.exclude, request, id=id_)
        )

    async def correct_email(self, email: str, new_email: str, by: Actor) -> None:
        """Replace a person's address.

        Raises:
            Refused: the new address cannot be used, or belongs to another person.

        """
        if (await self.progress()).step is Step.INITIATE:
            # Until the roster has been assigned, the cohorts do not know which addresses are taken.
            raise Refused(text("The roster is being read; try again in a moment."))
        cohort = self._cohort(await self._cohort_number(email))
        request = await self._proven(
            Act.CORRECT_EMAIL, CorrectEmail(email=email, new_email=new_email, run=self._run, by=by)
        )
        await execute_update_once(
            self._what, lambda id_: cohort.execute_update(CohortWorkflow.correct_email, request, id=id_)
        )

    async def verify(self, email: str, by: Actor) -> None:
        """Record an admin's statement that a person's Opsgenie email address is verified."""
        fact = await self._proven(Act.VERIFY, PersonFact(email=email, run=(await self.expected_summary()).run, by=by))
        async with translate_rpc_errors(self._what):
            await self._handle.signal(SiteMigrationWorkflow.email_verified, fact)

    async def authenticate(self, email: str, by: Actor) -> None:
        """Record an admin's statement that a person's Atlassian account is set up."""
        fact = await self._proven(
            Act.AUTHENTICATE, PersonFact(email=email, run=(await self.expected_summary()).run, by=by)
        )
        async with translate_rpc_errors(self._what):
            await self._handle.signal(SiteMigrationWorkflow.account_authenticated, fact)

    async def _proven(self, act: Act, request: _Request) -> _Request:
        """Sign a request that an admin made in the portal; every request to a running migration passes through here."""
        if not self._proofs or request.by.source is not Source.ADMIN:
            return request
        where = proof.in_migration(self._account, await self._current_run())
        return request.model_copy(update={"by": self._proofs.of_request(request.by, act, request, where)})

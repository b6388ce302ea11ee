"""What the portal's pages for owners and admins need of Temporal."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError

from landbridge.client import migrations
from landbridge.client.answers import RunState, Started
from landbridge.client.calls import QUERY_SECONDS, NoWorkerAnswers, answered, told
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.errors import LandbridgeError, NotFound, ServiceUnavailable, Untrusted
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.proof import NO_PROOFS, Proofs
from landbridge.domain.sign_in import (
    SESSION_CONFIRMED_FOR,
    SESSION_LIFETIME,
    SESSION_PROOF,
    AdminSession,
    Redeem,
    RoleQuestion,
    SignedIn,
    SignInClaims,
    SignInRequest,
)
from landbridge.platform.exits import TemporalUnreachable
from workflows.admin_session import AdminSessionWorkflow
from workflows.admin_sign_in import AdminSignInWorkflow
from workflows.site_migration import SiteMigrationWorkflow
from workflows.support import options

_ROLE_SECONDS = timedelta(seconds=2)
"""How long a page waits for the migration to say whether a role is lost; without a worker it is shown after that."""


class TemporalAdminClient:
    """The port `portal.clients.AdminClient`."""

    def __init__(self, client: Client, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` proves what owners and admins ask for, and that somebody is one: without keys nobody is."""
        self._client = client
        self._proofs = proofs

    async def request_sign_in_link(self, email: str, digest: str) -> None:
        """Have a link mailed to this address, if it is an owner's or admin's; durable without a worker.

        Whoever it is, this is one call that starts a sign-in or tells the one that runs.

        Raises:
            ServiceUnavailable: Temporal does not take it.

        """
        try:
            await self._client.start_workflow(
                AdminSignInWorkflow.run,
                SignInRequest(email=email),
                id=ids.sign_in(digest),
                task_queue=options.WORKFLOWS,
                start_signal="link_wanted",
                static_summary="Somebody signs in to the portal",
                rpc_timeout=QUERY_SECONDS,
            )
        except RPCError:
            raise ServiceUnavailable("Temporal does not take the sign-in.") from None

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Return the identity token of whoever signs in by this link; None: it does not work, or not any more.

        Raises:
            TemporalUnreachable: Temporal or the workers do not answer.

        """
        sign_in = self._client.get_workflow_handle_for(AdminSignInWorkflow.run, claims.sign_in_id, run_id=claims.run_id)
        redeem = Redeem(generation=claims.generation)
        try:
            return await answered(
                "sign-in", lambda id_: sign_in.execute_update(AdminSignInWorkflow.redeem, redeem, id=id_)
            )
        except TemporalUnreachable:
            raise
        except LandbridgeError:
            return None

    async def open_session(self, leader: SignedIn) -> str:
        """Open a session for whoever has signed in; return its id, which nobody can guess.

        Raises:
            TemporalUnreachable: Temporal does not answer; nobody is signed in.

        """
        session_id = secrets.token_hex(16)
        workflow_id, session = ids.session(session_id), _session(leader)
        async with told("session", QUERY_SECONDS):
            await self._client.start_workflow(
                AdminSessionWorkflow.run,
                session,
                id=workflow_id,
                memo={SESSION_PROOF: self._proofs.of_role(session, workflow_id)},
                task_queue=options.WORKFLOWS,
                execution_timeout=SESSION_LIFETIME,
                run_timeout=SESSION_CONFIRMED_FOR,
                static_summary="Somebody is signed in to the portal",
            )
        return session_id

    async def is_open(self, session_id: str, leader: SignedIn) -> bool:
        """Return whether a session is open; close it if the running migration knows that the role is lost.

        That its workflow runs is not enough, since others who can write to Temporal can start one, or answer for our
        worker: it holds the proof that Opsgenie has confirmed the role, which counts for as long as one of its runs.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        try:
            async with told("session", QUERY_SECONDS):
                session = await self._client.get_workflow_handle(ids.session(session_id)).describe()
                proof = str(await session.memo_value(SESSION_PROOF, ""))
        except (NotFound, Untrusted):
            return False
        if session.status is not WorkflowExecutionStatus.RUNNING:
            return False
        confirmed_at = self._proofs.role_confirmed_at(proof, _session(leader), ids.session(session_id))
        if confirmed_at is None or datetime.now(UTC) - confirmed_at > SESSION_CONFIRMED_FOR:
            return False
        # A run begins when Opsgenie has confirmed the role: just now, or, for the first one, when the link was mailed.
        # Its beginning is compared, not the proof's: rosters are dated by Temporal's clock as well.
        if await self._has_lost_role(leader, session.start_time):
            await self.close_session(session_id, "no owner or admin any more")
            return False
        return True

    async def _has_lost_role(self, leader: SignedIn, confirmed_at: datetime) -> bool:
        migration = self._client.get_workflow_handle_for(
            SiteMigrationWorkflow.run, ids.migration(leader.opsgenie_account)
        )
        question = RoleQuestion(email=leader.email, confirmed_at=confirmed_at)
        try:
            async with told("migration", _ROLE_SECONDS):
                return await migration.query(
                    SiteMigrationWorkflow.has_lost_role, question, reject_condition=QueryRejectCondition.NOT_OPEN
                )
        except (NotFound, WorkflowQueryRejectedError):
            # No migration runs: none knows better than Opsgenie.
            return False
        except NoWorkerAnswers:
            # Pages about people need a worker too, and Opsgenie is asked in any case.
            return False

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session at once on every portal; one that is over stays so.

        Raises:
            TemporalUnreachable: Temporal does not answer; the session may be open still.

        """
        with suppress(NotFound):
            async with told("session", QUERY_SECONDS):
                await self._client.get_workflow_handle(ids.session(session_id)).terminate(reason=reason)

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Start a migration; see `client.migrations.start`. Never another one after one that was completed.

        `after` is the run of the cancelled migration that is to be followed by another one.
        """
        started = await migrations.start(self._client, request, proofs=self._proofs)
        if started.already is RunState.CANCELED and started.run == after:
            return await migrations.start(self._client, request, again=True, proofs=self._proofs)
        return started

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Return what steers the migration of an account; requests are about `run`, if it is given.

        Raises:
            BadInput: no account has such a name.

        """
        return Migration(self._client, opsgenie_account, run, self._proofs)


def _session(leader: SignedIn) -> AdminSession:
    return AdminSession(email=leader.email, opsgenie_account=leader.opsgenie_account)

"""Sign-in, sessions and migrations for the portal's admin pages."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowQueryRejectedError
from temporalio.common import QueryRejectCondition
from temporalio.service import RPCError

from landbridge.client import migrations
from landbridge.client.answers import RunState, Started
from landbridge.client.calls import QUERY_SECONDS, NoWorkerAnswers, execute_update_once, translate_rpc_errors
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
"""Timeout for asking the migration whether a role was lost; without an answer the page is shown."""


class TemporalAdminClient:
    """Implements the port `portal.clients.AdminClient`."""

    def __init__(self, client: Client, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` signs admins' requests and verifies their role: without keys, nobody is accepted as an admin."""
        self._client = client
        self._proofs = proofs

    async def request_sign_in_link(self, email: str, digest: str) -> None:
        """Request a sign-in link, which is emailed if the address belongs to an owner or admin; needs no worker.

        It is one call for every address (signal-with-start), so its duration reveals nothing about the address.

        Raises:
            ServiceUnavailable: Temporal does not accept the request.

        """
        try:
            await self._client.start_workflow(
                AdminSignInWorkflow.run,
                SignInRequest(email=email),
                id=ids.sign_in(digest),
                task_queue=options.WORKFLOWS,
                start_signal="link_wanted",
                static_summary="Sign-in to the portal",
                rpc_timeout=QUERY_SECONDS,
            )
        except RPCError:
            raise ServiceUnavailable("Temporal does not accept the sign-in.") from None

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Redeem a sign-in link and return the identity token; None: the link is invalid, expired or used.

        Raises:
            TemporalUnreachable: Temporal or the worker does not answer.

        """
        sign_in = self._client.get_workflow_handle_for(AdminSignInWorkflow.run, claims.sign_in_id, run_id=claims.run_id)
        redeem = Redeem(generation=claims.generation)
        try:
            return await execute_update_once(
                "sign-in", lambda id_: sign_in.execute_update(AdminSignInWorkflow.redeem, redeem, id=id_)
            )
        except TemporalUnreachable:
            raise
        except LandbridgeError:
            return None

    async def open_session(self, admin: SignedIn) -> str:
        """Open a session for an admin who has signed in; return its unguessable id.

        Raises:
            TemporalUnreachable: Temporal does not answer; the admin is not signed in.

        """
        session_id = secrets.token_hex(16)
        workflow_id, session = ids.session(session_id), _session(admin)
        async with translate_rpc_errors("session", QUERY_SECONDS):
            await self._client.start_workflow(
                AdminSessionWorkflow.run,
                session,
                id=workflow_id,
                memo={SESSION_PROOF: self._proofs.of_role(session, workflow_id)},
                task_queue=options.WORKFLOWS,
                execution_timeout=SESSION_LIFETIME,
                run_timeout=SESSION_CONFIRMED_FOR,
                static_summary="Session in the portal",
            )
        return session_id

    async def is_open(self, session_id: str, admin: SignedIn) -> bool:
        """Return whether a session is open; close it if the running migration reports that the role was lost.

        A running session workflow is not enough: anyone with write access to Temporal can start one, or answer queries
        in the worker's place. So the memo carries a proof that Opsgenie has confirmed the role. The proof is valid for
        the length of one run.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        try:
            async with translate_rpc_errors("session", QUERY_SECONDS):
                session = await self._client.get_workflow_handle(ids.session(session_id)).describe()
                proof = str(await session.memo_value(SESSION_PROOF, ""))
        except (NotFound, Untrusted):
            return False
        if session.status is not WorkflowExecutionStatus.RUNNING:
            return False
        confirmed_at = self._proofs.role_confirmed_at(proof, _session(admin), ids.session(session_id))
        if confirmed_at is None or datetime.now(UTC) - confirmed_at > SESSION_CONFIRMED_FOR:
            return False
        # Opsgenie confirms the role right before each run starts; for the first run, when the link was emailed.
        # Compare the run's start time, not the proof's time: rosters are dated by Temporal's clock too.
        if await self._has_lost_role(admin, session.start_time):
            await self.close_session(session_id, "no owner or admin any more")
            return False
        return True

    async def _has_lost_role(self, admin: SignedIn, confirmed_at: datetime) -> bool:
        migration = self._client.get_workflow_handle_for(
            SiteMigrationWorkflow.run, ids.migration(admin.opsgenie_account)
        )
        question = RoleQuestion(email=admin.email, confirmed_at=confirmed_at)
        try:
            async with translate_rpc_errors("migration", _ROLE_SECONDS):
                return await migration.query(
                    SiteMigrationWorkflow.has_lost_role, question, reject_condition=QueryRejectCondition.NOT_OPEN
                )
        except (NotFound, WorkflowQueryRejectedError):
            # No migration is running: Opsgenie's confirmation is the latest information.
            return False
        except NoWorkerAnswers:
            # Without a worker, pages show no people, and the session workflow re-checks the role with Opsgenie anyway.
            return False

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session immediately on every portal; do nothing if it has ended.

        Raises:
            TemporalUnreachable: Temporal does not answer; the session may still be open.

        """
        with suppress(NotFound):
            async with translate_rpc_errors("session", QUERY_SECONDS):
                await self._client.get_workflow_handle(ids.session(session_id)).terminate(reason=reason)

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Start a migration; see `client.migrations.start`. A completed migration is never started again.

        To start again after a cancelled migration, pass its run as `after`.
        """
        started = await migrations.start(self._client, request, proofs=self._proofs)
        if started.already is RunState.CANCELED and started.run == after:
            return await migrations.start(self._client, request, again=True, proofs=self._proofs)
        return started

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Return the client of an account's migration; `run` as in `Migration`.

        Raises:
            BadInput: the account's name is invalid.

        """
        return Migration(self._client, opsgenie_account, run, self._proofs)


def _session(admin: SignedIn) -> AdminSession:
    return AdminSession(email=admin.email, opsgenie_account=admin.opsgenie_account)

"""What the portal's pages for owners and admins need of Temporal."""

from temporalio.client import Client
from temporalio.service import RPCError

from domain import ids
from domain.errors import LandbridgeError, NeighbourUnavailable
from domain.messages import MigrationRequest
from domain.proof import NO_PROOFS, Proofs
from domain.sign_in import Redeem, SignInClaims, SignInRequest
from runtime.exits import TemporalUnreachable
from steering import starting
from steering.answers import RunState, Started
from steering.calls import QUERY_SECONDS, answered
from steering.migration import Migration
from workflows import options
from workflows.admin_sign_in import AdminSignInWorkflow


class TemporalAdminDesk:
    """The port `portal.desk.AdminDesk`."""

    def __init__(self, client: Client, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` proves what owners and admins ask for."""
        self._client = client
        self._proofs = proofs

    async def want_link(self, email: str, digest: str) -> None:
        """Have a link mailed to this address, if it is an owner's or admin's; durable without a worker.

        Whoever it is, this is one call that starts a sign-in or tells the one that runs.

        Raises:
            NeighbourUnavailable: Temporal does not take it.

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
            raise NeighbourUnavailable("Temporal does not take the sign-in.") from None

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

    async def start(self, request: MigrationRequest, *, after_cancelled: bool = False) -> Started:
        """Start a migration; see `steering.starting.start`. Never another one after one that was completed."""
        started = await starting.start(self._client, request, proofs=self._proofs)
        if after_cancelled and started.already is RunState.CANCELED:
            return await starting.start(self._client, request, again=True, proofs=self._proofs)
        return started

    def migration(self, opsgenie_account: str) -> Migration:
        """Return what steers the migration of an account.

        Raises:
            BadInput: no account has such a name.

        """
        return Migration(self._client, opsgenie_account, self._proofs)

from datetime import timedelta

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import LandbridgeError, NeighbourUnavailable, NotFound
from domain.links import LinkClaims, LinkState, LinkView
from domain.messages import CohortResult, LinkDeclined, LinkFollowed, NewLinkWanted, PersonReturned
from steering.calls import told
from workflows.cohort import CohortWorkflow

_PAGE_SECONDS = timedelta(seconds=2)
"""How long someone who opened a link waits for a worker's answer; the page can do without it."""


class TemporalLinkDesk:
    """What the portal's link pages need (`portal.desk.LinkDesk`), by signals and a query to the person's cohort."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Ask what the page should show; None when no worker answers."""
        try:
            async with told("cohort", _PAGE_SECONDS):
                return await self._cohort(claims).query(CohortWorkflow.link, claims, rpc_timeout=_PAGE_SECONDS)
        except NotFound:
            # Forgotten, or not kept any longer.
            return LinkView(state=LinkState.CLOSED)
        except LandbridgeError:
            return None

    async def follow(self, claims: LinkClaims) -> bool:
        """Tell that the person pressed the button."""
        message = LinkFollowed(
            run=claims.run, person=claims.person, purpose=claims.purpose, generation=claims.generation
        )
        return await self._tell(claims, "link_followed", message)

    async def decline(self, claims: LinkClaims) -> bool:
        """Tell that the person says that this is not their account."""
        message = LinkDeclined(
            run=claims.run, person=claims.person, purpose=claims.purpose, generation=claims.generation
        )
        return await self._tell(claims, "link_declined", message)

    async def returned(self, claims: LinkClaims) -> bool:
        """Tell that the person came back from Atlassian's page."""
        return await self._tell(claims, "person_returned", PersonReturned(run=claims.run, person=claims.person))

    async def want_new(self, claims: LinkClaims) -> bool:
        """Tell that the person asks for the mail again."""
        message = NewLinkWanted(run=claims.run, person=claims.person, purpose=claims.purpose)
        return await self._tell(claims, "new_link_wanted", message)

    async def reachable(self) -> bool:
        """Return whether Temporal answers now."""
        try:
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=_PAGE_SECONDS)
        except RPCError:
            return False
        return True

    async def _tell(
        self, claims: LinkClaims, signal: str, message: LinkFollowed | LinkDeclined | PersonReturned | NewLinkWanted
    ) -> bool:
        try:
            await self._cohort(claims).signal(signal, message, rpc_timeout=_PAGE_SECONDS)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return False
            raise NeighbourUnavailable("Temporal does not take the signal.") from None
        return True

    def _cohort(self, claims: LinkClaims) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, claims.cohort_id)

"""Passes uses of emailed links from the portal to the cohorts: signals in batches, and one query."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakValueDictionary

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.calls import translate_rpc_errors
from landbridge.domain.errors import LandbridgeError, NotFound, ServiceUnavailable
from landbridge.domain.links import LinkClaims, LinkState, LinkView
from landbridge.domain.messages import LinksUsed, LinkUse, LinkUsed
from landbridge.domain.proof import NO_PROOFS, Proofs
from workflows.cohort import CohortWorkflow

_PAGE_SECONDS = timedelta(seconds=2)
"""Timeout for a page behind a link: the page can be shown without a worker's answer."""
MAX_LINKS_PER_SIGNAL = 100
"""Link uses in one signal: about 17 kB."""


@dataclass
class _Batch:
    """Link uses that go to a cohort in one signal."""

    used: list[LinkUsed] = field(default_factory=list)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the signal was sent, or failed."""
    delivered: bool | None = None
    """True: Temporal accepted the signal; False: there is no such cohort; None: Temporal did not accept it."""


class TemporalLinkClient:
    """Implements `portal.clients.LinkClient` by signals and a query to the person's cohort."""

    def __init__(self, client: Client, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` signs the link uses, so that the cohort knows that the portal checked the links."""
        self._client = client
        self._proofs = proofs
        self._open: dict[str, _Batch] = {}
        """The batch of each cohort that still accepts link uses, while another batch may be on its way."""
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        self._tasks = set[asyncio.Task[None]]()

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Return what the page should show; None if no worker answers."""
        try:
            async with translate_rpc_errors("cohort", _PAGE_SECONDS):
                cohort = self._client.get_workflow_handle_for(CohortWorkflow.run, claims.cohort_id)
                return await cohort.query(CohortWorkflow.link, claims, rpc_timeout=_PAGE_SECONDS)
        except NotFound:
            # Deleted by `forget`, or by Temporal's retention.
            return LinkView(state=LinkState.CLOSED)
        except LandbridgeError:
            return None

    async def follow(self, claims: LinkClaims) -> bool:
        """Report that the person pressed the button behind the link."""
        return await self._report(claims, LinkUse.FOLLOWED)

    async def decline(self, claims: LinkClaims) -> bool:
        """Report that the person declined: the account is not theirs."""
        return await self._report(claims, LinkUse.DECLINED)

    async def returned(self, claims: LinkClaims) -> bool:
        """Report that the person came back from Atlassian's page."""
        return await self._report(claims, LinkUse.RETURNED)

    async def request_new_link(self, claims: LinkClaims) -> bool:
        """Report that the person requested the email again."""
        return await self._report(claims, LinkUse.NEW_WANTED)

    async def reachable(self) -> bool:
        """Probe whether Temporal answers now."""
        try:
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=_PAGE_SECONDS)
        except RPCError:
            return False
        return True

    async def _report(self, claims: LinkClaims, use: LinkUse) -> bool:
        """Signal the cohort; return whether it exists. Uses that arrive while a signal is on its way share the next.

        Raises:
            ServiceUnavailable: Temporal does not accept the signal.

        """
        used = LinkUsed(
            use=use, run=claims.run, person=claims.person, purpose=claims.purpose, generation=claims.generation
        )
        batch = self._open.get(claims.cohort_id)
        if batch is None or len(batch.used) >= MAX_LINKS_PER_SIGNAL:
            batch = self._open[claims.cohort_id] = _Batch()
            task = asyncio.create_task(self._send(claims.cohort_id, batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        batch.used.append(self._proofs.of_link(used, claims))
        await batch.finished.wait()
        if batch.delivered is None:
            raise ServiceUnavailable("Temporal does not accept the signal.")
        return batch.delivered

    async def _send(self, cohort_id: str, batch: _Batch) -> None:
        async with self._locks.setdefault(cohort_id, asyncio.Lock()):
            if self._open.get(cohort_id) is batch:
                del self._open[cohort_id]
            cohort = self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id)
            try:
                await cohort.signal(CohortWorkflow.links_used, LinksUsed(used=batch.used), rpc_timeout=_PAGE_SECONDS)
                batch.delivered = True
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    batch.delivered = False
            finally:
                batch.finished.set()

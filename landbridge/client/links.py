import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from weakref import WeakValueDictionary

from temporalio.api.workflowservice.v1 import GetSystemInfoRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.calls import told
from landbridge.domain.errors import LandbridgeError, NotFound, ServiceUnavailable
from landbridge.domain.links import LinkClaims, LinkState, LinkView
from landbridge.domain.messages import LinksUsed, LinkUse, LinkUsed
from landbridge.domain.proof import NO_PROOFS, Proofs
from workflows.cohort import CohortWorkflow

_PAGE_SECONDS = timedelta(seconds=2)
"""How long someone who opened a link waits for a worker's answer; the page can do without it."""
MAX_LINKS_PER_SIGNAL = 100
"""Uses of links in one signal: some 17 kB."""


@dataclass
class _Signal:
    """What a cohort is about to be told."""

    used: list[LinkUsed] = field(default_factory=list)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    heard: bool | None = None
    """Whether there is such a cohort; None: Temporal did not take the signal."""


class TemporalLinkClient:
    """Implements `portal.clients.LinkClient` by signals and a query to the person's cohort."""

    def __init__(self, client: Client, proofs: Proofs = NO_PROOFS) -> None:
        """`proofs` proves that the links were ours."""
        self._client = client
        self._proofs = proofs
        self._next: dict[str, _Signal] = {}
        """The signal of each cohort that still takes more, while another one may be under way."""
        self._turns = WeakValueDictionary[str, asyncio.Lock]()
        self._tasks = set[asyncio.Task[None]]()

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Ask what the page should show; None when no worker answers."""
        try:
            async with told("cohort", _PAGE_SECONDS):
                cohort = self._client.get_workflow_handle_for(CohortWorkflow.run, claims.cohort_id)
                return await cohort.query(CohortWorkflow.link, claims, rpc_timeout=_PAGE_SECONDS)
        except NotFound:
            # Forgotten, or not kept any longer.
            return LinkView(state=LinkState.CLOSED)
        except LandbridgeError:
            return None

    async def follow(self, claims: LinkClaims) -> bool:
        """Tell that the person pressed the button."""
        return await self._tell(claims, LinkUse.FOLLOWED)

    async def decline(self, claims: LinkClaims) -> bool:
        """Tell that the person says that this is not their account."""
        return await self._tell(claims, LinkUse.DECLINED)

    async def returned(self, claims: LinkClaims) -> bool:
        """Tell that the person came back from Atlassian's page."""
        return await self._tell(claims, LinkUse.RETURNED)

    async def request_new_link(self, claims: LinkClaims) -> bool:
        """Tell that the person asks for the mail again."""
        return await self._tell(claims, LinkUse.NEW_WANTED)

    async def reachable(self) -> bool:
        """Return whether Temporal answers now."""
        try:
            await self._client.workflow_service.get_system_info(GetSystemInfoRequest(), timeout=_PAGE_SECONDS)
        except RPCError:
            return False
        return True

    async def _tell(self, claims: LinkClaims, use: LinkUse) -> bool:
        """Signal the cohort; whoever comes while a signal to it is under way shares the next one."""
        used = LinkUsed(
            use=use, run=claims.run, person=claims.person, purpose=claims.purpose, generation=claims.generation
        )
        signal = self._next.get(claims.cohort_id)
        if signal is None or len(signal.used) >= MAX_LINKS_PER_SIGNAL:
            signal = self._next[claims.cohort_id] = _Signal()
            task = asyncio.create_task(self._send(claims.cohort_id, signal))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        signal.used.append(self._proofs.of_link(used, claims))
        await signal.tried.wait()
        if signal.heard is None:
            raise ServiceUnavailable("Temporal does not take the signal.")
        return signal.heard

    async def _send(self, cohort_id: str, signal: _Signal) -> None:
        async with self._turns.setdefault(cohort_id, asyncio.Lock()):
            if self._next.get(cohort_id) is signal:
                del self._next[cohort_id]
            cohort = self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id)
            try:
                await cohort.signal(CohortWorkflow.links_used, LinksUsed(used=signal.used), rpc_timeout=_PAGE_SECONDS)
                signal.heard = True
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND:
                    signal.heard = False
            finally:
                signal.tried.set()

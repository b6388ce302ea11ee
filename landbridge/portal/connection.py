from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from landbridge.client.admins import TemporalAdminClient
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.proof import Proofs
from landbridge.platform import settings
from landbridge.platform.process_settings import PortalServerSettings
from landbridge.platform.temporal import connection
from landbridge.portal import health
from landbridge.portal.clients import Clients
from landbridge.portal.metrics import Metrics


@asynccontextmanager
async def open_clients(token_keys: Sequence[str], metrics: Metrics) -> AsyncIterator[Clients]:
    """Connect to Temporal and serve the health endpoint while the context is open.

    `token_keys` sign the proofs that authenticate requests to workflows.

    Raises:
        BadInput: a setting is wrong.
        TemporalUnreachable: Temporal does not answer; the process supervisor should restart the portal.

    """
    address = settings.load(PortalServerSettings).health_address
    client = await connection.connect()
    proofs = Proofs(token_keys)
    clients = Clients(links=TemporalLinkClient(client, proofs), admins=TemporalAdminClient(client, proofs))
    async with health.serve(address, clients.links, metrics):
        yield clients

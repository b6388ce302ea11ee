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
    """Connect to Temporal, and answer for the portal's health, for as long as the portal runs.

    `token_keys` prove who asks for what.

    Raises:
        BadInput: a setting is wrong.
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    address = settings.load(PortalServerSettings).health_address
    client = await connection.connect()
    proofs = Proofs(token_keys)
    desks = Clients(links=TemporalLinkClient(client, proofs), admins=TemporalAdminClient(client, proofs))
    async with health.served(address, desks.links, metrics):
        yield desks

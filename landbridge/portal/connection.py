from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from landbridge.client.admins import TemporalAdminDesk
from landbridge.client.links import TemporalLinkDesk
from landbridge.domain.proof import Proofs
from landbridge.platform import settings
from landbridge.platform.process_settings import PortalServerSettings
from landbridge.platform.temporal import connection
from landbridge.portal import health
from landbridge.portal.clients import Desks
from landbridge.portal.metrics import Metrics


@asynccontextmanager
async def open_desks(token_keys: Sequence[str], metrics: Metrics) -> AsyncIterator[Desks]:
    """Connect to Temporal, and answer for the portal's health, for as long as the portal runs.

    `token_keys` prove who asks for what.

    Raises:
        BadInput: a setting is wrong.
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    address = settings.load(PortalServerSettings).health_address
    client = await connection.connect()
    proofs = Proofs(token_keys)
    desks = Desks(links=TemporalLinkDesk(client, proofs), admins=TemporalAdminDesk(client, proofs))
    async with health.served(address, desks.links, metrics):
        yield desks

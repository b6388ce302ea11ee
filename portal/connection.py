from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from domain.proof import Proofs
from portal import health
from portal.desk import Desks
from portal.metrics import Metrics
from runtime import settings, temporal
from runtime.process_settings import PortalServerSettings
from steering.admins import TemporalAdminDesk
from steering.links import TemporalLinkDesk


@asynccontextmanager
async def open_desks(token_keys: Sequence[str], metrics: Metrics) -> AsyncIterator[Desks]:
    """Connect to Temporal, and answer for the portal's health, for as long as the portal runs.

    `token_keys` prove who asks for what.

    Raises:
        BadInput: a setting is wrong.
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    address = settings.load(PortalServerSettings).health_address
    client = await temporal.connect()
    proofs = Proofs(token_keys)
    desks = Desks(links=TemporalLinkDesk(client, proofs), admins=TemporalAdminDesk(client, proofs))
    async with health.served(address, desks.links, metrics):
        yield desks

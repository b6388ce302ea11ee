from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portal import health
from portal.desk import Desks
from portal.metrics import Metrics
from runtime import settings, temporal
from runtime.process_settings import PortalServerSettings
from steering.admins import TemporalAdminDesk
from steering.links import TemporalLinkDesk


@asynccontextmanager
async def open_desks(metrics: Metrics) -> AsyncIterator[Desks]:
    """Connect to Temporal, and answer for the portal's health, for as long as the portal runs.

    Raises:
        BadInput: a setting is wrong.
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    address = settings.load(PortalServerSettings).health_address
    client = await temporal.connect()
    desks = Desks(links=TemporalLinkDesk(client), admins=TemporalAdminDesk(client))
    async with health.served(address, desks.links, metrics):
        yield desks

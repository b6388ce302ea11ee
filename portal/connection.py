from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from portal.desk import Desks
from runtime import temporal
from steering.admins import TemporalAdminDesk
from steering.links import TemporalLinkDesk


@asynccontextmanager
async def open_desks() -> AsyncIterator[Desks]:
    """Connect to Temporal for as long as the portal runs.

    Raises:
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    client = await temporal.connect()
    yield Desks(links=TemporalLinkDesk(client), admins=TemporalAdminDesk(client))

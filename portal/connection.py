from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from domain.proof import Proofs
from portal.desk import Desks
from runtime import temporal
from steering.admins import TemporalAdminDesk
from steering.links import TemporalLinkDesk


@asynccontextmanager
async def open_desks(token_keys: Sequence[str]) -> AsyncIterator[Desks]:
    """Connect to Temporal for as long as the portal runs; `token_keys` prove who asks for what.

    Raises:
        TemporalUnreachable: it does not answer now; whoever runs the portal starts it again.

    """
    client = await temporal.connect()
    proofs = Proofs(token_keys)
    yield Desks(links=TemporalLinkDesk(client, proofs), admins=TemporalAdminDesk(client, proofs))

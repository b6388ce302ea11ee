"""A web server inside one of our processes, which minds the process's signals itself."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from landbridge.domain.errors import BadInput
from landbridge.platform import connections
from landbridge.platform.connections import ConnectionLimits


class Server(uvicorn.Server):
    """Serves until `stop`."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # wider, and used as such
        """Leave signals to the process: uvicorn would raise them again in the end."""
        return nullcontext()

    def stop(self) -> None:
        """End in good order."""
        self.should_exit = True


@asynccontextmanager
async def health(
    address: str,
    ready: Callable[[], Awaitable[str]],
    *,
    setting: str = "LANDBRIDGE_HEALTH_ADDRESS",
    routes: Sequence[Route] = (),
) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `routes` at an address while the context is open; nowhere, if it is empty.

    `ready` returns why the process cannot do its work just now; empty: it can. `setting` names the address in errors.

    Raises:
        BadInput: the address cannot be used.

    """
    if not address:
        yield
        return

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        denial_reason = await ready()
        return PlainTextResponse(
            f"{denial_reason or 'ready'}\n", HTTPStatus.SERVICE_UNAVAILABLE if denial_reason else HTTPStatus.OK
        )

    app = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), *routes])
    server = Server(connections.config(app, ConnectionLimits(), timeout_graceful_shutdown=1))
    host, _, port = address.rpartition(":")
    serving = asyncio.create_task(server.serve(sockets=[listen(host, int(port), setting)]))
    try:
        yield
    finally:
        server.stop()
        await serving


def listen(host: str, port: int, named: str) -> socket.socket:
    """Return a socket that listens; `named` says where the address was set.

    Raises:
        BadInput: the address cannot be used: no host has it, it is taken, or no port has this number.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except (OSError, ValueError, OverflowError) as error:  # ValueError: no host has such a name
        raise BadInput(f"{named} cannot be used ({host}:{port}): {error}.") from None

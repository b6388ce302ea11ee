"""A web server for a process that handles signals itself."""

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

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # wider than uvicorn's type, which suffices for its caller
        """Leave signals to the process, because uvicorn would raise them again when it stops."""
        return nullcontext()

    def stop(self) -> None:
        """Shut down gracefully."""
        self.should_exit = True


@asynccontextmanager
async def health(
    address: str,
    ready: Callable[[], Awaitable[str]],
    *,
    setting: str = "LANDBRIDGE_HEALTH_ADDRESS",
    routes: Sequence[Route] = (),
) -> AsyncIterator[None]:
    """Serve `/livez`, `/readyz` and `routes` at an address while the context is open; if it is empty, do nothing.

    `ready` returns why the process is not ready; empty if it is ready. `setting` is the setting to name in errors.

    Raises:
        BadInput: the address cannot be used.

    """
    if not address:
        yield
        return

    async def livez(_: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_: Request) -> Response:
        reason = await ready()
        return PlainTextResponse(f"{reason or 'ready'}\n", HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK)

    app = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), *routes])
    server = Server(connections.config(app, ConnectionLimits(), timeout_graceful_shutdown=1))
    host, _, port = address.rpartition(":")
    serving = asyncio.create_task(server.serve(sockets=[listen(host, int(port), setting)]))
    try:
        yield
    finally:
        server.stop()
        await serving


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket; `setting` is the setting to name in errors.

    Raises:
        BadInput: the address cannot be used: it is not an address of this host, it is in use, or the port is invalid.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except (OSError, ValueError, OverflowError) as error:  # ValueError: the host name is invalid
        raise BadInput(f"{setting} cannot be used ({host}:{port}): {error}.") from None

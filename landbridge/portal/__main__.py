"""`python -m landbridge.portal [--host 127.0.0.1] [--port 8080]`: serve the portal until SIGTERM."""

import argparse
import asyncio
import signal
from collections.abc import Awaitable
from contextlib import nullcontext

import structlog

from landbridge.platform import connections, exits, logs, settings, web
from landbridge.platform.process_settings import PortalServerSettings
from landbridge.portal import app
from landbridge.portal.connection import open_clients
from landbridge.portal.metrics import Metrics

DRAIN_SECONDS = 20
"""How long open requests may take after SIGTERM."""

logger = structlog.get_logger()


def main() -> Awaitable[int]:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m landbridge.portal", description="Serve the pages for people, owners and admins."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (0.0.0.0: all interfaces)")
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    return serve(arguments.host, arguments.port)


async def serve(host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        BadInput: a setting is missing or wrong, or the address cannot be used.
        TemporalUnreachable: Temporal does not answer; the process supervisor should restart the portal.

    """
    logs.configure()
    portal_settings = settings.load(settings.PortalSettings)
    limits = connections.limits_for(settings.load(PortalServerSettings))
    metrics = Metrics()
    async with open_clients(portal_settings.keys, metrics) as clients:
        portal = app.create(portal_settings, metrics, lambda: nullcontext(clients))
        server = web.Server(connections.config(portal, limits, timeout_graceful_shutdown=DRAIN_SECONDS))
        listening = web.listen(host, port, "The address of --host and --port")
        for signum in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(signum, server.stop)
        logger.info("portal_started", host=host, port=port)
        await server.serve(sockets=[listening])
    logger.info("portal_stopped")
    return exits.Exit.DONE


if __name__ == "__main__":
    exits.run(main)

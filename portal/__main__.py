"""`python -m portal [--host 0.0.0.0] [--port 8080]`: serve the pages until told to stop."""

import argparse
import asyncio
import signal
from collections.abc import Awaitable
from contextlib import nullcontext

import structlog
import uvicorn

from portal import app
from portal.connection import open_desks
from runtime import exits, logs, settings, web

DRAIN_SECONDS = 20
"""How long answers under way may take once we are told to stop."""

logger = structlog.get_logger()


def main() -> Awaitable[int]:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        prog="python -m portal", description="Serve the pages for people, owners and admins."
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on; all, if none is named")  # noqa: S104 - it serves others
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    return serve(arguments.host, arguments.port)


async def serve(host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code.

    Raises:
        BadInput: a setting is missing or wrong, or the address cannot be used.
        TemporalUnreachable: Temporal does not answer now; whoever runs the portal starts it again.

    """
    logs.configure()
    portal_settings = settings.load(settings.PortalSettings)
    async with open_desks() as desks:
        config = uvicorn.Config(
            app.create(portal_settings, lambda: nullcontext(desks)),
            log_config=None,
            log_level="warning",
            # Paths are people's links.
            access_log=False,
            server_header=False,
            # Whose word counts is a setting of ours (LANDBRIDGE_TRUSTED_PROXIES).
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )
        server, listening = web.Server(config), web.listen(host, port, "The address of --host and --port")
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, server.stop)
        logger.info("portal_serves", host=host, port=port)
        await server.serve(sockets=[listening])
    logger.info("portal_stopped")
    return exits.Exit.DONE


if __name__ == "__main__":
    exits.run(main)

"""Liveness, readiness and metrics endpoints."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from landbridge.platform import web
from landbridge.portal.clients import LinkClient
from landbridge.portal.metrics import Metrics


async def livez(_: Request) -> Response:
    """Answer 200 while the process runs."""
    return PlainTextResponse("alive\n")


async def readyz(request: Request) -> Response:
    """Answer 200 while Temporal is reachable, so that clicks can be recorded."""
    reason = await _not_ready_reason(request.state.links)
    return PlainTextResponse(f"{reason or 'ready'}\n", HTTPStatus.SERVICE_UNAVAILABLE if reason else HTTPStatus.OK)


ROUTES = [Route("/livez", livez), Route("/readyz", readyz)]
"""Served on the public address, with rate limits, for `starter.py check`. Monitoring should use the address of `serve`,
which a flood of public requests cannot block."""


@asynccontextmanager
async def serve(address: str, client: LinkClient, metrics: Metrics) -> AsyncIterator[None]:
    """Serve `/livez`, `/readyz` and `/metrics` at an address while the context is open; do nothing if it is empty.

    Raises:
        BadInput: the address cannot be used.

    """
    setting, routes = "LANDBRIDGE_PORTAL_HEALTH_ADDRESS", [Route("/metrics", metrics.show)]
    async with web.health(address, lambda: _not_ready_reason(client), setting=setting, routes=routes):
        yield


async def _not_ready_reason(client: LinkClient) -> str:
    return "" if await client.reachable() else "Temporal cannot be reached"

"""Is the portal alive, can it do its work, and what does it answer: for those who run it."""

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
    """Answer as long as the process runs."""
    return PlainTextResponse("alive\n")


async def readyz(request: Request) -> Response:
    """Answer 200 while clicks can be handed on to Temporal."""
    denial_reason = await _not_ready_reason(request.state.desk)
    return PlainTextResponse(
        f"{denial_reason or 'ready'}\n", HTTPStatus.SERVICE_UNAVAILABLE if denial_reason else HTTPStatus.OK
    )


ROUTES = [Route("/livez", livez), Route("/readyz", readyz)]
"""On the portal's public address, within its limits: `starter.py check` asks there whether a URL leads to a portal that
works. Whoever watches the process asks at the address of `served`, which no flood of requests can keep busy."""


@asynccontextmanager
async def served(address: str, desk: LinkClient, metrics: Metrics) -> AsyncIterator[None]:
    """Answer `/livez`, `/readyz` and `/metrics` at an address while the context is open; nowhere, if it is empty.

    Raises:
        BadInput: the address cannot be used.

    """
    setting, routes = "LANDBRIDGE_PORTAL_HEALTH_ADDRESS", [Route("/metrics", metrics.show)]
    async with web.health(address, lambda: _not_ready_reason(desk), setting=setting, routes=routes):
        yield


async def _not_ready_reason(desk: LinkClient) -> str:
    return "" if await desk.reachable() else "Temporal cannot be reached"

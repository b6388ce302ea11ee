"""For whoever runs the portal: is it alive, and can it do its work."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from portal.desk import LinkDesk


async def livez(_: Request) -> Response:
    """Answer as long as the process runs."""
    return PlainTextResponse("alive\n")


async def readyz(request: Request) -> Response:
    """Answer 200 while clicks can be handed on to Temporal."""
    desk: LinkDesk = request.state.desk
    if await desk.reachable():
        return PlainTextResponse("ready\n")
    return PlainTextResponse("Temporal cannot be reached\n", HTTPStatus.SERVICE_UNAVAILABLE)


ROUTES = [Route("/livez", livez), Route("/readyz", readyz)]

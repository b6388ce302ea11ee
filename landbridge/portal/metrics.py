"""What monitoring may know of the portal: requests by the pattern of their path, never by the path itself."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNKNOWN = "unknown"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Metrics:
    """Counts what one portal answers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "landbridge_portal_requests",
            "Requests by the pattern of their path, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "landbridge_portal_request_seconds",
            "Seconds until an answer was sent whole.",
            ["route"],
            registry=self._registry,
        )

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return the application, counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = 0

            async def noting(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            began = time.perf_counter()
            try:
                await app(scope, receive, noting)
            finally:
                # What was asked for is anybody's text; the route is ours.
                route = getattr(scope.get("route"), "path", _UNKNOWN) or _UNKNOWN
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._requests.labels(route, method, status).inc()
                self._seconds.labels(route).observe(time.perf_counter() - began)

        return counted

    async def show(self, _: Request) -> Response:
        """Answer Prometheus."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

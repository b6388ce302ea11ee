"""Prometheus metrics of the portal. Requests are labelled by route, never by path, because paths contain tokens."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_UNKNOWN = "unknown"
_METHODS = frozenset({"GET", "HEAD", "POST"})


class Metrics:
    """The request metrics of one portal process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "landbridge_portal_requests",
            "Requests by route, method and status.",
            ["route", "method", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "landbridge_portal_request_seconds",
            "Seconds until the response was sent completely.",
            ["route"],
            registry=self._registry,
        )

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Return the application with its requests counted and timed."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = 0

            async def send_and_note_status(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            started = time.perf_counter()
            try:
                await app(scope, receive, send_and_note_status)
            finally:
                # The path is client input and could create any number of labels; the route cannot.
                route = getattr(scope.get("route"), "path", _UNKNOWN) or _UNKNOWN
                method = scope["method"] if scope["method"] in _METHODS else "other"
                self._requests.labels(route, method, status).inc()
                self._seconds.labels(route).observe(time.perf_counter() - started)

        return measured

    async def show(self, _: Request) -> Response:
        """Return the metrics in Prometheus' text format."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

"""HTTP/1.1 connections with limits that uvicorn lacks: timeouts for receiving requests, and a connection limit.

uvicorn's `limit_concurrency` responds 503 to complete requests only; idle connections, incomplete headers and slow
bodies stay open forever. See docs/decisions/portal.md.
"""

import asyncio
import resource
from dataclasses import dataclass
from functools import partial
from typing import Any

import h11
import structlog
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from landbridge.platform.process_settings import PortalServerSettings

BACKLOG = 64
"""Size of the accept queue. asyncio accepts up to this many connections at once, before this module can refuse any."""
RESERVED_FILES = 2 * BACKLOG + 64
"""Files that a process needs besides its clients' connections: refused connections, Temporal, logs, health checks."""
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

logger = structlog.get_logger()


@dataclass(frozen=True)
class ConnectionLimits:
    """The limits of one server for its clients."""

    connections: int = 100
    """Maximum number of open connections; any further connection gets a 503 and is closed."""
    header_seconds: float = 15.0
    """Seconds from the start of the connection, or from the previous response, to the end of a request's header."""
    body_seconds: float = 60.0
    """Seconds from the end of a request's header to the end of its body; also how long a client may stop reading."""


def config(app: Any, limits: ConnectionLimits, **options: Any) -> uvicorn.Config:  # noqa: ANN401 - uvicorn's types
    """Return uvicorn's configuration for serving `app` within these limits, without its own logs and server header."""
    return uvicorn.Config(
        app,
        http=partial(LimitedProtocol, limits),  # type: ignore[arg-type]  # uvicorn accepts any callable
        backlog=BACKLOG,
        log_config=None,
        log_level="warning",
        # Paths contain the tokens of people's links.
        access_log=False,
        server_header=False,
        ws="none",
        # LANDBRIDGE_TRUSTED_PROXIES lists the trusted proxies instead.
        proxy_headers=False,
        **options,
    )


def limits_for(settings: PortalServerSettings) -> ConnectionLimits:
    """Return the limits from the settings, with fewer connections if the process may not open enough files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    connections = settings.connections
    if files != resource.RLIM_INFINITY and files - RESERVED_FILES < connections:
        connections = max(1, files - RESERVED_FILES)
        logger.warning("portal_connections_lowered", connections=connections, files=files)
    return ConnectionLimits(connections, settings.header_seconds, settings.body_seconds)


class LimitedProtocol(H11Protocol):
    """One connection. It is closed without a response when a timeout expires."""

    def __init__(self, limits: ConnectionLimits, **options: Any) -> None:  # noqa: ANN401 - uvicorn's types
        """Take the limits, and the options that uvicorn passes to every protocol."""
        super().__init__(**options)
        self._limits = limits
        self._phase: object = None
        self._request_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Accept the connection, or refuse it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            transport.write(_BUSY)
            transport.close()
            return
        self._watch_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        for timer in (self._request_timer, self._write_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Handle received data, and update the timers."""
        super().handle_events()
        self._watch_request()

    def pause_writing(self) -> None:
        """Start a timer for the client to read the response."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._limits.body_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timer."""
        if self._write_timer is not None:
            self._write_timer.cancel()
        super().resume_writing()

    def _watch_request(self) -> None:
        """Start a timer for the next expected part of a request, and stop the timer of the previous part."""
        phase = self.conn.their_state
        if phase is self._phase:
            return
        self._phase = phase
        if self._request_timer is not None:
            self._request_timer.cancel()
        seconds = {h11.IDLE: self._limits.header_seconds, h11.SEND_BODY: self._limits.body_seconds}.get(phase)
        self._request_timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)

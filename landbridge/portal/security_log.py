"""The portal's security events; docs/reference/security-events.md lists them."""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge.domain import sign_in
from landbridge.portal.limits import Allowance, TokenBuckets, client_key

LOG_LINES_PER_CLIENT = Allowance(burst=1, per_second=1 / 60)
"""At most one `request_limited` event a minute for each client, so that a flood of requests does not flood the log."""

_logger = structlog.get_logger(__name__)


class SecurityLog:
    """Writes events with static names. Events contain no email address, token, or other client input.

    `who` is the keyed digest of an email address (`domain.sign_in.digest`), as in the workflow id of its sign-in.
    `client` is the client's IP address behind trusted proxies (`portal.limits` sets it), or its IPv6 network.
    """

    def __init__(self, digest_key: str) -> None:
        """`digest_key`: the HMAC key for email addresses."""
        self._digest_key = digest_key
        self._limited = TokenBuckets(LOG_LINES_PER_CLIENT)

    def note(self, event: str, scope: Scope, *, email: str = "", **about: str | int) -> None:
        """Log an accepted request; `email` is digested."""
        _logger.info(event, **self._origin(scope, email), **about)

    def refuse(self, event: str, scope: Scope, *, email: str = "", **about: str | int) -> None:
        """Log a refused request; `email` is digested."""
        _logger.warning(event, **self._origin(scope, email), **about)

    def limited(self, answer: ASGIApp) -> ASGIApp:
        """Wrap `answer`, the ASGI application that responds to requests over a rate limit, to log these requests."""

        async def logged(scope: Scope, receive: Receive, send: Send) -> None:
            if not self._limited.acquire(client_key(scope)):
                self.refuse("request_limited", scope)
            await answer(scope, receive, send)

        return logged

    def _origin(self, scope: Scope, email: str) -> dict[str, str]:
        client = {"client": client_key(scope)}
        return {"who": sign_in.digest(email, self._digest_key), **client} if email else client

"""The portal's security events; docs/reference/security-events.md lists them."""

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from landbridge.domain import sign_in
from landbridge.portal.limits import Allowance, Buckets, client_key

ONE_A_MINUTE = Allowance(at_once=1, per_second=1 / 60)
"""Of one client's refusals by rate limit: a flood of requests must not become a flood of log lines."""

_logger = structlog.get_logger(__name__)


class SecurityLog:
    """Writes events with static names. No event holds an address, a token, or anything else typed by somebody.

    `who` is the keyed digest of an address (`domain.sign_in.digest`), the same as in the workflow id of the address's
    sign-in. `client` is the address that the request comes from, as the trusted proxies tell it (`portal.limits` puts
    it into the scope); of IPv6 its network.
    """

    def __init__(self, digest_key: str) -> None:
        """Take the key for digests."""
        self._digest_key = digest_key
        self._limited = Buckets(ONE_A_MINUTE)

    def note(self, event: str, scope: Scope, *, email: str = "", **about: str | int) -> None:
        """Log what somebody did; `email` is digested."""
        _logger.info(event, **self._origin(scope, email), **about)

    def refuse(self, event: str, scope: Scope, *, email: str = "", **about: str | int) -> None:
        """Log what somebody was refused; `email` is digested."""
        _logger.warning(event, **self._origin(scope, email), **about)

    def limited(self, answer: ASGIApp) -> ASGIApp:
        """Return the application that answers requests over a rate limit, and log these."""

        async def logged(scope: Scope, receive: Receive, send: Send) -> None:
            if not self._limited.wait(client_key(scope)):
                self.refuse("request_limited", scope)
            await answer(scope, receive, send)

        return logged

    def _origin(self, scope: Scope, email: str) -> dict[str, str]:
        client = {"client": client_key(scope)}
        return {"who": sign_in.digest(email, self._digest_key), **client} if email else client

"""Rate limits per client and per link, as token buckets in each process's memory.

They protect one portal process and make guessing and flooding expensive. Workflows enforce the limits that must apply
across all processes and restarts: the cool-down for emails, and links that work once.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SITE_BITS = 64
"""Prefix length of an IPv6 site: a client with one address controls all addresses with the same prefix."""


@dataclass(frozen=True)
class Allowance:
    """The token bucket of one key."""

    burst: float
    """The size of the bucket."""
    per_second: float
    """Tokens added each second."""


PER_CLIENT = Allowance(burst=300, per_second=20)
"""Requests of one client address. High: a whole company may share one address and receive its emails in one minute."""
SIGN_INS_PER_CLIENT = Allowance(burst=20, per_second=0.2)
"""Sign-in links that one client address requests."""
SIGN_INS_TOTAL = Allowance(burst=100, per_second=1)
"""Sign-in links that all clients request together: each starts a workflow and calls Opsgenie."""
PER_TOKEN = Allowance(burst=20, per_second=0.5)
"""Requests with one token in their path."""
MAX_KEYS = 50_000
"""Buckets kept in memory; about 10 MB."""


class TokenBuckets:
    """One token bucket for each key; the least recently used bucket is evicted first."""

    def __init__(
        self, allowance: Allowance, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowance = allowance
        self._max_keys = max_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def acquire(self, key: str) -> float:
        """Take a token and return 0; if there is none, return the seconds until the next one."""
        now = self._clock()
        tokens, updated = self._buckets.pop(key, (self._allowance.burst, now))
        tokens = min(self._allowance.burst, tokens + (now - updated) * self._allowance.per_second)
        taken = tokens >= 1
        self._buckets[key] = (tokens - 1 if taken else tokens, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return 0 if taken else (1 - tokens) / self._allowance.per_second


class RateLimits:
    """Middleware that answers 429 to clients over a rate limit.

    Requests with the codec token are exempt: Temporal's command line calls the codec once for each event of a history.
    """

    def __init__(
        self,
        app: ASGIApp,
        refuse: ASGIApp,
        *,
        trusted_proxies: Sequence[Network],
        limited_paths: Sequence[str],
        unlimited: Callable[[Scope], bool],
    ) -> None:
        """`refuse` answers limited requests. Below `limited_paths` the next path segment is a token.

        Requests for which `unlimited` returns true are not counted.
        """
        self._app = app
        self._refuse = refuse
        # uvicorn reads X-Forwarded-For from the right: entries to the left of the trusted proxies' may be forged.
        self._behind_proxies = ProxyHeadersMiddleware(
            self._limited,  # type: ignore[arg-type]  # each server defines its own ASGI types
            [str(network) for network in trusted_proxies],
        )
        self._limited_paths = tuple(limited_paths)
        self._unlimited = unlimited
        self._per_client, self._per_token = TokenBuckets(PER_CLIENT), TokenBuckets(PER_TOKEN)
        self._sign_ins_per_client, self._sign_ins_total = (
            TokenBuckets(SIGN_INS_PER_CLIENT),
            TokenBuckets(SIGN_INS_TOTAL),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request, or answer 429."""
        await self._behind_proxies(scope, receive, send)  # type: ignore[arg-type]  # as above

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._unlimited(scope):
            await self._app(scope, receive, send)
            return
        wait = self._acquire(scope)
        if wait:
            scope["state"] = {**scope.get("state", {}), "retry_after": str(int(wait) + 1)}
            await self._refuse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _acquire(self, scope: Scope) -> float:
        client = client_key(scope)
        wait = self._per_client.acquire(client)
        if not wait and scope["method"] == "POST" and scope["path"] == "/sign-in":
            wait = self._sign_ins_per_client.acquire(client) or self._sign_ins_total.acquire("")
        for path in self._limited_paths:
            if not wait and scope["path"].startswith(path):
                wait = self._per_token.acquire(scope["path"].removeprefix(path).partition("/")[0][:512])
        return wait


def client_key(scope: Scope) -> str:
    """Return the rate-limit key of a client: its IPv4 address, or the network of its IPv6 site.

    All values that are not IP addresses share one key, so that forged headers cannot create keys.
    """
    client = scope.get("client")
    try:
        address = ipaddress.ip_address(client[0] if client else "")
    except ValueError:
        return ""
    if not isinstance(address, ipaddress.IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _SITE_BITS), strict=False))

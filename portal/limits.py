"""How often one client, or whoever has one link, may ask: buckets of tokens, in the memory of each process.

They keep a single portal well, and guessing and flooding dear. What must hold across all portals and restarts is held
by the workflows: mails have a cool-down there, and links are good once.
"""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NEIGHBOURS_BITS = 64
"""Of an IPv6 address: whoever has one has all that share these."""
_UNLIMITED = frozenset({"/livez", "/readyz", "/metrics"})
_LONGEST_CHAIN = 20
"""Entries of `X-Forwarded-For` that are looked at."""


@dataclass(frozen=True)
class Allowance:
    """How much one key may ask for."""

    at_once: float
    per_second: float


EVERYTHING = Allowance(at_once=300, per_second=20)
"""Of one client address. Wide: a whole company may sit behind it, and get its mails in one minute."""
SIGN_INS = Allowance(at_once=20, per_second=0.2)
"""Links to sign in that one client address asks for."""
LINK = Allowance(at_once=20, per_second=0.5)
"""Requests with one token in their path."""
MOST_KEYS = 50_000
"""Buckets that are kept; some 10 MB."""


class Buckets:
    """A bucket for each key; those that nobody used for longest are forgotten first."""

    def __init__(
        self, allowance: Allowance, most_keys: int = MOST_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._allowance = allowance
        self._most_keys = most_keys
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> float:
        """Take a token; return 0, or how many seconds it takes until there is one again."""
        now = self._clock()
        left, then = self._buckets.pop(key, (self._allowance.at_once, now))
        left = min(self._allowance.at_once, left + (now - then) * self._allowance.per_second)
        taken = left >= 1
        self._buckets[key] = (left - 1 if taken else left, now)
        if len(self._buckets) > self._most_keys:
            self._buckets.popitem(last=False)
        return 0 if taken else (1 - left) / self._allowance.per_second


class Limits:
    """Middleware that answers 429 to whoever asks too often.

    Health and metrics are always answered, and the codec too: Temporal's command line asks it once for each event of a
    history, with a token that is too long to be guessed.
    """

    def __init__(
        self, app: ASGIApp, refuse: ASGIApp, trusted_proxies: Sequence[Network], limited_paths: Sequence[str]
    ) -> None:
        """`refuse` answers instead of `app`; below `limited_paths` the next part of a path is a token."""
        self._app = app
        self._refuse = refuse
        self._trusted = trusted_proxies
        self._limited_paths = tuple(limited_paths)
        self._everything, self._sign_ins, self._links = Buckets(EVERYTHING), Buckets(SIGN_INS), Buckets(LINK)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        if scope["type"] != "http" or scope["path"] in _UNLIMITED or scope["path"].startswith("/codec/"):
            await self._app(scope, receive, send)
            return
        wait = self._wait(scope)
        if wait:
            scope["state"] = {**scope.get("state", {}), "retry_after": str(int(wait) + 1)}
            await self._refuse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        client = client_address(scope, self._trusted)
        wait = self._everything.wait(client)
        if not wait and scope["method"] == "POST" and scope["path"] == "/sign-in":
            wait = self._sign_ins.wait(client)
        for path in self._limited_paths:
            if not wait and scope["path"].startswith(path):
                wait = self._links.wait(scope["path"].removeprefix(path).partition("/")[0][:512])
        return wait


def client_address(scope: Scope, trusted: Sequence[Network]) -> str:
    """Return whose request it is: the connection's other end, or whom proxies that we trust name for it.

    From the right, since everything to the left of what a trusted proxy wrote could be made up.
    """
    client = scope.get("client")
    address = client[0] if client else ""
    # Lines of the same name are one list (RFC 9110, 5.2); of those that come, a proxy's own may be the last alone.
    forwarded = ",".join(Headers(scope=scope).getlist("X-Forwarded-For"))
    chain = [part.strip() for part in forwarded.split(",")][-_LONGEST_CHAIN:]
    while chain and _is_in(address, trusted):
        before = chain.pop()
        if _parsed(before) is None:
            break
        address = before
    return _neighbourhood(address)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parsed(address)
    return parsed is not None and any(parsed in network for network in networks)


def _neighbourhood(address: str) -> str:
    parsed = _parsed(address)
    if not isinstance(parsed, ipaddress.IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _NEIGHBOURS_BITS), strict=False))

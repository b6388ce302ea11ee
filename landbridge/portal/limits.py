"""How often one client, or whoever has one link, may ask: buckets of tokens, in the memory of each process.

They keep a single portal well, and guessing and flooding dear. What must hold across all portals and restarts is held
by the workflows: mails have a cool-down there, and links are good once.
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
"""Of an IPv6 address: whoever has one has all that share these."""


@dataclass(frozen=True)
class Allowance:
    """How much one key may ask for."""

    at_once: float
    per_second: float


EVERYTHING = Allowance(at_once=300, per_second=20)
"""Of one client address. Wide: a whole company may sit behind it, and get its mails in one minute."""
SIGN_INS = Allowance(at_once=20, per_second=0.2)
"""Links to sign in that one client address asks for."""
ALL_SIGN_INS = Allowance(at_once=100, per_second=1)
"""Links to sign in that all clients ask for together: each is a workflow and a call to Opsgenie."""
LINK = Allowance(at_once=20, per_second=0.5)
"""Requests with one token in their path."""
MAX_KEYS = 50_000
"""Buckets that are kept; some 10 MB."""


class Buckets:
    """A bucket for each key; those that nobody used for longest are forgotten first."""

    def __init__(
        self, allowance: Allowance, most_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic
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

    Operators who show the codec's token are always answered: Temporal's command line asks the codec once for each event
    of a history.
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
        """`refuse` answers instead of `app`; below `limited_paths` the next part of a path is a token.

        Requests that are `unlimited` are not counted.
        """
        self._app = app
        self._refuse = refuse
        # From the right, with or without ports: everything to the left of what a trusted proxy wrote could be made up.
        self._behind_proxies = ProxyHeadersMiddleware(
            self._limited,  # type: ignore[arg-type]  # ASGI's types are each server's own
            [str(network) for network in trusted_proxies],
        )
        self._limited_paths = tuple(limited_paths)
        self._unlimited = unlimited
        self._everything, self._sign_ins, self._links = Buckets(EVERYTHING), Buckets(SIGN_INS), Buckets(LINK)
        self._all_sign_ins = Buckets(ALL_SIGN_INS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        await self._behind_proxies(scope, receive, send)  # type: ignore[arg-type]  # as above

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._unlimited(scope):
            await self._app(scope, receive, send)
            return
        wait = self._wait(scope)
        if wait:
            scope["state"] = {**scope.get("state", {}), "retry_after": str(int(wait) + 1)}
            await self._refuse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        client = client_key(scope)
        wait = self._everything.wait(client)
        if not wait and scope["method"] == "POST" and scope["path"] == "/sign-in":
            wait = self._sign_ins.wait(client) or self._all_sign_ins.wait("")
        for path in self._limited_paths:
            if not wait and scope["path"].startswith(path):
                wait = self._links.wait(scope["path"].removeprefix(path).partition("/")[0][:512])
        return wait


def client_key(scope: Scope) -> str:
    """Return the key under which a client's requests are counted: its address, of IPv6 the network of its site.

    What is no address, such as a name that a proxy made up, shares one key: keys must not grow with what others write.
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

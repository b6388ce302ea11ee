"""The HTTP client that a connector sends with, and the setting that is wrong if none can be built."""

import os
import re
import ssl
import urllib.request

import httpx2

from landbridge.domain.errors import BadInput

CANNOT_SEND = (
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    OverflowError,
    ValueError,
)
"""What the client library raises about a request that never left this machine. Trying again does not help."""
_TIMEOUT = httpx2.Timeout(30, connect=10, pool=None)
_CREDENTIALS = re.compile(r"[!-~]+( [!-~]+)?")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_LARGEST_PORT = 65535


def build(service: str, url: str, authorization: str, settings: str) -> httpx2.AsyncClient:
    """Return a client for a service; redirects are not followed: the key would go wherever they point.

    Raises:
        BadInput: `settings`, or a variable of the environment that the client library reads, cannot be used.

    """
    if authorization and not _CREDENTIALS.fullmatch(authorization):
        raise BadInput(f"The API key for {service} cannot be sent: check {settings}.")
    if wrong := _wrong_proxy():
        raise BadInput(wrong)
    credentials = {"Authorization": authorization} if authorization else {}
    try:
        return httpx2.AsyncClient(
            base_url=url.rstrip("/"),
            headers={**credentials, "Accept": "application/json", "User-Agent": "Landbridge"},
            timeout=_TIMEOUT,
            follow_redirects=False,
        )
    except ssl.SSLError:
        raise BadInput("SSL_CERT_FILE holds no certificates: name a file in PEM format.") from None
    except OSError as error:
        raise BadInput(f"SSL_CERT_FILE cannot be read as certificates: {error.strerror}.") from None
    except CANNOT_SEND:
        raise BadInput(cannot_send(service, settings)) from None


def cannot_send(service: str, settings: str) -> str:
    """Return, as a sentence, what to do where a request never leaves this machine."""
    return f"The request to {service} cannot be sent: check {settings}."


def proxy_wants_login(service: str) -> str:
    """Return, as a sentence, what to do where the proxy refuses us."""
    return f"The proxy on the way to {service} wants a login (407): write it into HTTPS_PROXY, HTTP_PROXY or ALL_PROXY."


def _wrong_proxy() -> str:
    """Return which variable names a proxy that cannot be used, as a sentence; empty: none. Values hold passwords."""
    if "*" in (host.strip() for host in urllib.request.getproxies().get("no", "").split(",")):
        return ""  # none is used
    for name, value in os.environ.items():
        if name.casefold() in _PROXIES and value and not _is_proxy(value):
            return f"{name} names no proxy that can be used: write it as http://host:port."
    return ""


def _is_proxy(value: str) -> bool:
    try:
        # As the library reads it; SOCKS needs another library, which is not installed.
        url = httpx2.URL(value if "://" in value else f"http://{value}")
    except httpx2.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and (url.port or 0) <= _LARGEST_PORT

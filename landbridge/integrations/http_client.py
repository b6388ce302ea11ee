"""Build the HTTP client of a connector. Errors name the setting that is wrong."""

import os
import re
import ssl
import urllib.request

import httpx2

from landbridge.domain.errors import BadInput
from landbridge.domain.text import Text, text

CANNOT_SEND = (
    httpx2.InvalidURL,
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
    OverflowError,
    ValueError,
)
"""Errors of the client library for a request that was never sent. A retry does not help."""
_TIMEOUT = httpx2.Timeout(30, connect=10, pool=None)
_CREDENTIALS = re.compile(r"[!-~]+( [!-~]+)?")
_PROXIES = frozenset({"http_proxy", "https_proxy", "all_proxy"})
_MAX_PORT = 65535


def build(service: str, url: str, authorization: str, settings: str) -> httpx2.AsyncClient:
    """Return a client for a service. It follows no redirects, because they could send the key anywhere.

    Raises:
        BadInput: `settings`, or an environment variable that the client library reads, cannot be used.

    """
    if authorization and not _CREDENTIALS.fullmatch(authorization):
        raise BadInput(f"The API key for {service} cannot be sent: check {settings}.")
    if problem := _proxy_problem():
        raise BadInput(problem)
    credentials = {"Authorization": authorization} if authorization else {}
    try:
        return httpx2.AsyncClient(
            base_url=url.rstrip("/"),
            headers={**credentials, "Accept": "application/json", "User-Agent": "Landbridge"},
            timeout=_TIMEOUT,
            follow_redirects=False,
        )
    except ssl.SSLError:
        raise BadInput("SSL_CERT_FILE contains no certificates: name a file in PEM format.") from None
    except OSError as error:
        raise BadInput(f"SSL_CERT_FILE cannot be read as certificates: {error.strerror}.") from None
    except CANNOT_SEND:
        raise BadInput(cannot_send(service, settings)) from None


def cannot_send(service: str, settings: str) -> Text:
    """Return the error message for a request that cannot be sent."""
    return text("The request to {service} cannot be sent: check {settings}.", service=service, settings=settings)


def proxy_requires_login(service: str) -> Text:
    """Return the error message for a proxy that requires a login."""
    return text(
        "The proxy for {service} requires a login (407): add it to HTTPS_PROXY, HTTP_PROXY or ALL_PROXY.",
        service=service,
    )


def _proxy_problem() -> str:
    """Return an error message that names the environment variable with an unusable proxy; empty if there is none.

    The message omits the value, which may contain a password.
    """
    if "*" in (host.strip() for host in urllib.request.getproxies().get("no", "").split(",")):
        return ""  # no proxy is used
    for name, value in os.environ.items():
        if name.casefold() in _PROXIES and value and not _is_proxy(value):
            return f"{name} is not a valid proxy: write it as http://host:port."
    return ""


def _is_proxy(value: str) -> bool:
    try:
        # Parse as the library does. SOCKS needs another library, which is not installed.
        url = httpx2.URL(value if "://" in value else f"http://{value}")
    except httpx2.InvalidURL:
        return False
    return url.scheme in {"http", "https"} and bool(url.host) and (url.port or 0) <= _MAX_PORT

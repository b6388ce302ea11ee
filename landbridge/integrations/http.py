"""The HTTP transport of all connectors: send a request once, limit the response, and raise the domain's errors.

Nothing is retried here: Temporal retries, after the wait that the service requested. Errors never contain a body, a
key, or the address of a person.
"""

import asyncio
import math
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Self, TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.text import Text, filled, text
from landbridge.integrations import http_client
from landbridge.integrations.rate_limiter import RateLimiter

MAX_BODY_SIZE = 16 * 1024 * 1024
"""Bytes of a decompressed body; a page of 100 people has some 100 KiB."""
MAX_RESPONSE_SECONDS = 60.0
"""Seconds from sending the request to the last byte of the response."""
MAX_WAIT = 3600.0
"""Upper limit of the wait in seconds, whatever a service requests."""
_CONNECTION_LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_PROXY_AUTHENTICATION = 407
_RETRYABLE = frozenset({408, 425, 429})
_REMEDIES = {
    400: text(
        "{service} rejected the request as malformed (400): check its URL, or report this as a bug in Landbridge."
    ),
    401: text("{service} rejected the API key (401): set a valid one."),
    402: text("{service} requires another subscription for this (402): change the plan."),
    403: text("{service} denies this to the API key (403): grant the key the permission, or set another key."),
    404: text("{service} did not find the resource (404): check its URL and the organization ID."),
    422: text("{service} rejected a value in the request (422): report this as a bug in Landbridge."),
    409: text("{service} reports a conflict (409): check there what causes it."),
}
_Body = TypeVar("_Body", bound="Body")


class Body(BaseModel):
    """Part of a response: the fields that we read, in camelCase; other fields are ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


@dataclass(frozen=True)
class Request:
    """An HTTP request."""

    method: str
    path: str
    """Starts with a slash; values in it are percent-encoded."""
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    """Sent as JSON."""
    understood: frozenset[int] = frozenset({200})
    """Status codes that the adapter handles itself; any other status code raises an error."""


@dataclass(frozen=True)
class Response:
    """A response with one of the status codes that the request understands."""

    service: str
    status: int
    content: bytes

    def read(self, model: type[_Body]) -> _Body:
        """Return the body as a model.

        Raises:
            ServiceUnavailable: the body does not match the model.

        """
        try:
            return model.model_validate_json(self.content)
        except ValidationError:
            raise ServiceUnavailable(
                text(
                    "{service} answered {status} with an unreadable body.",
                    service=self.service,
                    status=self.status,
                )
            ) from None


class Transport:
    """Sends requests to one service over reused connections.

    It follows no redirects, because they could send the key anywhere. Without `authorization`, that header is omitted.
    """

    def __init__(
        self,
        service: str,
        url: str,
        authorization: str = "",
        *,
        settings: str,
        refusals: Mapping[int, Text] | None = None,
        per_second: float = 0,
    ) -> None:
        """Create the client; connections are opened when requests are sent.

        Arguments:
            service: the service's name, for error messages.
            url: the base URL of all paths.
            authorization: the value of the `Authorization` header.
            settings: the names of the settings for this service, for error messages.
            refusals: error messages for status codes with a special meaning for this service.
            per_second: maximum number of requests a second; 0: no limit.

        Raises:
            BadInput: the settings, or the proxies or certificates of the environment, cannot be used.

        """
        self._service = service
        self._settings = settings
        self._refusals = {**_REMEDIES, **(refusals or {})}
        self._rate_limiter = RateLimiter(service, per_second)
        self._client = http_client.build(service, url, authorization, settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, request: Request) -> Response:
        """Send one request and return the response.

        Raises:
            ServiceUnavailable: no response, or one that is unreadable or too large; 429 or 5xx; or the wait that the
                service requested with an earlier 429 has not passed.
            ServiceRejected: a status code that the request does not understand, a TLS failure, or a proxy that
                requires a login.
            BadInput: the request cannot be sent from this machine.

        """
        await self._rate_limiter.acquire()
        try:
            async with asyncio.timeout(MAX_RESPONSE_SECONDS):
                status, headers, content = await self._exchange(request)
        except (TimeoutError, httpx2.TimeoutException):
            raise ServiceUnavailable(text("{service} did not answer in time.", service=self._service)) from None
        except http_client.CANNOT_SEND:
            raise BadInput(http_client.cannot_send(self._service, self._settings)) from None
        except httpx2.HTTPError as error:
            if isinstance(error, httpx2.ProxyError) and str(error).startswith(str(_PROXY_AUTHENTICATION)):
                raise ServiceRejected(http_client.proxy_requires_login(self._service)) from None
            if isinstance(error, httpx2.ConnectError) and _is_about_tls(error):
                raise ServiceRejected(
                    text(
                        "The TLS connection to {service} failed: check its URL, and this machine's trusted "
                        "certificates and clock.",
                        service=self._service,
                    )
                ) from None
            raise ServiceUnavailable(
                text("{service} cannot be reached ({name}).", service=self._service, name=type(error).__name__)
            ) from None
        if status not in request.understood:
            raise self._problem(status, headers)
        return Response(self._service, status, content)

    async def _exchange(self, request: Request) -> tuple[int, httpx2.Headers, bytes]:
        content = bytearray()
        body = None if request.body is None else dict(request.body)
        query = dict(request.query) or None
        async with self._client.stream(request.method, request.path, params=query, json=body) as response:
            if response.status_code in request.understood:
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > MAX_BODY_SIZE:
                        raise ServiceUnavailable(
                            text(
                                "{service} answered {status_code} with more than {max_body_size} MB.",
                                service=self._service,
                                status_code=response.status_code,
                                max_body_size=MAX_BODY_SIZE // 1024 // 1024,
                            )
                        )
            return response.status_code, response.headers, bytes(content)

    def _problem(self, status: int, headers: Mapping[str, str]) -> ServiceUnavailable | ServiceRejected:
        if status in _RETRYABLE or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            throttled, wait = status == httpx2.codes.TOO_MANY_REQUESTS, retry_after(headers, datetime.now(UTC))
            if throttled and wait is not None:
                self._rate_limiter.pause(wait)
            if throttled:
                return ServiceUnavailable(
                    text("{service} limits the request rate ({status}).", service=self._service, status=status),
                    retry_after=wait,
                )
            return ServiceUnavailable(
                text("{service} has an internal error ({status}).", service=self._service, status=status),
                retry_after=wait,
            )
        if status == _PROXY_AUTHENTICATION:
            return ServiceRejected(http_client.proxy_requires_login(self._service))
        if status in self._refusals:
            return ServiceRejected(filled(self._refusals[status], service=self._service))
        if httpx2.codes.is_redirect(status):
            return ServiceRejected(
                text(
                    "{service} redirects to another address ({status}), which Landbridge does not follow: "
                    "check its URL.",
                    service=self._service,
                    status=status,
                )
            )
        return ServiceRejected(
            text(
                "{service} rejected the request ({status}): check its URL.",
                service=self._service,
                status=status,
            )
        )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the wait in seconds that a response requests, at most `MAX_WAIT`; None if it requests none.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), or Opsgenie's `X-RateLimit-Period-In-Sec`.
    """
    seconds = _seconds(headers.get("Retry-After", ""))
    if seconds is None:
        seconds = _until(headers.get("Retry-After", ""), now)
    if seconds is None:
        seconds = _seconds(headers.get("X-RateLimit-Period-In-Sec", ""))
    return None if seconds is None else min(max(seconds, 0.0), MAX_WAIT)


def _seconds(value: str) -> float | None:
    try:
        seconds = float(value)
    except ValueError:
        return None
    return None if math.isnan(seconds) else seconds


def _until(value: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds()


def _is_about_tls(error: BaseException | None) -> bool:
    """Return whether TLS failed; a connection that was lost during the handshake does not count."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return not isinstance(error, _CONNECTION_LOST)
        error = error.__cause__ or error.__context__
    return False

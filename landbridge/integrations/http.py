"""The one transport that sends: it asks once, bounds the answer, and says what went wrong in the domain's words.

Nothing is retried here: Temporal does that, after the wait that the neighbour asked for. No body, key or address of a
person ever stands in an error.
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

LARGEST_ANSWER = 16 * 1024 * 1024
"""Bytes of a body once decompressed; a page of 100 people is some 100 KiB."""
MAX_ANSWER_SECONDS = 60.0
"""Seconds from sending to the last byte."""
MAX_WAIT = 3600.0
"""Seconds that we let a neighbour make us wait, whatever it asks for."""
_LOST = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
_PROXY_LOGIN = 407
_TRY_AGAIN = frozenset({408, 425, 429})
_WHAT_TO_DO = {
    400: text(
        "{neighbour} does not understand the request (400): check its URL, or report this as a fault of Landbridge."
    ),
    401: text("{neighbour} does not accept the API key (401): set one that is valid."),
    402: text("{neighbour} says that the subscription does not cover this (402): change the plan."),
    403: text("{neighbour} forbids this to the API key (403): give the key the right, or set another."),
    404: text("{neighbour} does not know what was asked for (404): check its URL and the organization's id."),
    422: text("{neighbour} does not accept a value in the request (422): report this as a fault of Landbridge."),
    409: text("{neighbour} sees a conflict (409): look there for what stands in the way."),
}
_Body = TypeVar("_Body", bound="Body")


class Body(BaseModel):
    """Part of an answer: the fields that we read, in camelCase; whatever else is there is ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


@dataclass(frozen=True)
class Request:
    """What to ask."""

    method: str
    path: str
    """Starts with a slash; values in it are quoted."""
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    """Sent as JSON."""
    understood: frozenset[int] = frozenset({200})
    """Status codes whose answers the adapter reads itself; every other one becomes an error."""


@dataclass(frozen=True)
class Answer:
    """What came back, with one of the status codes that are understood."""

    neighbour: str
    status: int
    content: bytes

    def read(self, model: type[_Body]) -> _Body:
        """Return the body as a model.

        Raises:
            ServiceUnavailable: it is not what the documentation says.

        """
        try:
            return model.model_validate_json(self.content)
        except ValidationError:
            raise ServiceUnavailable(
                text(
                    "{neighbour} answered {status} with a body that cannot be read.",
                    neighbour=self.neighbour,
                    status=self.status,
                )
            ) from None


class Transport:
    """Sends requests to one neighbour over reused connections.

    Redirects are not followed: the key would go wherever they point. Without `authorization` none is sent.
    """

    def __init__(
        self,
        neighbour: str,
        url: str,
        authorization: str = "",
        *,
        settings: str,
        refusals: Mapping[int, Text] | None = None,
        per_second: float = 0,
    ) -> None:
        """Prepare.

        Arguments:
            neighbour: the service's name, for sentences.
            url: what paths are appended to.
            authorization: the value of that header.
            settings: names the variables that say where and how the service is asked, for sentences.
            refusals: sentences for status codes that mean something of their own here.
            per_second: requests in a second, at most; 0: as many as there are.

        Raises:
            BadInput: the client cannot be built: the settings, or the environment's proxies or certificates, are wrong.

        """
        self._neighbour = neighbour
        self._settings = settings
        self._refusals = {**_WHAT_TO_DO, **(refusals or {})}
        self._pace = RateLimiter(neighbour, per_second)
        self._client = http_client.build(neighbour, url, authorization, settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, request: Request) -> Answer:
        """Send one request and return the answer.

        Raises:
            ServiceUnavailable: no answer, an unreadable or endless one, 429, or 5xx; or it asked for patience when
                it was last called, and the time it named is not over.
            ServiceRejected: any other status that the request does not name as understood, a TLS failure, or a proxy
                that wants a login.
            BadInput: the request cannot be sent from here, whatever the service would say.

        """
        await self._pace.turn()
        try:
            async with asyncio.timeout(MAX_ANSWER_SECONDS):
                status, headers, content = await self._exchange(request)
        except (TimeoutError, httpx2.TimeoutException):
            raise ServiceUnavailable(text("{neighbour} did not answer in time.", neighbour=self._neighbour)) from None
        except http_client.CANNOT_SEND:
            raise BadInput(http_client.cannot_send(self._neighbour, self._settings)) from None
        except httpx2.HTTPError as error:
            if isinstance(error, httpx2.ProxyError) and str(error).startswith(str(_PROXY_LOGIN)):
                raise ServiceRejected(http_client.proxy_wants_login(self._neighbour)) from None
            if isinstance(error, httpx2.ConnectError) and _is_about_tls(error):
                raise ServiceRejected(
                    text(
                        "{neighbour} cannot be reached safely (TLS): check its URL, and this machine's trusted "
                        "certificates and clock.",
                        neighbour=self._neighbour,
                    )
                ) from None
            raise ServiceUnavailable(
                text("{neighbour} cannot be reached ({name}).", neighbour=self._neighbour, name=type(error).__name__)
            ) from None
        if status not in request.understood:
            raise self._problem(status, headers)
        return Answer(self._neighbour, status, content)

    async def _exchange(self, request: Request) -> tuple[int, httpx2.Headers, bytes]:
        content = bytearray()
        body = None if request.body is None else dict(request.body)
        query = dict(request.query) or None
        async with self._client.stream(request.method, request.path, params=query, json=body) as response:
            if response.status_code in request.understood:
                async for part in response.aiter_bytes():
                    content += part
                    if len(content) > LARGEST_ANSWER:
                        raise ServiceUnavailable(
                            text(
                                "{neighbour} answered {status_code} with more than {largest_answer} MB.",
                                neighbour=self._neighbour,
                                status_code=response.status_code,
                                largest_answer=LARGEST_ANSWER // 1024 // 1024,
                            )
                        )
            return response.status_code, response.headers, bytes(content)

    def _problem(self, status: int, headers: Mapping[str, str]) -> ServiceUnavailable | ServiceRejected:
        if status in _TRY_AGAIN or status >= httpx2.codes.INTERNAL_SERVER_ERROR:
            throttled, wait = status == httpx2.codes.TOO_MANY_REQUESTS, retry_after(headers, datetime.now(UTC))
            if throttled and wait is not None:
                self._pace.hold(wait)
            if throttled:
                return ServiceUnavailable(
                    text("{neighbour} asks for patience ({status}).", neighbour=self._neighbour, status=status),
                    retry_after=wait,
                )
            return ServiceUnavailable(
                text("{neighbour} has trouble of its own ({status}).", neighbour=self._neighbour, status=status),
                retry_after=wait,
            )
        if status == _PROXY_LOGIN:
            return ServiceRejected(http_client.proxy_wants_login(self._neighbour))
        if status in self._refusals:
            return ServiceRejected(filled(self._refusals[status], neighbour=self._neighbour))
        if httpx2.codes.is_redirect(status):
            return ServiceRejected(
                text(
                    "{neighbour} redirects elsewhere ({status}), which is not followed: check its URL.",
                    neighbour=self._neighbour,
                    status=status,
                )
            )
        return ServiceRejected(
            text(
                "{neighbour} refuses the request ({status}): check its URL.",
                neighbour=self._neighbour,
                status=status,
            )
        )


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds that an answer asks us to wait, at most `MAX_WAIT`; none if it does not say.

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
    """Return whether both sides cannot agree on TLS; a connection that was merely lost meanwhile is something else."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return not isinstance(error, _LOST)
        error = error.__cause__ or error.__context__
    return False

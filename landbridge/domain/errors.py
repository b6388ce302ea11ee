"""Errors: a text for people and a stable code for programs, split by whether a retry can help."""

from typing import ClassVar

from landbridge.domain.text import Text, verbatim


class LandbridgeError(Exception):
    """Any error that Landbridge itself reports. Its text holds no personal data."""

    code: ClassVar[str] = "LandbridgeError"
    """Names the kind of error in Temporal's history; it stays the same when the class is renamed."""

    def __init__(self, message: str) -> None:
        """Take a `Text`, or a plain English string for platform engineers and operators, which is never translated."""
        super().__init__(message)
        self.text: Text = verbatim(message)


class Refused(LandbridgeError):
    """The migration's rules do not allow it; the text says why and what to do."""

    code = "Refused"


class BadInput(LandbridgeError):
    """The input cannot be used; nothing was done."""

    code = "BadInput"


class NotFound(LandbridgeError):
    """There is no such migration or person."""

    code = "NotFound"


class ServiceUnavailable(LandbridgeError):
    """A service (mail server, Opsgenie, Atlassian) cannot be reached or limits our rate: retry.

    `retry_after` is the wait in seconds that the service requested, if any.
    """

    code = "ServiceUnavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QuotaExceeded(ServiceUnavailable):
    """A quota of a service is used up for hours: wait, then continue without an admin.

    The quota is available again after `lasts` seconds at the latest.
    """

    code = "QuotaExceeded"

    def __init__(self, message: str, *, retry_after: float, lasts: float) -> None:
        super().__init__(message, retry_after=retry_after)
        self.lasts = lasts


class ServiceRejected(LandbridgeError):
    """A service rejects all our requests (credentials, rights, licence, TLS): pause until a person has fixed it."""

    code = "ServiceRejected"


class Untrusted(LandbridgeError):
    """Temporal delivered data that no process of ours wrote: pause until a person has found the source."""

    code = "Untrusted"

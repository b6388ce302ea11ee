"""Errors are sentences, split by the one question Temporal asks: is trying again of use."""


class LandbridgeError(Exception):
    """Anything that Landbridge itself has to say. The message is a sentence for a person, without personal data."""


class Refused(LandbridgeError):
    """The migration's rules do not allow it; the sentence says why and what to do."""


class BadInput(LandbridgeError):
    """What was handed in cannot be used; nothing was done."""


class NotFound(LandbridgeError):
    """There is no such migration or person."""


class ServiceUnavailable(LandbridgeError):
    """A service (mail server, Opsgenie, Atlassian) cannot be reached or limits our rate: retry.

    `retry_after` is the wait in seconds that the service requested, if any.
    """

    def __init__(self, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class QuotaExceeded(ServiceUnavailable):
    """A quota of a service is used up for hours: wait, then continue without an admin.

    The quota is available again after `lasts` seconds at the latest.
    """

    def __init__(self, sentence: str, *, retry_after: float, lasts: float) -> None:
        super().__init__(sentence, retry_after=retry_after)
        self.lasts = lasts


class ServiceRejected(LandbridgeError):
    """A service rejects all our requests (credentials, rights, licence, TLS): pause until a person has fixed it."""


class Untrusted(LandbridgeError):
    """Temporal handed over what none of our processes wrote: pause until a person has found out who did."""

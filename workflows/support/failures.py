"""Converts between Landbridge's errors and Temporal's failures.

A failure's type is the error's code, its message the English text, its details the `Text`.
"""

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.errors import LandbridgeError, NotFound, Refused, Untrusted
    from landbridge.domain.text import Text, as_json, verbatim


def to_failure(error: LandbridgeError, *, non_retryable: bool = False) -> ApplicationError:
    """Return the failure that a workflow raises to reject a request or to fail."""
    return ApplicationError(str(error), as_json(error.text), type=error.code, non_retryable=non_retryable)


def to_error(failure: ApplicationError) -> NotFound | Refused:
    """Return the error for a failure with which a workflow rejected a request."""
    return (NotFound if failure.type == NotFound.code else Refused)(text_of(failure))


def text_of(failure: ApplicationError) -> Text:
    """Return the text of a failure, or the message if Landbridge did not raise the failure."""
    if failure.type == Untrusted.code and not failure.details:
        # `platform.temporal.untrusted_payloads` writes failures without details; their message is a whole template.
        return Text(failure.message)
    try:
        return Text.read(failure.details[0]) if failure.details else verbatim(failure.message)
    except ValueError:
        return verbatim(failure.message)

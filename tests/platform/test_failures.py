"""Errors that workflows raise keep their text when a client receives them."""

import pytest
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from landbridge.domain.errors import NotFound, Refused, Untrusted
from landbridge.domain.text import text
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.untrusted_payloads import ANSWER
from workflows.support.failures import text_of, to_error

REASON = text("The site {name} is taken.", name="acme")


@pytest.mark.parametrize("keys", [[], ["k" * 40]], ids=["clear", "encrypted"])
@pytest.mark.parametrize("error", [Refused(REASON), NotFound(REASON)])
async def test_the_client_gets_the_error_that_the_workflow_raised(error: Refused | NotFound, keys: list[str]) -> None:
    """The error keeps its template and values, so that it can be rendered in any language."""
    converter, failure = connection.data_converter(keys), Failure()
    await converter.encode_failure(error, failure)
    assert bool(keys) is (failure.message != str(REASON))
    received = await converter.decode_failure(failure)
    assert isinstance(received, ApplicationError)
    assert type(to_error(received)) is type(error)
    text_received = text_of(received)
    assert (text_received.key, text_received.params) == (REASON.key, REASON.params)


def test_a_rejected_payload_is_reported_in_the_language_of_the_reader() -> None:
    """Its failure has no details. The message of another failure is not translated."""
    assert text_of(ApplicationError(str(ANSWER), type=Untrusted.code)).key == ANSWER.key
    assert text_of(ApplicationError(str(ANSWER), type="ValueError")).key != ANSWER.key

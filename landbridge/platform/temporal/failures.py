"""Converts errors of Landbridge that workflows raise to failures: code as type, text as details."""

from temporalio.api.failure.v1 import Failure
from temporalio.converter import (
    DefaultFailureConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadConverter,
)
from temporalio.exceptions import ApplicationError

from landbridge.domain.errors import LandbridgeError
from landbridge.domain.text import as_json


class ErrorConverter(DefaultFailureConverter):
    """Keeps the text of an error, so that it can be rendered in any language."""

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """Convert an error to a failure, as `workflows.support.failures` reads it."""
        if isinstance(exception, LandbridgeError):
            error = ApplicationError(str(exception), as_json(exception.text), type=exception.code)
            exception = error.with_traceback(exception.__traceback__)
        super().to_failure(exception, payload_converter, failure)


class ErrorConverterWithEncodedAttributes(ErrorConverter, DefaultFailureConverterWithEncodedAttributes):
    """Encrypts messages and stack traces too."""

"""Runs activities and returns failures as values, so that a workflow can report a problem and continue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from landbridge.domain.errors import Refused
    from landbridge.domain.text import Text, text
    from workflows.support import options
    from workflows.support.failures import text_of

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Failure:
    """An activity that failed after all its attempts."""

    text: Text
    kind: str
    """A code of `domain.errors`, or the name of an unexpected exception (a bug). Empty: the activity timed out."""

    @property
    def needs_people(self) -> bool:
        """Whether a person has to fix the problem before a retry can succeed."""
        return self.kind in options.NON_RETRYABLE

    @property
    def refused(self) -> bool:
        """Whether the migration's rules forbid what was requested."""
        return self.kind == Refused.code


async def execute(
    method: Callable[[Any, _Input], Awaitable[_Result]], argument: _Input, how: dict[str, Any], summary: str
) -> _Result | Failure:
    """Run an activity with options of `workflows.support.options`; return its result or its failure."""
    try:
        return await workflow.execute_activity_method(method, argument, summary=summary, **how)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        cause: BaseException | None = error.cause
        while cause is not None and not isinstance(cause, ApplicationError):
            cause = cause.__cause__
        if cause is None:
            return Failure(text("{activity_type} timed out.", activity_type=error.activity_type), kind="")
        return Failure(text_of(cause), kind=cause.type or "")

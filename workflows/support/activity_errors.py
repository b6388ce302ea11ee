"""Trouble with a neighbour is a value: the workflow tells it, waits for people where it must, and goes on."""

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

_Argument = TypeVar("_Argument")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Failure:
    """An activity that did not succeed, after all its attempts."""

    text: Text
    kind: str
    """The name of an error in `domain.errors`; another name is a bug of ours; empty: it only took too long."""

    @property
    def needs_people(self) -> bool:
        """Whether trying again is of no use until a person has mended something."""
        return self.kind in options.FINAL

    @property
    def refused(self) -> bool:
        """Whether the migration's rules forbid what was tried."""
        return self.kind == Refused.code


async def execute(
    method: Callable[[Any, _Argument], Awaitable[_Answer]], argument: _Argument, how: dict[str, Any], summary: str
) -> _Answer | Failure:
    """Have an activity done, as `workflows.support.options` says; return its answer, or why there is none."""
    try:
        return await workflow.execute_activity_method(method, argument, summary=summary, **how)
    except ActivityError as error:
        if is_cancelled_exception(error):
            raise
        cause: BaseException | None = error.cause
        while cause is not None and not isinstance(cause, ApplicationError):
            cause = cause.__cause__
        if cause is None:
            return Failure(
                text("No answer: {activity_type} took too long.", activity_type=error.activity_type), kind=""
            )
        return Failure(text_of(cause), kind=cause.type or "")

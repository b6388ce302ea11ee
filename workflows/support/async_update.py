"""A typed way to name an async update."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from temporalio import workflow

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


def async_update(
    *, name: str
) -> Callable[[Callable[_Params, Awaitable[_Result]]], workflow.UpdateMethodMultiParam[_Params, _Result]]:
    """Decorate an async update handler; `name` is the update's name on the wire.

    It is `workflow.update(name=...)`. That decorator's type (SDK 1.35) takes the coroutine for the result.
    """
    decorate = workflow.update(name=name)
    return cast(
        "Callable[[Callable[_Params, Awaitable[_Result]]], workflow.UpdateMethodMultiParam[_Params, _Result]]", decorate
    )

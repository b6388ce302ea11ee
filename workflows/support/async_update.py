"""A typed decorator for async updates."""

from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, cast

from temporalio import workflow

_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")


def async_update(
    *, name: str
) -> Callable[[Callable[_Params, Awaitable[_Result]]], workflow.UpdateMethodMultiParam[_Params, _Result]]:
    """Decorate an async update handler; `name` is the update's name on the wire.

    The same as `workflow.update(name=...)`, but with the right types: the SDK's annotations infer the coroutine as the
    update's result (SDK 1.35).
    """
    decorate = workflow.update(name=name)
    return cast(
        "Callable[[Callable[_Params, Awaitable[_Result]]], workflow.UpdateMethodMultiParam[_Params, _Result]]", decorate
    )

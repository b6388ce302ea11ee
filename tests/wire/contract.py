"""Lists every name on the wire: workflows, handlers, activities, search attributes, and the fields of messages."""

import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from temporalio import activity, workflow
from temporalio.common import SearchAttributeKey

import activities
import worker
from workflows.support import search_attributes

RECORDED = Path(__file__).with_name("recorded.json")
"""The names that a running migration may depend on, written by `python -m tests.wire.record`."""

Contract = dict[str, list[str]]
"""The names in each place: `workflow:CohortWorkflow` → its handlers, `message:Resend` → its fields."""


def current() -> Contract:
    """Return the names in the current code."""
    contract: dict[str, set[str]] = {"search attributes": {one.name for one in _search_attributes()}}
    messages: list[Any] = []
    for handlers in map(_workflow, worker.WORKFLOWS):
        for name, functions in handlers.items():
            contract.setdefault(name, set()).update(functions)
            messages += [hint for function in functions.values() for hint in _types(function)]
    contract["activities"] = set()
    for name, function in _activities():
        contract["activities"].add(name)
        messages += _types(function)
    for message in messages:
        for name, fields in _fields(message):
            contract.setdefault(name, set()).update(fields)
    return {name: sorted(names) for name, names in sorted(contract.items())}


def recorded() -> Contract:
    """Return the recorded names."""
    contract: Contract = json.loads(RECORDED.read_text(encoding="utf-8"))
    return contract


def missing(there: Contract, here: Contract) -> list[str]:
    """Return the names in `there` that `here` lacks, as `place: name`."""
    return [f"{place}: {name}" for place, names in there.items() for name in names if name not in here.get(place, [])]


def _workflow(cls: type) -> dict[str, dict[str, Any]]:
    definition = workflow._Definition.must_from_class(cls)  # noqa: SLF001 - the SDK has no public way to list handlers
    place = f"workflow:{definition.name}"
    return {
        place: {"run": definition.run_fn},
        f"{place} signals": {str(one.name): one.fn for one in definition.signals.values()},
        f"{place} queries": {str(one.name): one.fn for one in definition.queries.values()},
        f"{place} updates": {str(one.name): one.fn for one in definition.updates.values()},
    }


def _activities() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(activities.__path__):
        classes = inspect.getmembers(importlib.import_module(f"activities.{module.name}"), inspect.isclass)
        for function in (function for _, cls in classes for _, function in inspect.getmembers(cls, inspect.isfunction)):
            definition = activity._Definition.from_callable(function)  # noqa: SLF001 - as above
            if definition is not None:
                yield str(definition.name), function


def _search_attributes() -> Iterator[SearchAttributeKey[Any]]:
    return (value for value in vars(search_attributes).values() if isinstance(value, SearchAttributeKey))


def _types(function: Any) -> list[Any]:  # noqa: ANN401 - a function of any kind
    return [hint for name, hint in get_type_hints(function).items() if name != "self" and hint not in {Any, type(None)}]


def _fields(message: Any) -> Iterator[tuple[str, list[str]]]:  # noqa: ANN401 - a type of any kind
    schema = TypeAdapter(message).json_schema()
    for name, part in {**schema.get("$defs", {}), schema.get("title", ""): schema}.items():
        if "properties" in part:
            yield f"message:{name}", list(part["properties"])
        if "enum" in part:
            yield f"values:{name}", [str(value) for value in part["enum"]]

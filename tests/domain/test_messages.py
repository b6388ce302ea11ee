"""What is said to workflows may come from an older or newer version."""

import inspect
from dataclasses import is_dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from domain import messages, orders, people
from domain.messages import CohortInput, LinksUsed, MigrationRequest
from domain.model import Model

MODELS = sorted(
    {
        model
        for module in (messages, orders, people)
        for _, model in inspect.getmembers(module, inspect.isclass)
        if (issubclass(model, Model) and model is not Model)
        or (is_dataclass(model) and model.__module__ == people.__name__)
    },
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS)
def test_unknown_fields_are_ignored(model: type) -> None:
    """A newer version may write more than we know: that is never why a message is not understood."""
    wrong = set[object]()
    try:
        TypeAdapter(model).validate_python({"of_a_newer_version": {"x": 1}, **dict.fromkeys(_fields(model), object())})
    except ValidationError as error:
        wrong = {problem["loc"][0] for problem in error.errors()}
    assert wrong <= _fields(model)


def _fields(model: type) -> set[str]:
    return set(inspect.get_annotations(model)) if is_dataclass(model) else set(model.model_fields)  # type: ignore[attr-defined]  # a model


@pytest.mark.parametrize(
    "model, old",
    [
        (MigrationRequest, {"opsgenie_account": "acme", "initiator": "olga@example.com", "retired": True}),
        (
            CohortInput,
            {
                "opsgenie_account": "acme",
                "number": 1,
                "run": "r",
                "initiator": "olga@example.com",
                "rules": {"retired": 1},
            },
        ),
        (
            LinksUsed,
            {
                "used": [
                    {
                        "use": "followed",
                        "run": "r",
                        "person": 1,
                        "purpose": "verification",
                        "generation": 1,
                        "retired": None,
                    }
                ]
            },
        ),
    ],
)
def test_old_messages_are_understood(model: type[Model], old: dict[str, Any]) -> None:
    """With what they could not say yet at its default."""
    assert model.model_validate(old).model_dump(mode="json")


def test_a_field_that_was_renamed_is_an_explicit_failure() -> None:
    """What is missing is named, and nothing is made up."""
    with pytest.raises(ValidationError, match="opsgenie_account"):
        MigrationRequest.model_validate({"account": "acme", "initiator": "olga@example.com"})

"""Messages to workflows may come from an older or newer version."""

import base64
import inspect
import json
import zlib
from dataclasses import is_dataclass
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from landbridge.domain import activity_io, messages, people
from landbridge.domain.base import Model
from landbridge.domain.cohort import unpacked
from landbridge.domain.cohort_state import CohortInput
from landbridge.domain.messages import LinksUsed, MigrationRequest

MODELS = sorted(
    {
        model
        for module in (messages, activity_io, people)
        for _, model in inspect.getmembers(module, inspect.isclass)
        if (issubclass(model, Model) and model is not Model)
        or (is_dataclass(model) and model.__module__ == people.__name__)
    },
    key=lambda model: model.__name__,
)


@pytest.mark.parametrize("model", MODELS)
def test_unknown_fields_are_ignored(model: type) -> None:
    """A newer version may write additional fields."""
    wrong = set[object]()
    try:
        TypeAdapter(model).validate_python({"of_a_newer_version": {"x": 1}, **dict.fromkeys(_fields(model), object())})
    except ValidationError as error:
        wrong = {problem["loc"][0] for problem in error.errors()}
    assert wrong <= _fields(model)


NAME = "Ann Person"


@pytest.mark.parametrize("model", [model for model in MODELS if issubclass(model, Model)])
def test_validation_errors_do_not_show_values(model: type[Model]) -> None:
    """The SDK writes the error into logs and failures, so it names the field and contains no personal data."""
    said = ""
    try:
        model.model_validate({field: [{"name": NAME}] for field in _fields(model)})
    except ValidationError as error:
        said = str(error)
    assert NAME not in said


def test_unreadable_people_are_not_shown() -> None:
    """A run may carry people whom another version packed."""
    wrong = base64.b85encode(zlib.compress(json.dumps([{"name": NAME}]).encode())).decode()
    with pytest.raises(ValidationError, match="email") as caught:
        unpacked(wrong)
    assert NAME not in str(caught.value)


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
                "state": {"rules": {"retired": 1}, "admins": []},
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
def test_messages_of_older_versions_are_accepted(model: type[Model], old: dict[str, Any]) -> None:
    """Missing fields get their defaults."""
    assert model.model_validate(old).model_dump(mode="json")


def test_a_renamed_field_is_an_error() -> None:
    """The error names the missing field."""
    with pytest.raises(ValidationError, match="opsgenie_account"):
        MigrationRequest.model_validate({"account": "acme", "initiator": "olga@example.com"})

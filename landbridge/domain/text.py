"""Texts for readers: an English template with its values, so that any language can render it."""

import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

Value = str | int | datetime
"""A value for a template. A `Text` is rendered in the reader's language; a plain string is shown unchanged."""
ENGLISH = "english"
"""A serialization context: texts become plain English strings."""
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_VERBATIM = "{words}"
_DATETIME = "datetime"
_NO_VALUES: Mapping[str, Value] = MappingProxyType({})
_MAX_SHARED = 200
"""Templates without values up to this length share one object when they are read; few templates are longer."""


class Text(str):
    """A sentence for readers, and at the same time its English rendering, so that logs and tables can use it directly.

    In JSON, a text without values is its template, and any other is an object with `key` and `params`.
    """

    __slots__ = ("key", "number", "params", "plural")

    key: str
    """The English template, which is also the key in the catalogues: `The site {name} is taken.`"""
    params: Mapping[str, Value]
    """The values of the template; the template is taken literally if there are none."""
    plural: str
    """The English template for any number other than 1; empty: the text has no plural form."""
    number: int
    """The number that selects the plural form; also available to the template as `{number}`."""

    def __new__(
        cls, key: str = "", params: Mapping[str, Value] | None = None, plural: str = "", number: int = 1
    ) -> Self:
        """Use `text`, `counted` or `verbatim`; only their templates are collected for the catalogues."""
        values = {name: _plain(value) for name, value in (params or {}).items()}
        if plural:
            values["number"] = number
        template = plural if plural and number != 1 else key
        english = fill(template, {name: _english(value) for name, value in values.items()}) if values else key
        self = super().__new__(cls, english)
        # Texts are immutable: `__setattr__` refuses.
        for name, value in (
            ("key", sys.intern(str(key))),
            ("params", values or _NO_VALUES),
            ("plural", plural),
            ("number", number),
        ):
            object.__setattr__(self, name, value)
        return self

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse any change."""
        raise AttributeError(f"a text is frozen: {name}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, Mapping[str, Value], str, int]]:
        """Copy and pickle by template and values."""
        return type(self), (self.key, dict(self.params), self.plural, self.number)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: type, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Read and write texts as values of models."""
        return core_schema.no_info_plain_validator_function(
            cls.read,
            serialization=core_schema.plain_serializer_function_ser_schema(_written, info_arg=True, when_used="json"),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe the two forms in JSON."""
        return {"anyOf": [{"type": "string"}, {"type": "object"}]}

    @classmethod
    def read(cls, raw: object) -> "Text":
        """Return the text that `as_json` wrote.

        Raises:
            ValueError: this is not a text.

        """
        match raw:
            case cls():
                return raw
            case str():
                # Workers keep the timelines of many people in memory, so equal texts share one object.
                return _constant(raw) if len(raw) <= _MAX_SHARED else cls(raw)
            case {"key": str(key), **rest}:
                match rest.get("params", {}), rest.get("plural", ""), rest.get("number", 1):
                    case dict(values), str(plural), int(number):
                        params = {str(name): cls._read_value(value) for name, value in values.items()}
                        return cls(key, params, plural, number)
        raise ValueError("a text is a template, or an object with key and params")

    @classmethod
    def _read_value(cls, raw: object) -> Value:
        match raw:
            case str() | int() | datetime():
                return raw
            case {"datetime": str(at)}:
                return datetime.fromisoformat(at)
        return cls.read(raw)


def text(key: str, /, **params: Value) -> Text:
    """Return a text; `key` must be a literal, so that it can be extracted for the catalogues."""
    return Text(key, params)


def counted(one: str, many: str, number: int, /, **params: Value) -> Text:
    """Return a text whose form depends on a number; both templates must be literals and may use `{number}`."""
    return Text(one, params, many, number)


def verbatim(words: str) -> Text:
    """Return words that a person or another system wrote; they are never translated."""
    return words if isinstance(words, Text) else Text(_VERBATIM, {"words": words}) if words else NO_TEXT


def joined(*texts: Text, separator: str = " ") -> Text:
    """Return several texts as one; empty ones are left out."""
    parts = [part for part in texts if part]
    if len(parts) < 2:  # noqa: PLR2004 - nothing to join
        return parts[0] if parts else NO_TEXT
    key = separator.join(f"{{part{number}}}" for number in range(1, len(parts) + 1))
    return Text(key, {f"part{number}": part for number, part in enumerate(parts, start=1)})


def labelled(label: Value, words: Text) -> Text:
    """Return `label: words`; without words, the label alone."""
    return Text("{label}: {words}", {"label": label, "words": words}) if words else Text("{label}", {"label": label})


def filled(template: Text, **params: Value) -> Text:
    """Return a text for a template that was made without its values."""
    return Text(template.key, params)


NO_TEXT = Text()
"""The empty text."""


@lru_cache(maxsize=1024)
def _constant(key: str) -> Text:
    return Text(key)


def fill(template: str, values: Mapping[str, str]) -> str:
    """Put values into a template.

    Raises:
        ValueError: a value is missing.

    """
    try:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template)
    except KeyError as error:
        raise ValueError(f"a text lacks the value {error}") from None


def _plain(value: Value) -> Value:
    return str(value) if isinstance(value, Enum) else value


def _english(value: Value) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else str(value)


def _written(text: str, info: core_schema.SerializationInfo) -> Any:  # noqa: ANN401 - JSON
    return str(text) if info.context == ENGLISH or not isinstance(text, Text) else as_json(text)


def as_json(text: Text) -> Any:  # noqa: ANN401 - JSON
    """Return a text in its JSON form, for places without a model."""
    return _object(text) if text.params else text.key


def _object(text: Text) -> dict[str, Any]:
    values = {name: value for name, value in text.params.items() if not (text.plural and name == "number")}
    written: dict[str, Any] = {"key": text.key}
    if values:
        written["params"] = {name: _value_as_json(value) for name, value in values.items()}
    if text.plural:
        written |= {"plural": text.plural, "number": text.number}
    return written


def _value_as_json(value: Value) -> Any:  # noqa: ANN401 - JSON
    match value:
        case datetime():
            return {_DATETIME: value.isoformat()}
        case Text():
            # Always an object, since a string among the values is a plain string.
            return _object(value)
    return value

"""Texts keep their template and values, and render in English."""

import copy
import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import to_json

from landbridge.domain.base import Model
from landbridge.domain.text import ENGLISH, NO_TEXT, Text, counted, joined, text, verbatim

AT = datetime(2026, 3, 14, 13, 5, tzinfo=UTC)


class _Message(Model):
    about: Text = NO_TEXT


def _texts() -> st.SearchStrategy[Text]:
    """Return texts of every form, also nested in each other."""
    simple = st.text().map(verbatim) | st.text().map(Text) | st.just(text("Done."))
    return st.recursive(
        simple,
        lambda inner: st.builds(
            lambda a, b, n: counted("{a} and {b} once", "{a} and {b}, {number} times", n, a=a, b=b),
            inner | st.text() | st.integers(),
            inner | st.datetimes(timezones=st.just(UTC)),
            st.integers(0, 5),
        ),
        max_leaves=5,
    )


def _structure(value: object) -> object:
    """Return what a text consists of; texts and strings that look the same differ in it."""
    if not isinstance(value, Text):
        return value
    return value.key, value.plural, value.number, {name: _structure(one) for name, one in value.params.items()}


def test_a_text_is_its_english_rendering() -> None:
    """Dates are in UTC; a text among the values is rendered too."""
    inner = text("the site {name}", name="acme")
    assert text("{what} has {number} people since {at}.", what=inner, number=1200, at=AT) == (
        "the site acme has 1200 people since 2026-03-14 13:05 UTC."
    )


def test_a_number_selects_the_plural_form() -> None:
    """The template can show the number as `{number}`."""
    forms = [counted("One mail to {name}.", "{number} mails to {name}.", number, name="Ann") for number in (0, 1, 2)]
    assert forms == ["0 mails to Ann.", "One mail to Ann.", "2 mails to Ann."]


def test_the_words_of_people_are_taken_literally() -> None:
    """Braces in the words of people are not placeholders."""
    assert verbatim("{name} {") == "{name} {"
    assert verbatim(text("A {name}.", name="x")).key == "A {name}."
    assert verbatim("") is NO_TEXT


def test_joined_leaves_out_empty_texts() -> None:
    """A single text is returned unchanged."""
    first, second = text("First."), text("Second {number}.", number=2)
    assert joined(first, NO_TEXT, second) == "First. Second 2."
    assert joined(NO_TEXT, first) is first
    assert not joined()


def test_a_text_cannot_be_changed() -> None:
    """A text is shared between the people of a cohort."""
    with pytest.raises(AttributeError):
        text("A.").key = "B."


@given(_texts())
def test_texts_survive_json_copies_and_pickles(sentence: Text) -> None:
    """They keep their template and values, not only the rendering."""
    message = _Message(about=sentence)
    again = _Message.model_validate_json(message.model_dump_json())
    for other in (again.about, copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))):  # noqa: S301 - our own
        assert other == sentence
        assert _structure(other) == _structure(sentence)


def test_json_has_the_template_and_the_values() -> None:
    """A text without values is a plain string; in JSON for readers, every text is rendered."""
    message = _Message(about=text("At {at}: {number}.", at=AT, number=3))
    assert message.model_dump(mode="json") == {
        "about": {"key": "At {at}: {number}.", "params": {"at": {"datetime": "2026-03-14T13:05:00+00:00"}, "number": 3}}
    }
    assert to_json(message, context=ENGLISH) == b'{"about":"At 2026-03-14 13:05 UTC: 3."}'
    assert _Message(about=text("Done.")).model_dump(mode="json") == {"about": "Done."}


@pytest.mark.parametrize("raw", [3, {}, {"key": "{a}", "params": {"b": 1}}, {"key": "{a}", "params": {"a": None}}, []])
def test_json_that_is_no_text_is_refused(raw: object) -> None:
    """A message that cannot be rendered is malformed."""
    with pytest.raises(ValidationError):
        _Message.model_validate({"about": raw})

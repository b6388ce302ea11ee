"""Text that people typed, as Markdown in the Web UI."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import markdown


@pytest.mark.parametrize(
    "text",
    ["[sign in](https://evil.example)", "<https://evil.example>", "a | b", "# head", "![x](y)", "`code`", "**bold**"],
)
def test_nothing_typed_is_a_link_or_a_heading(text: str) -> None:
    """Every character that could start Markdown syntax is escaped."""
    assert not re.search(r"(?<!\\)[\[\](){}<>|#!*_`:~-]", markdown.plain(text))


@given(st.text())
def test_it_is_read_as_it_was_typed(text: str) -> None:
    """Only line breaks change, because they could start a list or a table."""
    shown = markdown.plain(text)
    assert re.sub(r"\\(.)", r"\1", shown) == " ".join(text.split())
    assert "\n" not in shown


def test_a_command_ends_where_it_ends() -> None:
    """No address in a command can end the code span early."""
    assert markdown.code("./starter.py start acme --initiator a`b@example.com").count("`") == 2

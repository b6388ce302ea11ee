"""Writes tables, messages, JSON and CSV to stdout and stderr; formats times, and makes untrusted text safe to print."""

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache

from pydantic import BaseModel
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from landbridge.client import csv_export
from landbridge.domain.people import Actor
from landbridge.domain.text import ENGLISH

_JOINERS = {"\u200c", "\u200d"}
"""Format characters that names and emoji need. Other format characters can hide or reorder text."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_PIPE_WIDTH = 10_000
"""Columns when the output is not a terminal, so that each row stays on one line."""


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


@cache
def out() -> Console:
    """Return the console for answers."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """Return the console for messages, questions and progress."""
    return _console(stderr=True)


def redraws() -> bool:
    """Return whether the output can be redrawn: it cannot in a pipe, or on a dumb terminal."""
    return out().is_terminal and not out().is_dumb_terminal


def say(sentence: str) -> None:
    """Print a message that is not part of the answer."""
    err().print(plain(sentence), soft_wrap=not err().is_terminal)


def who(by: Actor) -> str:
    """Return an actor's name for a table."""
    if by.claimed:
        return f"{by.source}, claims to be {by.claimed} {by.name}".rstrip()
    return f"{by.source} {by.name}".rstrip()


def write_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """Write the client's answer to stdout as JSON with texts in English, in UTF-8 whatever the locale."""
    _write(to_json(answer, indent=2, context=ENGLISH) + b"\n")


def write_csv(model: type[BaseModel], records: Iterable[BaseModel]) -> None:
    """Write records of a model to stdout as CSV, in UTF-8 whatever the locale."""
    _write((csv_export.header(model) + csv_export.rows(records)).encode())


def _write(encoded: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(encoded)
    sys.stdout.buffer.flush()


def plain(text: str) -> str:
    """Return the text with all characters replaced that could control the terminal or reorder the text."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in _UNSAFE_CATEGORIES and character not in _JOINERS else character
        for character in text
    )


def cell(text: str, style: str = "") -> Text:
    """Return the text for a table cell: safe to print, and never parsed as markup."""
    return Text(plain(text), style=style)


def table(*headings: str) -> Table:
    """Return an empty table without borders."""
    empty = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for heading in headings:
        empty.add_column(heading, overflow="fold")
    return empty


def lines(*parts: Text) -> Text:
    """Join the parts with line breaks."""
    return Text("\n").join(parts)


def local(moment: datetime | None, timespec: str = "minutes") -> str:
    """Format a time in the local time zone; empty for None. `timespec` as in `datetime.isoformat`."""
    if moment is None:
        return ""
    try:
        here = moment.astimezone()
    except OverflowError:  # the last hours of year 9999 in UTC do not exist in zones further east
        here = moment
    return f"{here.replace(tzinfo=None).isoformat(' ', timespec)} {here.tzname()}"


def people(number: int) -> str:
    """Return a number of people: `1 person`, `2 people`."""
    return f"{number} {'person' if number == 1 else 'people'}"


def age(length: timedelta) -> str:
    """Return a length of time in its largest unit, short: `3d`, `2h`."""
    number, unit = span(length).split()
    return f"{number}{unit[0]}"


def span(length: timedelta) -> str:
    """Return a length of time in its largest unit: `3 days`, `2 hours`."""
    seconds = max(0, int(length.total_seconds()))
    size, name = next(unit for unit in _UNITS if seconds >= unit[0] or unit is _UNITS[-1])
    number = seconds // size
    return f"{number} {name}{'' if number == 1 else 's'}"

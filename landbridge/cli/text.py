"""How things are written: consoles, times, and names from outside that nobody should trust."""

import sys
import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache

from pydantic import BaseModel
from pydantic_core import to_json
from rich.console import Console
from rich.table import Table
from rich.text import Text

from landbridge.domain.people import Actor
from landbridge.domain.text import ENGLISH

_JOINERS = {"\u200c", "\u200d"}
"""Format characters that names and emoji need; the others can hide or turn round what stands beside them."""
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_UNSHOWN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_UNBROKEN = 10_000
"""Columns when nobody looks: a program that reads lines gets each row on one."""


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNBROKEN
    return console


@cache
def out() -> Console:
    """Return where answers go."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """Return where messages, questions and progress go."""
    return _console(stderr=True)


def redraws() -> bool:
    """Return whether what was written can be written over; on a dumb terminal, or where nobody looks, it cannot."""
    return out().is_terminal and not out().is_dumb_terminal


def say(sentence: str) -> None:
    """Tell the user something that is not the answer."""
    err().print(plain(sentence), soft_wrap=not err().is_terminal)


def who(by: Actor) -> str:
    """Return who did something, in words for a table."""
    if by.claimed:
        return f"{by.source}, claims to be {by.claimed} {by.name}".rstrip()
    return f"{by.source} {by.name}".rstrip()


def write(text: str) -> None:
    """Write an answer for programs to stdout, in UTF-8 wherever we are."""
    _write(text.encode())


def write_json(answer: BaseModel | Sequence[BaseModel]) -> None:
    """Write an answer as JSON, with texts as English strings."""
    _write(to_json(answer, indent=2, context=ENGLISH) + b"\n")


def _write(encoded: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(encoded)
    sys.stdout.buffer.flush()


def plain(text: str) -> str:
    """Return the text with everything replaced that could steer a terminal or reorder what is read."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in _UNSHOWN and character not in _JOINERS else character
        for character in text
    )


def cell(text: str, style: str = "") -> Text:
    """Return the text for a table: harmless, and never taken for markup."""
    return Text(plain(text), style=style)


def table(*headings: str) -> Table:
    """Return an empty table without lines, as wide as it needs to be."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    return made


def lines(*parts: Text) -> Text:
    """Return these lines, one beneath the other."""
    return Text("\n").join(parts)


def local(moment: datetime | None, to_the: str = "minutes") -> str:
    """Return a time as people here read it, with its zone."""
    if moment is None:
        return ""
    try:
        here = moment.astimezone()
    except OverflowError:  # the calendar ends at midnight in UTC: further east, the last of it has no time
        here = moment
    return f"{here.replace(tzinfo=None).isoformat(' ', to_the)} {here.tzname()}"


def people(number: int) -> str:
    """Return how many people there are, in words."""
    return f"{number} {'person' if number == 1 else 'people'}"


def age(length: timedelta) -> str:
    """Return a length of time in as few columns as it takes: `3d`, `2h`."""
    number, unit = span(length).split()
    return f"{number}{unit[0]}"


def span(length: timedelta) -> str:
    """Return a length of time in its greatest unit: `3 days`, `2 hours`."""
    seconds = max(0, int(length.total_seconds()))
    size, name = next(unit for unit in _UNITS if seconds >= unit[0] or unit is _UNITS[-1])
    number = seconds // size
    return f"{number} {name}{'' if number == 1 else 's'}"

"""Answers as CSV that a spreadsheet takes for nothing but text."""

import csv
import io
from collections.abc import Iterable

from pydantic import BaseModel

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take the wide ones too
"""What makes a spreadsheet run a cell (OWASP, CSV Injection)."""


def head(model: type[BaseModel]) -> str:
    """Return the line that names the columns."""
    return _lines([model.model_fields])


def rows(lines: Iterable[BaseModel]) -> str:
    """Return a line for each."""
    return _lines([_harmless(value) for value in line.model_dump(mode="json").values()] for line in lines)


def _lines(cells: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(cells)
    return file.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

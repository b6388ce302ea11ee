"""Answers as CSV that a spreadsheet takes for nothing but text."""

import csv
import io
import re
from collections.abc import Iterable

from pydantic import BaseModel

from landbridge.domain.text import ENGLISH

_FORMULA = re.compile(r'(?:^|(?<=[,;|\t\r\n]))(?=[ "]*[=+\-@\t\r\n＝＋－＠])')  # noqa: RUF001 - spreadsheets take the wide ones too
"""Where a spreadsheet may find a formula: at the start of a value, and behind every separator in it (OWASP, CSV
Injection). By country or by choice spreadsheets split lines at semicolons or tabs, and then at those in values too."""


def head(model: type[BaseModel]) -> str:
    """Return the line that names the columns."""
    return _lines([model.model_fields])


def rows(lines: Iterable[BaseModel]) -> str:
    """Return a line for each, with texts in English."""
    dumps = (line.model_dump(mode="json", context=ENGLISH) for line in lines)
    return _lines([_harmless(value) for value in dump.values()] for dump in dumps)


def _lines(cells: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(cells)
    return file.getvalue()


def _harmless(value: object) -> object:
    return _FORMULA.sub("'", value) if isinstance(value, str) else value

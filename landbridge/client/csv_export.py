"""CSV export, protected against formula injection in spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable

from pydantic import BaseModel

from landbridge.domain.text import ENGLISH

_FORMULA = re.compile(r'(?:^|(?<=[,;|\t\r\n]))(?=[ "]*[=+\-@\t\r\n＝＋－＠])')  # noqa: RUF001 - spreadsheets also accept full-width characters
"""Where a spreadsheet may see a formula: at the start of a value, and after each separator inside a value (OWASP, CSV
Injection). Depending on locale and settings, spreadsheets also split lines at semicolons or tabs inside values."""


def header(model: type[BaseModel]) -> str:
    """Return the header line: the names of the model's fields."""
    return _csv([model.model_fields])


def rows(records: Iterable[BaseModel]) -> str:
    """Return one CSV line per record, with texts in English."""
    dumps = (record.model_dump(mode="json", context=ENGLISH) for record in records)
    return _csv([_escaped(value) for value in dump.values()] for dump in dumps)


def _csv(rows: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def _escaped(value: object) -> object:
    return _FORMULA.sub("'", value) if isinstance(value, str) else value

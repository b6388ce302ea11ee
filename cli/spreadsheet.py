"""Answers as CSV, for spreadsheets."""

import csv
import io
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel

from cli.options import SHOWN

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take the wide ones too
"""What makes a spreadsheet run a cell (OWASP, CSV Injection)."""


class SheetOutput(StrEnum):
    """In what form an answer about everyone is wanted."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


SheetOutput_ = Annotated[
    SheetOutput,
    Parameter(
        name=("--output", "-o"),
        metavar="FORM",
        help="A table of what matters; everyone as JSON for programs, or as CSV for a spreadsheet.",
    ),
    SHOWN,
]


def as_csv(model: type[BaseModel], lines: Iterable[BaseModel]) -> str:
    """Return lines of a model as CSV that a spreadsheet takes for nothing but text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(model.model_fields)
    for line in lines:
        writer.writerow(_harmless(value) for value in line.model_dump(mode="json").values())
    return file.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

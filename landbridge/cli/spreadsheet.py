"""Answers as CSV, for spreadsheets."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from cyclopts import Parameter
from pydantic import BaseModel

from landbridge.cli.options import SHOWN
from landbridge.client import csv_export


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
    """Return lines of a model as CSV."""
    return csv_export.header(model) + csv_export.rows(lines)

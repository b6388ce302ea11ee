"""A roster as CSV: a header that names the columns, then a line per person."""

import csv
from collections.abc import Iterator
from itertools import chain

from adapters.roster_check import RosterCheck
from adapters.roster_columns import column, columns, is_export
from domain.errors import BadInput

_DELIMITERS = ",;\t|"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


def check(header: str, lines: Iterator[str], roster: RosterCheck) -> None:
    """Read the rows below `header` into `roster`; a row is called by the line on which it begins.

    The delimiter is the one by which the header has the most known columns.

    Raises:
        BadInput: the header is not one.
        csv.Error: a row cannot be taken apart, nor what follows it; see `explain`.

    """
    if not header.strip():
        raise BadInput("The file is empty, or its first line is: that line has to name the columns.")
    delimiter = max(_DELIMITERS, key=lambda tried: _known(header, tried))
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True, skipinitialspace=True)
    headings = _without_empty_end(next(reader))
    where = columns(headings)
    if "email" not in where:
        raise BadInput(f"The first line has to name the columns, and one has to be 'email'; it says {header[:80]!r}.")
    exported = is_export(headings)
    while True:
        row = reader.line_num + 1
        roster.last_row = row
        fields = next(reader, None)
        if fields is None:
            return
        fields = _without_empty_end(fields, keep=len(headings))
        if any(field.strip() for field in fields):
            values = {name: fields[at] for name, at in where.items() if at < len(fields)}
            roster.add(row, values, exported=exported, misfit=_misfit(fields, headings, delimiter))


def explain(error: csv.Error, row: int) -> str:
    """Return what is wrong with a row that cannot be taken apart, and what to do."""
    if "field larger" in str(error):
        limit = csv.field_size_limit()
        return f"Row {row} has a field of more than {limit} characters: most likely a quote that is not closed."
    if "end of data" in str(error):
        return f"Row {row} opens a quote that is never closed; close it."
    return f"Row {row} has text after a closing quote; write a quote inside of a quoted field twice."


def _known(header: str, delimiter: str) -> int:
    try:
        return sum(column(heading) is not None for heading in next(csv.reader([header], delimiter=delimiter)))
    except csv.Error:
        return 0


def _misfit(fields: list[str], headings: list[str], delimiter: str) -> str:
    """Return why a row does not fit the header, as a clause; empty if it does."""
    if len(fields) == len(headings):
        return ""
    clause = f"the row has {len(fields)} fields where the header has {len(headings)}"
    other = next((_NAMES[tried] for tried in _DELIMITERS if tried != delimiter and tried in "".join(fields)), "")
    hint = f": separate them by {_NAMES[delimiter]}, as in the header, not by {other}" if other else ""
    return clause + hint


def _without_empty_end(fields: list[str], keep: int = 0) -> list[str]:
    """Return the fields without the empty ones that spreadsheets leave at the end of a line."""
    while len(fields) > keep and not fields[-1].strip():
        fields = fields[:-1]
    return fields

"""A roster as CSV: a header that names the columns, then a line per person."""

import csv
import re
from collections.abc import Iterator
from itertools import chain

from landbridge.domain.errors import BadInput
from landbridge.integrations.roster_files.checks import RosterCheck
from landbridge.integrations.roster_files.columns import column, columns, is_export

_DELIMITERS = ",;\t|"
_DECLARATION = re.compile(r'#TYPE .*|"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)
"""Lines above the header: the type of the rows by Windows PowerShell's `Export-Csv`, the delimiter for Excel."""
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_ALL_NAMES = ", ".join(_NAMES.values())


def check(number: int, line: str, lines: Iterator[str], roster: RosterCheck) -> None:
    """Read a file from its first `line` with text, which has that number, and the `lines` below it into `roster`.

    A row is called by the line on which it begins. The delimiter is the one that a line above the header declares
    (`sep=;`), else the one by which the header has the most known columns.

    Raises:
        BadInput: the header is not one.
        csv.Error: a row cannot be taken apart, nor what follows it; see `explain`.

    """
    header, declared = line, ""
    while found := _DECLARATION.fullmatch(header):
        declared = found[1] or declared
        number, header = number + 1, next(lines, "")
    if not header.strip():
        raise BadInput("The file is empty, or has no line that names the columns.")
    if declared not in _DELIMITERS:  # which holds for the empty one
        raise BadInput(f"The file declares that {declared!r} separates its columns; use one of {_ALL_NAMES}.")
    delimiter = declared or max(_DELIMITERS, key=lambda tried: _known(header, tried))
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True, skipinitialspace=True)
    headings = _without_empty_end(next(reader))
    where = columns(headings)
    if "email" not in where:
        raise BadInput(f"Line {number} has to name the columns, and one has to be 'email'; it says {header[:80]!r}.")
    exported = is_export(headings)
    while True:
        row = reader.line_num + number
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
    end = len(fields)
    while end > keep and not fields[end - 1].strip():
        end -= 1
    return fields[:end]

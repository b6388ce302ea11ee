"""The formats of a roster file: CSV with a header and a line for each person, or a JSON list of objects."""

import csv
import json
import re
from collections.abc import Iterator
from itertools import chain

from landbridge.domain.errors import BadInput
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.integrations.roster_files.rows import RosterCheck, column, columns, is_export

_DELIMITERS = ",;\t|"
_DECLARATION = re.compile(r'#TYPE .*|"?sep=(.)"?\s*', re.IGNORECASE | re.DOTALL)
"""Lines above the header: the row type from Windows PowerShell's `Export-Csv`, or the delimiter for Excel."""
_NAMES = {",": text("commas"), ";": text("semicolons"), "\t": text("tabs"), "|": text("bars")}
_ALL_NAMES = ", ".join(_NAMES.values())


def read_csv(number: int, line: str, lines: Iterator[str], roster: RosterCheck) -> None:
    """Read CSV into `roster`: the first non-empty `line`, which has this number, and the `lines` after it.

    The number of a row is the number of its first line. The delimiter is declared by a line above the header
    (`sep=;`); otherwise it is the one with which the header has the most known columns.

    Raises:
        BadInput: the header is invalid.
        csv.Error: a row cannot be parsed, so the rows after it cannot be either; see `explain_csv_error`.

    """
    header, declared = line, ""
    while found := _DECLARATION.fullmatch(header):
        declared = found[1] or declared
        number, header = number + 1, next(lines, "")
    if not header.strip():
        raise BadInput("The file is empty, or has no line that names the columns.")
    if declared not in _DELIMITERS:  # an empty string is `in` every string
        raise BadInput(f"The file declares that {declared!r} separates its columns; use one of {_ALL_NAMES}.")
    delimiter = declared or max(_DELIMITERS, key=lambda each: _count_known_columns(header, each))
    reader = csv.reader(chain([header], lines), delimiter=delimiter, strict=True, skipinitialspace=True)
    headings = _strip_empty_end(next(reader))
    where = columns(headings)
    if "email" not in where:
        raise BadInput(
            f"Line {number} must name the columns, one of which must be 'email'; it contains {header[:80]!r}."
        )
    exported = is_export(headings)
    while True:
        row = reader.line_num + number
        roster.last_row = row
        fields = next(reader, None)
        if fields is None:
            return
        fields = _strip_empty_end(fields, keep=len(headings))
        if any(field.strip() for field in fields):
            values = {name: fields[at] for name, at in where.items() if at < len(fields)}
            roster.add(row, values, exported=exported, misfit=_width_problem(fields, headings, delimiter))


def explain_csv_error(error: csv.Error, row: int) -> str:
    """Return why a row cannot be parsed, and what to do."""
    if "field larger" in str(error):
        limit = csv.field_size_limit()
        return f"Row {row} has a field of more than {limit} characters: most likely a quote that is not closed."
    if "end of data" in str(error):
        return f"Row {row} opens a quote that is never closed; close it."
    return f"Row {row} has text after a closing quote; double each quote inside a quoted field."


def _count_known_columns(header: str, delimiter: str) -> int:
    try:
        return sum(column(heading) is not None for heading in next(csv.reader([header], delimiter=delimiter)))
    except csv.Error:
        return 0


def _width_problem(fields: list[str], headings: list[str], delimiter: str) -> Text:
    """Return why a row has the wrong number of fields, as a clause; empty if it has the right number."""
    if len(fields) == len(headings):
        return NO_TEXT
    other = next((_NAMES[each] for each in _DELIMITERS if each != delimiter and each in "".join(fields)), None)
    if other is None:
        return text(
            "the row has {fields} fields where the header has {headings}", fields=len(fields), headings=len(headings)
        )
    return text(
        "the row has {fields} fields where the header has {headings}: separate them by {expected}, as in the header, "
        "not by {found}",
        fields=len(fields),
        headings=len(headings),
        expected=_NAMES[delimiter],
        found=other,
    )


def _strip_empty_end(fields: list[str], keep: int = 0) -> list[str]:
    """Return the fields without the empty fields that spreadsheets leave at the end of a line."""
    end = len(fields)
    while end > keep and not fields[end - 1].strip():
        end -= 1
    return fields[:end]


_SPACE = re.compile(r"[ \t\r\n]*")
_NO_OBJECT = text("this is not an object with a person's data")


def read_json(text: str, roster: RosterCheck) -> None:
    """Read a JSON list of objects into `roster`; the number of a row is its place in the list, from 1.

    Raises:
        BadInput: it is not JSON or not a list, an object has a duplicate or unknown key, or `roster` is full.

    """
    try:
        _read_elements(text, roster)
    except json.JSONDecodeError as error:
        raise BadInput(f"Line {error.lineno}, column {error.colno} is not JSON: {error.msg}.") from None
    except (RecursionError, ValueError):
        raise BadInput(
            "The file is no roster: it is nested too deeply, or has a number of thousands of digits."
        ) from None


def _read_elements(text: str, roster: RosterCheck) -> None:
    escapes = "\\ud" in text.casefold()
    known: dict[tuple[str, ...], dict[str, int]] = {}
    for row, person in enumerate(_elements(text), start=1):
        if escapes and not _encodable(person):
            raise BadInput("The file has one half of a surrogate pair (an escape like \\ud800), which is no character.")
        if not isinstance(person, dict):
            roster.add(row, {}, exported=False, misfit=_NO_OBJECT)
            continue
        keys = tuple(person)
        if keys not in known:  # in most lists, all objects have the same keys
            try:
                known[keys] = columns(keys)
            except BadInput as error:
                raise BadInput(f"Row {row}: {error}") from None
        values = {name: person[keys[at]] for name, at in known[keys].items()}
        roster.add(row, values, exported=is_export(keys))


def _elements(text: str) -> Iterator[object]:
    """Yield the elements of a list one by one, because a parsed list takes a hundred times the memory of its text.

    Raises:
        BadInput: it is not a list.
        json.JSONDecodeError: the rest is not JSON.

    """
    decode = json.JSONDecoder(object_pairs_hook=_object).raw_decode
    at = _after_space(text, 0)
    if not text.startswith("[", at):
        raise BadInput("The roster must be a list of people; in a response of Opsgenie's API, that is 'data'.")
    at = _after_space(text, at + 1)
    more = not text.startswith("]", at)
    while more:
        element, at = decode(text, at)
        yield element
        at = _after_space(text, at)
        more = text.startswith(",", at)
        if more:
            at = _after_space(text, at + 1)
        elif not text.startswith("]", at):
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
    end = _after_space(text, at + 1)
    if end < len(text):
        raise json.JSONDecodeError("Extra data", text, end)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise BadInput("An object gives the same key twice; keep one.")
    return dict(pairs)


def _encodable(loaded: object) -> bool:
    try:
        json.dumps(loaded, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True

"""A roster from a file on the starter's disk, CSV or JSON, checked whole before anything else happens."""

import codecs
import csv
import re
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from landbridge.domain.errors import BadInput
from landbridge.integrations.roster_files import csv_rows, json_rows
from landbridge.integrations.roster_files.checks import Reading, RosterCheck

LARGEST = 256 * 1024 * 1024
"""Bytes in a roster file: far beyond a million people, and bounds the memory that a wrong file can take."""
STANDARD_INPUT = Path("-")
_TOO_LARGE = f"The file has more than {LARGEST // 1024**2} MiB: that is no roster."
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = {b"PK\x03\x04": "an Excel or OpenDocument workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
"""How files begin that spreadsheets save unless told otherwise (ZIP archives, and OLE ones until Excel 2003)."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


def read(path: Path) -> Reading:
    """Read a roster and check every row of it.

    The file is UTF-8 (with or without a byte order mark) or UTF-16 with one. What starts with a bracket or brace,
    empty lines aside, is JSON, all else CSV: see `roster_json` and `roster_csv` for the shapes.

    `path` may also be a pipe, or `STANDARD_INPUT`.

    Raises:
        BadInput: the file as a whole cannot be read; what concerns one row is a problem in the answer.

    """
    try:
        with _opened(path) as file:
            text = TextIOWrapper(file, encoding=_encoding(path, file), newline="")
            try:
                return _read(text)
            except UnicodeDecodeError as error:
                raise BadInput(_undecodable(file, error)) from None
            finally:
                text.detach()  # it would close the file while that is still needed
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None


def _opened(path: Path) -> BinaryIO:
    """Return what the file holds, as something that can be read twice; a pipe is kept in memory for it."""
    if path == STANDARD_INPUT:
        content = sys.stdin.buffer.read(LARGEST + 1)
    elif not path.exists():
        raise BadInput(f"There is no file {path}.")
    elif path.is_dir() or path.is_char_device() or path.is_block_device():
        raise BadInput(f"{path} is a {'folder' if path.is_dir() else 'device'}: name a file.")
    elif path.is_file():
        if path.stat().st_size > LARGEST:
            raise BadInput(_TOO_LARGE)
        return path.open("rb")
    else:
        with path.open("rb") as pipe:
            content = pipe.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise BadInput(_TOO_LARGE)
    return BytesIO(content)


def _encoding(path: Path, file: BinaryIO) -> str:
    start = file.read(4)
    file.seek(0)
    if workbook := _WORKBOOKS.get(start):
        raise BadInput(
            f"{path} is {workbook}: open it, export the sheet with the people (File, Save As, “CSV UTF-8”), and name "
            "the file that this makes."
        )
    return next((name for bom, name in _BOMS.items() if start.startswith(bom)), "utf-8")


def _undecodable(file: BinaryIO, error: UnicodeDecodeError) -> str:
    if error.encoding.startswith("utf-16"):
        return "The file begins as UTF-16 but is damaged: save it again, best as UTF-8."
    # The error counts from the start of some buffer; to name the line, the whole has to be looked at.
    file.seek(0)
    data = file.read()
    try:
        data.decode()
    except UnicodeDecodeError as whole:
        line = len(_LINE_END.findall(data, 0, whole.start)) + 1
        return (
            f"Line {line} is not UTF-8: most likely the file was saved in an older encoding such as Windows-1252. "
            "Save it as “CSV UTF-8”."
        )
    return "The file changed while it was read: try again."


def _read(file: TextIO) -> Reading:
    check = RosterCheck()
    lines = _without_nul(file)
    number, first = next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (1, ""))
    if first.lstrip().startswith(("[", "{")):
        json_rows.check("\n" * (number - 1) + first + "".join(lines), check)  # errors name the line in the file
    else:
        try:
            csv_rows.check(number, first, lines, check)
        except csv.Error as error:
            raise BadInput(csv_rows.explain(error, check.last_row)) from None
    return check.finish()


def _without_nul(file: TextIO) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise BadInput(
                f"Line {number} holds a NUL character: the file is damaged, or UTF-16 without a byte order mark. "
                "Save it as UTF-8."
            )
        yield line

"""Read a roster from a local CSV or JSON file. The whole file is checked before anything else happens."""

import codecs
import csv
import re
import sys
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

from landbridge.domain.errors import BadInput
from landbridge.integrations.roster_files import formats
from landbridge.integrations.roster_files.rows import Reading, RosterCheck

MAX_SIZE = 256 * 1024 * 1024
"""Maximum size in bytes, enough for far more than a million people. It limits the memory that a wrong file can use."""
STANDARD_INPUT = Path("-")
_TOO_LARGE = f"The file has more than {MAX_SIZE // 1024**2} MiB: that is no roster."
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_WORKBOOKS = {b"PK\x03\x04": "an Excel or OpenDocument workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
"""The first bytes of the default formats of spreadsheet programs (ZIP, or OLE until Excel 2003)."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


def read(path: Path) -> Reading:
    """Read a roster and check every row.

    The encoding is UTF-8, or UTF-16 with a byte order mark. A file whose first non-empty line starts with a bracket or
    brace is JSON; any other file is CSV. See `formats`.

    `path` may also be a pipe, or `STANDARD_INPUT`.

    Raises:
        BadInput: the file as a whole cannot be read. Errors in single rows are in the result's `problems`.

    """
    try:
        with _opened(path) as file:
            text = TextIOWrapper(file, encoding=_encoding(path, file), newline="")
            try:
                return _read(text)
            except UnicodeDecodeError as error:
                raise BadInput(_undecodable(file, error)) from None
            finally:
                text.detach()  # otherwise the file would be closed with it, and it is still needed
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from None


def _opened(path: Path) -> BinaryIO:
    """Return the content as a stream that can be read twice; a pipe is read into memory."""
    if path == STANDARD_INPUT:
        content = sys.stdin.buffer.read(MAX_SIZE + 1)
    elif not path.exists():
        raise BadInput(f"There is no file {path}.")
    elif path.is_dir() or path.is_char_device() or path.is_block_device():
        raise BadInput(f"{path} is a {'folder' if path.is_dir() else 'device'}: name a file.")
    elif path.is_file():
        if path.stat().st_size > MAX_SIZE:
            raise BadInput(_TOO_LARGE)
        return path.open("rb")
    else:
        with path.open("rb") as pipe:
            content = pipe.read(MAX_SIZE + 1)
    if len(content) > MAX_SIZE:
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
    # The position in the error is relative to a buffer; to find the line, decode the whole file.
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
        formats.read_json("\n" * (number - 1) + first + "".join(lines), check)  # keep line numbers for errors
    else:
        try:
            formats.read_csv(number, first, lines, check)
        except csv.Error as error:
            raise BadInput(formats.explain_csv_error(error, check.last_row)) from None
    return check.finish()


def _without_nul(file: TextIO) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        if "\0" in line:
            raise BadInput(
                f"Line {number} holds a NUL character: the file is damaged, or UTF-16 without a byte order mark. "
                "Save it as UTF-8."
            )
        yield line

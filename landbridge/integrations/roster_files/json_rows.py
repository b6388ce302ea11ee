"""A roster as JSON: a list of objects, with our names or with those of Opsgenie's own user data."""

import json
import re
from collections.abc import Iterator

from landbridge.domain.errors import BadInput
from landbridge.integrations.roster_files.checks import RosterCheck
from landbridge.integrations.roster_files.columns import columns, is_export

_SPACE = re.compile(r"[ \t\r\n]*")


def check(text: str, roster: RosterCheck) -> None:
    """Read the objects of a list into `roster`; a row is called by its place in the list, counted from 1.

    Raises:
        BadInput: it is no JSON, no list, or names a key twice or one that is not known; or `roster` is full.

    """
    try:
        _check(text, roster)
    except json.JSONDecodeError as error:
        raise BadInput(f"Line {error.lineno}, column {error.colno} is not JSON: {error.msg}.") from None
    except (RecursionError, ValueError):
        raise BadInput(
            "The file is no roster: it is nested too deeply, or has a number of thousands of digits."
        ) from None


def _check(text: str, roster: RosterCheck) -> None:
    escapes = "\\ud" in text.casefold()
    known: dict[tuple[str, ...], dict[str, int]] = {}
    for row, person in enumerate(_elements(text), start=1):
        if escapes and not _encodable(person):
            raise BadInput("The file has one half of a surrogate pair (an escape like \\ud800), which is no character.")
        if not isinstance(person, dict):
            roster.add(row, {}, exported=False, misfit="this is not an object with a person's data")
            continue
        keys = tuple(person)
        if keys not in known:  # few lists have objects of more than one kind
            try:
                known[keys] = columns(keys)
            except BadInput as error:
                raise BadInput(f"Row {row}: {error}") from None
        values = {name: person[keys[at]] for name, at in known[keys].items()}
        roster.add(row, values, exported=is_export(keys))


def _elements(text: str) -> Iterator[object]:
    """Yield the elements of a list one by one: all of them at once take a hundred times the memory of the text.

    Raises:
        BadInput: it is no list.
        json.JSONDecodeError: what follows is not JSON.

    """
    decode = json.JSONDecoder(object_pairs_hook=_object).raw_decode
    at = _after_space(text, 0)
    if not text.startswith("[", at):
        raise BadInput("The roster has to be a list of people; of an answer of Opsgenie's API, that is its 'data'.")
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

"""The columns of a roster file, by the headings that people and Opsgenie give them."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from adapters.roster_values import shown
from domain.errors import BadInput

COLUMNS = ("email", "name", "role", "email_verified", "blocked", "sso", "locale")
"""What a roster can say of a person; only `email` is required."""
_SPELLINGS = {column.replace("_", ""): column for column in COLUMNS} | {
    "username": "email",
    "fullname": "name",
    "verified": "email_verified",
}
"""Headings without case, spaces, hyphens and underscores; the last three are Opsgenie's own."""


def column(heading: str) -> str | None:
    """Return which of `COLUMNS` a heading means; None if none of them."""
    return _SPELLINGS.get(re.sub(r"[\s_-]+", "", heading).casefold())


def columns(headings: Sequence[str]) -> dict[str, int]:
    """Return where each column stands.

    Headings of other things are ignored only beside Opsgenie's own `username`, where they are known to be more data of
    its export; anywhere else, and wherever one looks like a slip, nobody can tell what would be lost.

    Raises:
        BadInput: a heading is unknown or there twice.

    """
    found: dict[str, int] = {}
    exported = is_export(headings)
    for at, heading in enumerate(headings):
        known = column(heading)
        if known is None:
            meant = get_close_matches(re.sub(r"[\s_-]+", "", heading).casefold(), _SPELLINGS, n=1, cutoff=0.8)
            if meant:
                raise BadInput(f"The column {shown(heading)} is not known; did you mean {_SPELLINGS[meant[0]]!r}?")
            if not exported:
                raise BadInput(f"The column {shown(heading)} is not known; remove it. Known are {', '.join(COLUMNS)}.")
        elif known in found:
            raise BadInput(
                f"Two columns give {known!r}: {shown(headings[found[known]])} and {shown(heading)}; remove one."
            )
        else:
            found[known] = at
    return found


def is_export(headings: Sequence[str]) -> bool:
    """Return whether these are the names that Opsgenie itself gives to a user's data."""
    return any(heading.strip().casefold() == "username" for heading in headings)

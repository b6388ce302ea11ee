"""The columns of a roster file, by the headings that people and Opsgenie give them."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from landbridge.domain.errors import BadInput
from landbridge.integrations.roster_files.values import shown

COLUMNS = ("email", "name", "role", "email_verified", "blocked", "sso", "locale")
"""What a roster can say of a person; only `email` is required."""
MAX_COLUMNS = 1000
"""Headings of one file; Opsgenie's own export has some 20."""
_SPELLINGS = {column.replace("_", ""): column for column in COLUMNS} | {
    "username": "email",
    "fullname": "name",
    "verified": "email_verified",
}
"""Headings without case, spaces, hyphens and underscores; the last three are Opsgenie's own."""


def column(heading: str) -> str | None:
    """Return which of `COLUMNS` a heading means; None if none of them."""
    return _SPELLINGS.get(_normal(heading))


def columns(headings: Sequence[str]) -> dict[str, int]:
    """Return where each column stands.

    Headings of other things are ignored only beside Opsgenie's own `username`, where they are known to be more data of
    its export; anywhere else, and wherever one looks like a slip, nobody can tell what would be lost.

    Raises:
        BadInput: a heading is unknown or there twice, or there are more than `MAX_COLUMNS`.

    """
    if len(headings) > MAX_COLUMNS:
        raise BadInput(f"There are {len(headings):,} columns, which no roster has: at most {MAX_COLUMNS:,}.")
    found: dict[str, int] = {}
    exported = is_export(headings)
    for at, heading in enumerate(headings):
        known = column(heading)
        if known is None:
            meant = _meant(heading, exported=exported)
            if meant:
                raise BadInput(
                    f"The column {shown(heading)} is not known; did you mean {meant!r}? Rename it, or remove it if it "
                    "holds something else."
                )
            if not exported:
                raise BadInput(f"The column {shown(heading)} is not known; remove it. Known are {', '.join(COLUMNS)}.")
        elif known in found:
            raise BadInput(
                f"Two columns give {known!r}: {shown(headings[found[known]])} and {shown(heading)}; remove one."
            )
        else:
            found[known] = at
    return found


def _normal(heading: str) -> str:
    return re.sub(r"[\s_-]+", "", heading).casefold()


def _meant(heading: str, *, exported: bool) -> str | None:
    """Return which column an unknown heading most likely means; None if nobody can tell."""
    normal = _normal(heading)
    close = get_close_matches(normal, _SPELLINGS, n=1, cutoff=0.8)
    # "Email address", "E-Mail-Adresse", "Display name". Opsgenie's export has columns of its own like that.
    inside = [] if exported else sorted((known for known in _SPELLINGS if known in normal), key=len, reverse=True)
    return next((_SPELLINGS[known] for known in (*close, *inside)), None)


def is_export(headings: Sequence[str]) -> bool:
    """Return whether these are the names that Opsgenie itself gives to a user's data."""
    return any(heading.strip().casefold() == "username" for heading in headings)

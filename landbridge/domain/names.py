"""Checks that a person's name is not blank.

Names from Opsgenie, roster files and forms share this rule, so that no link or greeting has an invisible name.
"""

import unicodedata

_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Blank characters that Unicode calls letters or symbols: Hangul fillers and the Braille pattern without dots."""
_INVISIBLE = ("C", "M", "Z")
"""Major Unicode categories of characters that are invisible by themselves: controls and formats, marks, spaces."""


def is_visible(name: str) -> bool:
    """Return whether a name has a visible character: one that is not a space, a control, a mark or a filler."""
    return any(
        character not in _FILLERS and not unicodedata.category(character).startswith(_INVISIBLE) for character in name
    )

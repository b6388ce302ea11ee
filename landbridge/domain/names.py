"""People's names, as services and files give them: whether there is anything to see.

Opsgenie, roster files and forms share this rule, so that no list shows a link or a greeting without a name.
"""

import unicodedata

_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and symbols by their category, but blank: the fillers of Hangul, and the Braille pattern without dots."""
_INVISIBLE = ("C", "M", "Z")
"""Major categories of characters that show nothing by themselves: controls and formats, marks, and spaces."""


def is_visible(name: str) -> bool:
    """Return whether a name shows anything: a character that is more than a space, a control, a mark or a filler."""
    return any(
        character not in _FILLERS and not unicodedata.category(character).startswith(_INVISIBLE) for character in name
    )

"""What people paste: text with what a mail program, a web page or a file has put around it."""

import re

_SURROUNDINGS = r"[\s\ufeff\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069]+"
"""White space of any kind, a byte order mark, and characters that cannot be seen."""
_EDGES = re.compile(rf"\A{_SURROUNDINGS}|{_SURROUNDINGS}\Z")


def trimmed(text: str) -> str:
    """Return the text without white space and invisible characters at its ends."""
    return _EDGES.sub("", text)

"""Cleans up pasted text: removes what a mail program, a web page or a file has put around it."""

import re
from urllib.parse import unquote

_SURROUNDINGS = r"[\s\ufeff\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069]+"
"""White space of any kind, the byte order mark, and invisible characters."""
_INVISIBLE = re.compile("[\\u00ad\\u200b\\u200e\\u200f\\u2060\\ufeff]")
"""Invisible characters that have no meaning in an address. Characters that change the writing direction (U+202A-U+202E,
U+2066-U+2069) are not included: an address with such a character is not what it looks like."""
_NAME_AND_ADDRESS = re.compile(r"[^<>]*<(?P<address>[^<>]+)>[\s;,]*")
_PUNCTUATION = " \t\u00a0;,\"'()[]\u2018\u2019\u201c\u201d\u201e"
_LINK = "mailto:"
_SEPARATORS = frozenset(" ,;<>")
_EDGES = re.compile(rf"\A{_SURROUNDINGS}|{_SURROUNDINGS}\Z")


def trimmed(text: str) -> str:
    """Return the text without white space and invisible characters at its ends."""
    return _EDGES.sub("", text)


def is_text(text: str) -> bool:
    """Return whether this is valid text: Python decodes an input byte that is not UTF-8 to a lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def address(text: str) -> str:
    """Return the address that a pasted text contains; a text with no address, or several, is only trimmed.

    Supports `mailto:` links, `Name <address>`, surrounding quotes and brackets, a trailing separator, and invisible
    characters.
    """
    found = _INVISIBLE.sub("", trimmed(text))
    if named := _NAME_AND_ADDRESS.fullmatch(found):
        found = named["address"]
    found = found.strip(_PUNCTUATION)
    if found[: len(_LINK)].casefold() == _LINK:
        # RFC 6068: header fields such as a subject may follow, and the address may be percent-encoded (`+` as %2B).
        found = unquote(found[len(_LINK) :].partition("?")[0])
    return trimmed(found) if found.count("@") == 1 and not _SEPARATORS & set(found) else trimmed(text)

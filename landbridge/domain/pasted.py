"""What people paste: text with what a mail program, a web page or a file has put around it."""

import re
from urllib.parse import unquote

_SURROUNDINGS = r"[\s\ufeff\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2069]+"
"""White space of any kind, a byte order mark, and characters that cannot be seen."""
_UNSEEN = re.compile("[\\u00ad\\u200b\\u200e\\u200f\\u2060\\ufeff]")
"""Characters that cannot be seen and mean nothing in an address. Those that turn the direction of writing are not here:
an address with one is not what it looks like."""
_NAMED = re.compile(r"[^<>]*<(?P<address>[^<>]+)>[\s;,]*")
_AROUND = " \t\u00a0;,\"'()[]\u2018\u2019\u201c\u201d\u201e"
_LINK = "mailto:"
_SEPARATORS = frozenset(" ,;<>")
_EDGES = re.compile(rf"\A{_SURROUNDINGS}|{_SURROUNDINGS}\Z")


def trimmed(text: str) -> str:
    """Return the text without white space and invisible characters at its ends."""
    return _EDGES.sub("", text)


def is_text(text: str) -> bool:
    """Return whether it is text; a byte that is not UTF-8 comes from outside as half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def address(text: str) -> str:
    """Return the one address that a pasted text means; a text that means none, or several, is only trimmed.

    Understood are `mailto:` links, `Name <address>`, quotes and brackets around it, a separator behind it, and
    characters that cannot be seen.
    """
    found = _UNSEEN.sub("", trimmed(text))
    if named := _NAMED.fullmatch(found):
        found = named["address"]
    found = found.strip(_AROUND)
    if found[: len(_LINK)].casefold() == _LINK:
        # RFC 6068: a subject and the like may follow, and signs in an address may be written as %2B.
        found = unquote(found[len(_LINK) :].partition("?")[0])
    return trimmed(found) if found.count("@") == 1 and not _SEPARATORS & set(found) else trimmed(text)

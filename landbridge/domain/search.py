"""Searches people by part of a name or address."""

import unicodedata

from landbridge.domain.people import Person

MAX_LENGTH = 254
"""Characters of a search text that are used: the maximum length of an address. The rest is ignored."""
_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "đ": "d",
        "ð": "d",
        "ł": "l",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "þ": "th",
        "ħ": "h",
    }
)
"""Letters that Unicode decomposition does not reduce to their base letters."""
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
"""What people type whose keyboards lack these letters."""


class Search:
    """A search text. Each of its words must be part of the name or an address; case and accents are ignored."""

    def __init__(self, typed: str) -> None:
        text = typed[:MAX_LENGTH]
        self._words, self._spelled_out = _fold(text).split(), _fold(_spell_out(text)).split()

    def finds(self, person: Person) -> bool:
        """Return whether a person matches; an empty search matches everyone."""
        if not self._words:
            return True
        texts = " ".join((person.name, person.email, *person.former_emails))
        return _all_in(self._words, _fold(texts)) or _all_in(self._spelled_out, _fold(_spell_out(texts)))


def _all_in(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


def _fold(text: str) -> str:
    """Return a text for comparison: without case, accents and character width."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS)).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _spell_out(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().translate(_SPELLED_OUT)

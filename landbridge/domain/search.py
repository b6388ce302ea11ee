"""Finding people by part of a name or address, as people type it."""

import unicodedata

from landbridge.domain.people import Person

MAX_LENGTH = 254
"""Characters of a search that count; as long as an address."""
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
"""Letters that no decomposition brings to their look-alikes."""
_SPELLED_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
"""What those who lack these letters write for them."""


class Search:
    """What was typed: words, each of which must be in the name or an address, whatever its case and accents."""

    def __init__(self, typed: str) -> None:
        text = typed[:MAX_LENGTH]
        self._words, self._spelled_out = _fold(text).split(), _fold(_spell_out(text)).split()

    def finds(self, person: Person) -> bool:
        """Return whether someone is meant; a search for nothing means everyone."""
        if not self._words:
            return True
        texts = " ".join((person.name, person.email, *person.former_emails))
        return _all_in(self._words, _fold(texts)) or _all_in(self._spelled_out, _fold(_spell_out(texts)))


def _all_in(words: list[str], text: str) -> bool:
    return all(word in text for word in words)


def _fold(text: str) -> str:
    """Return what spellings of the same text share: without case, accents, and the width of letters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS)).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _spell_out(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold().translate(_SPELLED_OUT)

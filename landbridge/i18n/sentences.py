"""Sentences of ours, found again in a text that somebody has put together in English.

Workflows word what they tell in English, once for everyone: it stands in histories and answers. A catalogue has those
sentences with their values named (`The site {name} is created.`), and so knows them when it sees them.
"""

import re
from collections.abc import Mapping

MAX_LENGTH = 1_000
"""Characters of a text that is looked at; nothing of ours is longer, and what somebody typed may be."""
_VALUE = re.compile(r"\{(\w+)\}")
_BETWEEN = re.compile(r"(?<=[.!?])(;? )")
"""Where one sentence ends and the next begins."""


class Sentences:
    """What one language says for each sentence."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        """Take the translations; values are marked by braces in both."""
        self._whole = {sentence: said for sentence, said in translations.items() if not _VALUE.search(sentence)}
        with_values = [sentence for sentence in translations if _VALUE.search(sentence)]
        # What says most comes first: `{neighbour} asks for patience.` must not take another's sentence for its own.
        with_values.sort(key=lambda sentence: -len(_VALUE.sub("", sentence)))
        self._patterns = [(_pattern(sentence), translations[sentence]) for sentence in with_values]

    def translated(self, text: str) -> str:
        """Return a text with every sentence of ours in this language; what nobody knows stays as it is."""
        if len(text) > MAX_LENGTH:
            return text
        parts = _BETWEEN.split(text)
        known = [self._known(part) for part in parts[::2]]
        if not all(known) and (whole := self._known(text)):
            return whole
        parts[::2] = [said or self._with_reason(part) for said, part in zip(known, parts[::2], strict=True)]
        return "".join(parts)

    def _with_reason(self, text: str) -> str:
        """Return a code, or what somebody else says, as it is; what we say about it after a colon is translated."""
        what, colon, reason = text.partition(": ")
        return f"{what}{colon}{self._known(reason) or reason}" if colon else text

    def _known(self, text: str) -> str:
        """Return what is said for a text that is one sentence of ours; empty if it is none."""
        if said := self._whole.get(text):
            return said
        for pattern, said in self._patterns:
            if found := pattern.fullmatch(text):
                return said.format_map({name: self._value(value) for name, value in found.groupdict().items()})
        return ""

    def _value(self, value: str) -> str:
        # A single word in small letters is a name, even if we have a word like it.
        return self.translated(value) if " " in value or value[:1].isupper() else value


def _pattern(sentence: str) -> re.Pattern[str]:
    """Return what finds a sentence, whatever its values are."""
    parts = _VALUE.split(sentence)
    parts[::2] = map(re.escape, parts[::2])
    parts[1::2] = [f"(?P<{name}>.+?)" for name in parts[1::2]]
    return re.compile("".join(parts), re.DOTALL)

"""Renders texts, dates and numbers in the reader's language.

Templates and the domain's texts (`landbridge.domain.text`) are in English. Every other language is a gettext catalogue
`TAG.po` in this folder, loaded at first use. A text without a translation is rendered in English.
"""

import gettext
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal, Self

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.messages import mofile, pofile

from landbridge.domain.text import Text, Value, fill

CATALOGUES = Path(__file__).parent
_ENGLISH = "en"
_LOCALE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{2,8}){0,3}")
_WISHES = 20
"""Languages that are read of one `Accept-Language`; browsers name a handful."""


class Count(int):
    """A number that chooses the plural form as it is, and is shown as the reader writes numbers."""

    shown: str

    @classmethod
    def of(cls, number: int, shown: str) -> Self:
        """Return a number with how it is shown."""
        count = cls(number)
        count.shown = shown
        return count

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class Language:
    """A language as one person writes it: its words, and the dates and numbers of their country."""

    tag: str
    """Of the words, as HTML and mail name it (BCP 47)."""
    locale: Locale
    """Of dates and numbers: with the person's country, where that is known."""
    translations: gettext.NullTranslations = field(compare=False, repr=False)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """Which way the words run, as HTML's `dir` names it."""
        return "rtl" if self.locale.character_order == "right-to-left" else "ltr"

    def render(self, text: str) -> str:
        """Return a text in this language; a plain string is shown as it is.

        Numbers and dates are written as the reader writes them, and texts among the values are rendered too.
        """
        if not isinstance(text, Text) or not text:
            return text
        plural = text.plural
        translate = self.translations
        template = translate.ngettext(text.key, plural, text.number) if plural else translate.gettext(text.key)
        if not text.params:
            return template
        return fill(template, {name: self._value(value) for name, value in text.params.items()})

    def _value(self, value: Value) -> str:
        match value:
            case datetime():
                return self.moment(value)
            case int():
                return self.number(value)
        return self.render(value)

    def number(self, number: int) -> str:
        """Write a number."""
        return numbers.format_decimal(number, locale=self.locale)

    def counted(self, number: int) -> Count:
        """Return a number for a template's sentence in forms for one and for many."""
        return Count.of(number, self.number(number))

    def day(self, at: datetime) -> str:
        """Write a date in UTC, for where there is little room."""
        return dates.format_date(at.astimezone(UTC), "medium", self.locale)

    def moment(self, at: datetime) -> str:
        """Write a date and a time of day, in UTC and saying so."""
        here = at.astimezone(UTC)
        pattern = str(dates.get_datetime_format("long", locale=self.locale)).replace("'", "")
        time = dates.format_time(here, "short", tzinfo=UTC, locale=self.locale)
        return pattern.replace("{0}", time).replace("{1}", dates.format_date(here, "long", self.locale)) + " UTC"


@lru_cache(maxsize=256)
def negotiate(*locales: str) -> Language:
    """Return the first of these languages that there is a catalogue of, else English.

    Arguments:
        locales: such as `de_DE`, `pt` or `ja-JP`, the most wanted first; what is none, or empty, is passed over.

    """
    for name in locales:
        locale = _parsed(name)
        for tag in _tags(locale) if locale else ():
            if tag == _ENGLISH or _file_of(tag).exists():
                return Language(tag.replace("_", "-"), locale or Locale(_ENGLISH), _translations(tag))
    return Language(_ENGLISH, Locale(_ENGLISH), _translations(_ENGLISH))


def accepted(header: str) -> list[str]:
    """Return the locales that a browser's `Accept-Language` asks for, the most wanted first (RFC 9110, 12.5.4)."""
    wishes: list[tuple[float, str]] = []
    for wish in header.split(",", _WISHES)[:_WISHES]:
        name, _, weight = wish.partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight) if weight else None
        worth = float(quality[1]) if quality else float(not weight)
        if worth and _LOCALE.fullmatch(name.strip()):
            wishes.append((worth, name.strip()))
    return [name for _, name in sorted(wishes, key=lambda wish: -wish[0])]


def translated() -> list[str]:
    """Return the tags of all languages that have a catalogue; English needs none."""
    return sorted(file.stem for file in CATALOGUES.glob("*.po"))


def _parsed(name: str) -> Locale | None:
    if not _LOCALE.fullmatch(name):
        return None
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        # Nobody's country, perhaps, but the language may be known.
        language = re.split("[_-]", name)[0]
        return _parsed(language) if language != name else None


def _tags(locale: Locale) -> Iterator[str]:
    """Yield the names of catalogues that fit, the closest first."""
    parts = [locale.language, locale.script, locale.territory]
    for used in ((0, 1, 2), (0, 1), (0, 2), (0,)):
        yield "_".join(part for index in used if (part := parts[index]))


def _file_of(tag: str) -> Path:
    return CATALOGUES / f"{tag}.po"


@cache
def _translations(tag: str) -> gettext.NullTranslations:
    """Read a catalogue; it costs some ten milliseconds, once in a process."""
    if tag == _ENGLISH:
        return gettext.NullTranslations()
    with _file_of(tag).open("rb") as file:
        catalogue = pofile.read_po(file, locale=tag)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)

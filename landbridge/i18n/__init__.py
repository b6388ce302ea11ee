"""Renders texts, dates and numbers in the reader's language.

English texts are in the templates and in the code (`landbridge.domain.text`). Every other language is a gettext
catalogue `TAG.po` in this folder, read on first use. A text without a translation is rendered in English.
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
_MAX_ENTRIES = 20
"""Maximum entries that are read from one `Accept-Language` header; browsers send a handful."""


class Count(int):
    """A number that selects a plural form by its value and is shown in localized form."""

    shown: str

    @classmethod
    def of(cls, number: int, shown: str) -> Self:
        """Return a number with its localized form."""
        count = cls(number)
        count.shown = shown
        return count

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class Language:
    """The translations for one language, with the date and number formats of one country."""

    tag: str
    """The language of the translations, for HTML and email headers (BCP 47)."""
    locale: Locale
    """The locale for dates and numbers, with the person's country if it is known."""
    translations: gettext.NullTranslations = field(compare=False, repr=False)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        """The writing direction, as in HTML's `dir` attribute."""
        return "rtl" if self.locale.character_order == "right-to-left" else "ltr"

    def render(self, text: str) -> str:
        """Return a text in this language; a plain string is returned unchanged.

        Numbers and dates are localized, and texts among the values are rendered too.
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
        """Format a number."""
        return numbers.format_decimal(number, locale=self.locale)

    def counted(self, number: int) -> Count:
        """Return a number that selects the plural form in a template."""
        return Count.of(number, self.number(number))

    def day(self, at: datetime) -> str:
        """Format a date in UTC, in a short form."""
        return dates.format_date(at.astimezone(UTC), "medium", self.locale)

    def moment(self, at: datetime) -> str:
        """Format a date and time in UTC, with "UTC" at the end."""
        utc = at.astimezone(UTC)
        pattern = str(dates.get_datetime_format("long", locale=self.locale)).replace("'", "")
        time = dates.format_time(utc, "short", tzinfo=UTC, locale=self.locale)
        return pattern.replace("{0}", time).replace("{1}", dates.format_date(utc, "long", self.locale)) + " UTC"


@lru_cache(maxsize=256)
def negotiate(*locales: str) -> Language:
    """Return the first available language, or English.

    Arguments:
        locales: such as `de_DE`, `pt` or `ja-JP`, in order of preference; empty and invalid ones are skipped.

    """
    for name in locales:
        locale = _parse_locale(name)
        for tag in _candidates(locale) if locale else ():
            if tag == _ENGLISH or _catalogue_file(tag).exists():
                return Language(tag.replace("_", "-"), locale or Locale(_ENGLISH), _load(tag))
    return Language(_ENGLISH, Locale(_ENGLISH), _load(_ENGLISH))


def parse_accept_language(header: str) -> list[str]:
    """Return the locales of an `Accept-Language` header in order of preference (RFC 9110, 12.5.4)."""
    weighted: list[tuple[float, str]] = []
    for entry in header.split(",", _MAX_ENTRIES)[:_MAX_ENTRIES]:
        name, _, parameter = entry.partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter) if parameter else None
        weight = float(quality[1]) if quality else float(not parameter)
        if weight and _LOCALE.fullmatch(name.strip()):
            weighted.append((weight, name.strip()))
    return [name for _, name in sorted(weighted, key=lambda entry: -entry[0])]


def available() -> list[str]:
    """Return the tags of all languages with a catalogue; English needs none."""
    return sorted(file.stem for file in CATALOGUES.glob("*.po"))


def _parse_locale(name: str) -> Locale | None:
    if not _LOCALE.fullmatch(name):
        return None
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        # The country may be unknown to Babel although the language is known.
        language = re.split("[_-]", name)[0]
        return _parse_locale(language) if language != name else None


def _candidates(locale: Locale) -> Iterator[str]:
    """Yield the catalogue names for a locale, the most specific first."""
    parts = [locale.language, locale.script, locale.territory]
    for used in ((0, 1, 2), (0, 1), (0, 2), (0,)):
        yield "_".join(part for index in used if (part := parts[index]))


def _catalogue_file(tag: str) -> Path:
    return CATALOGUES / f"{tag}.po"


@cache
def _load(tag: str) -> gettext.NullTranslations:
    """Read a catalogue, once per process; it takes about ten milliseconds."""
    if tag == _ENGLISH:
        return gettext.NullTranslations()
    with _catalogue_file(tag).open("rb") as file:
        catalogue = pofile.read_po(file, locale=tag)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)

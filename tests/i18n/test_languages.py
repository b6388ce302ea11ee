"""Which language somebody is spoken to in, and how dates and numbers look in it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st

from landbridge import i18n
from landbridge.domain.text import NO_TEXT, text, verbatim
from landbridge.i18n import Language

AFTERNOON = datetime(2026, 3, 14, 13, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "locales, tag",
    [
        (["de_DE"], "de"),
        (["de_AT"], "de"),
        (["ja-JP"], "ja"),
        (["fr"], "fr"),
        (["es_419"], "es"),
        (["TR_tr"], "tr"),
        (["en_GB"], "en"),
        (["ru_RU"], "en"),
        (["ru_RU", "de"], "de"),
        (["en_US", "de"], "en"),
        (["de_XX"], "de"),
        (["xx_YY", ""], "en"),
        (["../de", "de/../../x", "de\x00", "de" * 5000], "en"),
        ([], "en"),
    ],
)
def test_everyone_is_spoken_to_in_the_closest_language_there_is(locales: list[str], tag: str) -> None:
    """The language counts more than the country; what nobody has translated, or what is no locale, is English."""
    assert i18n.negotiate(*locales).tag == tag


@pytest.mark.parametrize(
    "header, wanted",
    [
        ("de-AT,de;q=0.9,en;q=0.8", ["de-AT", "de", "en"]),
        ("en;q=0.2, ja", ["ja", "en"]),
        ("fr;q=0, es", ["es"]),
        ("*", []),
        ("", []),
        ("de;q=a, tr", ["tr"]),
        (";;,q=;x=1", []),
        (",".join(["de"] * 1000), ["de"] * 20),
    ],
)
def test_browsers_say_what_they_want(header: str, wanted: list[str]) -> None:
    """The most wanted first; what is refused or makes no sense is passed over."""
    assert i18n.accepted(header) == wanted


@given(st.text())
def test_anything_can_come_from_outside(header: str) -> None:
    """A locale or a header of any kind ends in a language."""
    assert i18n.negotiate(header, *i18n.accepted(header)).tag in {"en", *i18n.translated()}


@pytest.mark.parametrize(
    "locale, moment, number",
    [
        ("", "March 14, 2026, 1:05\u202fPM UTC", "100,000"),
        ("en_GB", "14 March 2026, 13:05 UTC", "100,000"),
        ("de_DE", "14. März 2026, 13:05 UTC", "100.000"),
        ("de_CH", "14. März 2026, 13:05 UTC", "100\u2019000"),
        ("fr_FR", "14 mars 2026, 13:05 UTC", "100\u202f000"),
        ("es_ES", "14 de marzo de 2026, 13:05 UTC", "100.000"),
        ("ja_JP", "2026年3月14日 13:05 UTC", "100,000"),
        ("tr_TR", "14 Mart 2026 13:05 UTC", "100.000"),
        ("ru_RU", "March 14, 2026, 1:05\u202fPM UTC", "100,000"),
    ],
)
def test_dates_and_numbers_are_written_as_people_write_them(locale: str, moment: str, number: str) -> None:
    """By language and country; in English where the words are English for want of a translation."""
    language = i18n.negotiate(locale)
    assert language.moment(AFTERNOON.astimezone(timezone(timedelta(hours=9)))) == moment
    assert language.number(100_000) == number


def test_a_language_knows_which_way_it_runs() -> None:
    """Also one that is yet to be translated."""
    german = i18n.negotiate("de")
    assert Language("he", Locale("he"), german.translations).direction == "rtl"
    assert {i18n.negotiate(tag).direction for tag in i18n.translated()} == {"ltr"}


def test_a_text_is_rendered_in_the_language() -> None:
    """Its values as well: texts are translated, numbers and dates are written as the reader writes them."""
    german = i18n.negotiate("de_DE")
    state = text("There is no mail to send in this state: {state}.", state=text("Connected"))
    assert german.render(state) == "In diesem Zustand gibt es keine E-Mail zu senden: Verbunden."
    people = text("{connected} of {total} people are connected.", connected=1200, total=3000)
    assert german.render(people) == "1.200 von 3.000 Personen sind verbunden."
    assert german.render(text("{at}", at=AFTERNOON)) == "14. März 2026, 13:05 UTC"


def test_a_text_without_translation_is_rendered_in_english() -> None:
    """So are plain strings and the words of people, whatever they are."""
    german = i18n.negotiate("de")
    assert german.render(text("Unknown {value}.", value=3)) == "Unknown 3."
    assert german.render(verbatim("Connected {x}")) == german.render("Connected {x}") == "Connected {x}"
    assert german.render(NO_TEXT) == ""

"""Language negotiation, and localized dates and numbers."""

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
def test_negotiation_chooses_the_closest_language(locales: list[str], tag: str) -> None:
    """The language matters more than the country. Unknown languages and invalid locales give English."""
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
def test_accept_language_is_parsed_by_preference(header: str, wanted: list[str]) -> None:
    """The most preferred language comes first. Refused and invalid entries are skipped."""
    assert i18n.parse_accept_language(header) == wanted


@given(st.text())
def test_any_input_negotiates_to_an_available_language(header: str) -> None:
    """Any locale and any header give an available language."""
    assert i18n.negotiate(header, *i18n.parse_accept_language(header)).tag in {"en", *i18n.available()}


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
def test_dates_and_numbers_follow_the_locale(locale: str, moment: str, number: str) -> None:
    """The format depends on language and country. It is English if the text is English."""
    language = i18n.negotiate(locale)
    assert language.moment(AFTERNOON.astimezone(timezone(timedelta(hours=9)))) == moment
    assert language.number(100_000) == number


def test_a_language_has_a_writing_direction() -> None:
    """A language without a catalogue has a direction too."""
    german = i18n.negotiate("de")
    assert Language("he", Locale("he"), german.translations).direction == "rtl"
    assert {i18n.negotiate(tag).direction for tag in i18n.available()} == {"ltr"}


def test_a_text_is_rendered_in_the_language() -> None:
    """Texts among the values are translated too. Numbers and dates are localized."""
    german = i18n.negotiate("de_DE")
    state = text("There is no email to send in this state: {state}.", state=text("Connected"))
    assert german.render(state) == "In diesem Zustand gibt es keine E-Mail zu senden: Verbunden."
    people = text("{connected} of {total} people are connected.", connected=1200, total=3000)
    assert german.render(people) == "1.200 von 3.000 Personen sind verbunden."
    assert german.render(text("{at}", at=AFTERNOON)) == "14. März 2026, 13:05 UTC"


def test_a_text_without_translation_is_rendered_in_english() -> None:
    """Plain strings and verbatim texts are never translated."""
    german = i18n.negotiate("de")
    assert german.render(text("Unknown {value}.", value=3)) == "Unknown 3."
    assert german.render(verbatim("Connected {x}")) == german.render("Connected {x}") == "Connected {x}"
    assert german.render(NO_TEXT) == ""

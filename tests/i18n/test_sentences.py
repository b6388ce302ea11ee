"""English sentences with values are recognised and translated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge import i18n
from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.domain.lifecycle import DECLINED

GERMAN = i18n.negotiate("de")


@pytest.mark.parametrize(
    "english, german",
    [
        ("Nobody is awaited any more.", "Es wird auf niemanden mehr gewartet."),
        ("10 of 12 people are connected.", "10 von 12 Personen sind verbunden."),
        (DECLINED, "Die Person sagt, dass dies nicht ihr Konto ist."),
        ("550: there is no such mailbox", "550: dieses Postfach gibt es nicht"),
        (
            "The roster's row cannot be used: the address cannot be used: it is longer than 254 bytes.",
            "Die Zeile der Liste ist nicht verwendbar: die Adresse ist nicht verwendbar: sie ist länger als 254 Bytes.",
        ),
        (
            "There is no mail to send in this state: Connected.",
            "In diesem Zustand gibt es keine E-Mail zu senden: Verbunden.",
        ),
    ],
)
def test_values_are_kept_in_a_translated_sentence(english: str, german: str) -> None:
    """Numbers and names stay; a value that is itself a known sentence is translated."""
    assert GERMAN.translate(english) == german


def test_consecutive_sentences_are_translated_one_by_one() -> None:
    """Unknown sentences among them stay unchanged."""
    chosen = sites.denial_reason("wiki", None, [])
    assert GERMAN.translate(chosen) == (
        "Mit der E-Mail-Adresse des Initiators ist keine Site 'wiki' verknüpft. "
        "Es steht keine Site zur Wahl: Nennen Sie eine neue."
    )
    assert GERMAN.translate("The deadline passed. We know. The Atlassian account was not set up.") == (
        "Die Frist ist abgelaufen. We know. Das Atlassian-Konto war nicht eingerichtet."
    )
    assert GERMAN.translate("Opsgenie asks for patience (429).; Atlassian did not answer in time.") == (
        "Opsgenie bittet um Geduld (429).; Atlassian hat nicht rechtzeitig geantwortet."
    )


def test_names_that_look_like_words_are_not_translated() -> None:
    """A site may have the name of a translated word."""
    assert GERMAN.translate("The site done is created.") == "Die Site done wird angelegt."
    assert GERMAN.translate("The merger is off") == "The merger is off"


def test_quotes_in_a_sentence_are_recognised() -> None:
    """In the message about an invalid site name."""
    with pytest.raises(BadInput) as caught:
        sites.check_name("Acme {0} Ops")
    assert GERMAN.translate(str(caught.value)).endswith("in der Mitte Bindestriche; 'Acme {0} Ops' passt nicht.")


@given(st.text())
def test_other_text_is_returned_unchanged(text: str) -> None:
    """Any text that a person typed stays as it is, in English to the letter."""
    assert i18n.negotiate("en").translate(text) == text
    assert isinstance(GERMAN.translate(text), str)

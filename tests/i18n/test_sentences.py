"""Sentences that were put together in English are found again, and said in another language."""

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
def test_a_sentence_is_said_with_its_values(english: str, german: str) -> None:
    """Numbers and names stay; a value that is itself one of our sentences is said too."""
    assert GERMAN.translate(english) == german


def test_sentences_in_a_row_are_said_one_by_one() -> None:
    """A refusal may say what to do instead, and a cohort two troubles at once; what nobody knows stays as it is."""
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


def test_names_are_no_words_of_ours() -> None:
    """A site may be called as one of our words is."""
    assert GERMAN.translate("The site done is created.") == "Die Site done wird angelegt."
    assert GERMAN.translate("The merger is off") == "The merger is off"


def test_what_is_wrong_with_a_name_is_said() -> None:
    """Quotes are the sentence's."""
    with pytest.raises(BadInput) as caught:
        sites.check_name("Acme {0} Ops")
    assert GERMAN.translate(str(caught.value)).endswith("in der Mitte Bindestriche; 'Acme {0} Ops' passt nicht.")


@given(st.text())
def test_any_text_can_come(text: str) -> None:
    """What people type is said as they typed it, in English to the letter."""
    assert i18n.negotiate("en").translate(text) == text
    assert isinstance(GERMAN.translate(text), str)

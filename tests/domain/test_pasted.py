"""What people paste is what they mean, as long as it can mean one thing only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import addresses, pasted
from landbridge.domain.errors import BadInput


@pytest.mark.parametrize(
    "typed",
    [
        "ann+tag@example.com",
        "mailto:ann+tag@example.com",
        "MAILTO:ann%2Btag@example.com?subject=Hello,%20you",
        "Ann Example <ann+tag@example.com>",
        '"Example, Ann" <ann+tag@example.com>;',
        "<mailto:ann+tag@example.com>",
        "ann+tag@example.com;",
        " ann+tag@example.com, ",
        "\ufeffann+tag@exam\u200bple.com\u00a0",
        "“ann+tag@example.com”",
        "(ann+tag@example.com)",
    ],
)
def test_one_address_is_found_in_what_surrounds_it(typed: str) -> None:
    """As mail programs, web pages and spreadsheets give it."""
    assert pasted.address(typed) == "ann+tag@example.com"


@pytest.mark.parametrize(
    "typed",
    ["ann@example.com;ben@example.com", "ann@example.com, ben@example.com", "Ann <ann@example.com> <b@x.example>"],
)
def test_several_addresses_are_none(typed: str) -> None:
    """Nobody guesses which of them is meant."""
    assert pasted.address(typed) == typed
    with pytest.raises(BadInput):
        addresses.normalise(pasted.address(typed))


def test_an_address_that_is_not_what_it_looks_like_stays_refused() -> None:
    """A character inside that turns the direction of writing is not taken away."""
    typed = "ann@\u202emoc.elpmaxe"
    with pytest.raises(BadInput):
        addresses.normalise(pasted.address(typed))


@pytest.mark.parametrize("typed", ["Ann", "Smith, Ann", "(Ann)", "", "“Ann”"])
def test_words_that_are_no_address_are_kept(typed: str) -> None:
    """They may be searched for."""
    assert pasted.address(typed) == typed


@given(st.text())
def test_nothing_is_made_up(typed: str) -> None:
    """What is found has the same @-signs as what was typed, and finding it again changes nothing."""
    found = pasted.address(typed)
    assert pasted.trimmed(found) == found
    assert found.count("@") <= typed.count("@") + typed.count("%40")

"""Pasted text is understood if it contains exactly one address."""

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
    """Mail programs, web pages and spreadsheets surround an address like this."""
    assert pasted.address(typed) == "ann+tag@example.com"


@pytest.mark.parametrize(
    "typed",
    ["ann@example.com;ben@example.com", "ann@example.com, ben@example.com", "Ann <ann@example.com> <b@x.example>"],
)
def test_several_addresses_are_none(typed: str) -> None:
    """The text is not guessed at: it stays as it is, and is refused as an address."""
    assert pasted.address(typed) == typed
    with pytest.raises(BadInput):
        addresses.normalise(pasted.address(typed))


def test_an_address_that_is_not_what_it_looks_like_stays_refused() -> None:
    """A character inside that reverses the writing direction is not removed."""
    typed = "ann@\u202emoc.elpmaxe"
    with pytest.raises(BadInput):
        addresses.normalise(pasted.address(typed))


@pytest.mark.parametrize("typed", ["Ann", "Smith, Ann", "(Ann)", "", "“Ann”"])
def test_words_that_are_no_address_are_kept(typed: str) -> None:
    """The text may be a search for a name."""
    assert pasted.address(typed) == typed


@given(st.text())
def test_nothing_is_made_up(typed: str) -> None:
    """The result has no @-signs beyond those typed, and trimming it again changes nothing."""
    found = pasted.address(typed)
    assert pasted.trimmed(found) == found
    assert found.count("@") <= typed.count("@") + typed.count("%40")

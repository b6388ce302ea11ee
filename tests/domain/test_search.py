"""A search finds people whichever way their name is spelled."""

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landbridge.domain.people import Person, arrive
from landbridge.domain.roster import RosterPerson
from landbridge.domain.search import Search

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NAMES = st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


def person(name: str, email: str = "someone@example.com") -> Person:
    """Return a person."""
    return arrive(1, RosterPerson(email=email, name=name), NOW)


@settings(deadline=None)
@given(NAMES, st.data())
def test_every_part_of_a_name_finds_it(name: str, data: st.DataObject) -> None:
    """Case and the Unicode normal form make no difference."""
    begin = data.draw(st.integers(0, len(name)))
    part = name[begin : data.draw(st.integers(begin, len(name)))]
    for typed in (part, part.upper(), part.lower(), f"  {part} ", unicodedata.normalize("NFD", part)):
        assert Search(typed).finds(person(name))


@pytest.mark.parametrize(
    "typed, name",
    [
        ("muller", "Anna Müller"),
        ("mueller", "Anna Müller"),
        ("Müller", "Anna Mueller"),
        ("MÜLLER anna", "Anna Müller"),
        ("strasse", "Straße"),
        ("ISTANBUL", "İstanbul"),
        ("soren", "Søren"),
        ("lukasz", "Łukasz"),
        ("Ann", "Ａｎｎ"),  # noqa: RUF001 - wide letters are the case in point
        ("李小", "李小龙"),
        ("uel", "Samuel"),
        ("anna example.com", "Anna"),
    ],
)
def test_other_spellings_find_the_same_person(typed: str, name: str) -> None:
    """The search works without accents."""
    assert Search(typed).finds(person(name))


@pytest.mark.parametrize("typed", ["bert", "anna bert", "annaexample"])
def test_other_people_are_not_found(typed: str) -> None:
    """Every word must match."""
    assert not Search(typed).finds(person("Anna", "anna@example.com"))


def test_a_former_address_still_finds_the_person() -> None:
    """The roster still contains the former address, and admins may search for it."""
    moved = replace(person("Anna", "new@example.com"), former_emails=["old@example.com"])
    assert Search("OLD@").finds(moved)

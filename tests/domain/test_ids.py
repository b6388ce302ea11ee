"""Ids: defined in one module, each unique, and without personal data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import ids
from landbridge.domain.errors import BadInput
from landbridge.domain.links import Purpose

ACCOUNTS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True)
NUMBERS = st.integers(1, 10**6)


@given(ACCOUNTS)
def test_an_opsgenie_account_can_stand_in_an_id(name: str) -> None:
    """A valid account name is used unchanged."""
    assert ids.check_opsgenie_account(name) == name


@pytest.mark.parametrize("name", ["", "-acme", ".acme", "a" * 101, "acme corp", "acme:cohort", "acmé", "acme\n", "a/b"])
def test_any_other_name_is_refused(name: str) -> None:
    """A colon in particular is refused: it separates the parts of an id."""
    with pytest.raises(BadInput):
        ids.check_opsgenie_account(name)


@given(st.tuples(ACCOUNTS, NUMBERS), st.tuples(ACCOUNTS, NUMBERS))
def test_cohorts_never_share_an_id(one: tuple[str, int], other: tuple[str, int]) -> None:
    """Different cohorts have different ids, and no cohort has a migration's id."""
    assert (ids.cohort(*one) == ids.cohort(*other)) == (one == other)
    assert ids.cohort(*one) != ids.migration(other[0])


MAILS = st.tuples(
    st.from_regex(r"[0-9a-f-]{1,36}", fullmatch=True), NUMBERS, NUMBERS, st.sampled_from(Purpose), NUMBERS
)


@given(MAILS, MAILS)
def test_mails_never_share_a_message_id(
    one: tuple[str, int, int, Purpose, int], other: tuple[str, int, int, Purpose, int]
) -> None:
    """All attempts at one mail have the same Message-ID, and no other mail has it."""
    assert (ids.message(*one) == ids.message(*other)) == (one == other)
    assert (ids.notice(one[0], "admin_task", one[1]) == ids.notice(other[0], "admin_task", other[1])) == (
        (one[0], one[1]) == (other[0], other[1])
    )
    assert ids.message(*one) != ids.notice(other[0], "admin_task", other[1])

"""Who may send requests: operators, and owners and admins by their addresses; not services and links."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import authority
from landbridge.domain.people import Actor, Source
from landbridge.domain.roster import AccountAdmin

EMAILS = st.from_regex(r"[a-z]{1,8}(\+[a-z]{1,3})?@example\.(com|org)", fullmatch=True)


@given(st.lists(EMAILS), EMAILS)
def test_only_listed_admins_are_admins(admins: list[str], email: str) -> None:
    """Any spelling of an admin's address is accepted; the keys contain no address."""
    keys = authority.admin_keys(AccountAdmin(email=admin) for admin in admins)
    denial_reason = authority.denial_reason(Actor(source=Source.ADMIN, name=f" {email.upper()}"), keys)
    assert (denial_reason == "") == (email in admins)
    assert email not in denial_reason
    assert not any(admin in key for admin in admins for key in keys)


@given(st.lists(EMAILS), EMAILS, st.none() | st.datetimes(), st.datetimes())
def test_a_role_is_lost_only_by_a_newer_roster(
    admins: list[str], email: str, read_at: datetime | None, confirmed_at: datetime
) -> None:
    """A roster from a file, an older roster, and a roster without any admin prove nothing."""
    keys = authority.admin_keys(AccountAdmin(email=admin) for admin in admins)
    lost = authority.has_lost_role(f" {email.upper()}", confirmed_at, keys, read_at)
    newer = read_at is not None and read_at > confirmed_at
    assert lost == (newer and bool(admins) and email not in admins)


@given(st.text())
def test_operators_may_send_requests_and_other_sources_may_not(name: str) -> None:
    """The name makes no difference."""
    for source in Source:
        may = not authority.denial_reason(Actor(source=source, name=name), [])
        assert may == (source is Source.OPERATOR)


@given(st.sampled_from(Source), st.text(max_size=20))
def test_a_signal_is_an_operators_or_ignored(source: Source, name: str) -> None:
    """Services and links send no such signal: the actor is an operator who claims to be that source."""
    resolve_actor = authority.resolve_actor(Actor(source=source, name=name), [])
    if source is Source.ADMIN:
        assert resolve_actor is None
        return
    assert resolve_actor is not None
    assert resolve_actor.source is Source.OPERATOR
    assert name in resolve_actor.name
    if source is not Source.OPERATOR:
        assert resolve_actor.claimed is source

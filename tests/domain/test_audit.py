"""The audit: limited in size, complete within its limits, and one list although several workflows keep it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain import audit
from landbridge.domain.audit import MAX_ENTRIES, MAX_LENGTH, Act, Audit, AuditEntry
from landbridge.domain.people import Actor, Source
from landbridge.domain.text import verbatim

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
ACTORS = st.builds(Actor, source=st.sampled_from(Source), name=st.text(max_size=400))
ENTRIES = st.builds(
    AuditEntry,
    at=st.integers(0, 10**6).map(lambda seconds: BEGIN + timedelta(seconds=seconds)),
    by=ACTORS,
    act=st.sampled_from(Act),
    about=st.text(max_size=400),
    detail=st.text(max_size=400),
)


def of(entries: list[AuditEntry]) -> Audit:
    """Return the audit with these entries."""
    made = Audit()
    for entry in entries:
        made = made.with_entry(entry)
    return made


@given(st.lists(ENTRIES, max_size=20))
def test_entries_keep_their_order_and_content(entries: list[AuditEntry]) -> None:
    """Only texts beyond the maximum length are cut."""
    for number in range(len(entries)):
        before, after = of(entries[:number]), of(entries[: number + 1])
        assert after.entries[:-1] == before.entries
        newest = after.entries[-1]
        assert (newest.at, newest.act, newest.by.source) == (
            entries[number].at,
            entries[number].act,
            entries[number].by.source,
        )
        for kept, original in ((newest.about, entries[number].about), (newest.by.name, entries[number].by.name)):
            assert kept == original[:MAX_LENGTH]


def test_a_full_audit_keeps_the_first_and_the_newest_entries() -> None:
    """The audit counts the missing entries, and stays small enough for continue-as-new."""
    acts = [
        AuditEntry(
            at=BEGIN + timedelta(seconds=n),
            by=Actor(source=Source.ADMIN, name="é" * 1_000),
            act=Act.EXCLUDE,
            about=f"{n} {'é' * 1_000}",
            detail=verbatim("é" * 1_000),
        )
        for n in range(3 * MAX_ENTRIES)
    ]
    made = of(acts)
    assert [entry.at for entry in made.entries] == [acts[0].at, *(act.at for act in acts[-MAX_ENTRIES + 1 :])]
    assert made.left_out == len(acts) - MAX_ENTRIES
    assert len(made.model_dump_json().encode()) < 1024 * 1024


def test_one_action_cannot_evict_the_others() -> None:
    """The most frequent action is evicted first."""
    flood = [Act.PAUSE, Act.RESUME, Act.REFRESH]
    acts = [Act.START, Act.VERIFY, Act.EXCLUDE, *flood * MAX_ENTRIES, Act.VERIFY]
    made = of([AuditEntry(at=BEGIN + timedelta(seconds=n), by=Actor(), act=act) for n, act in enumerate(acts)])
    assert [entry.act for entry in made.entries if entry.act not in flood] == [
        Act.START,
        Act.VERIFY,
        Act.EXCLUDE,
        Act.VERIFY,
    ]
    assert (len(made.entries), made.left_out) == (MAX_ENTRIES, len(acts) - MAX_ENTRIES)
    assert [entry.at for entry in made.entries] == sorted(entry.at for entry in made.entries)


@given(st.lists(st.lists(ENTRIES, max_size=6), max_size=5))
def test_merged_audits_are_complete_and_newest_first(lists: list[list[AuditEntry]]) -> None:
    """Entries about single people are never merged."""
    merged = audit.merge(map(of, lists))
    assert [entry.at for entry in merged.entries] == sorted((e.at for one in lists for e in one), reverse=True)


@given(st.permutations(range(1, 6)))
def test_a_request_to_all_cohorts_is_one_entry(cohorts: list[int]) -> None:
    """The entry has the number of people in all cohorts; the same request an hour later is another entry."""
    by = Actor(name="ops")

    def resent(people: int, after: timedelta) -> AuditEntry:
        return AuditEntry(at=BEGIN + after, by=by, act=Act.RESEND, about="authenticating", people=people)

    lists = [
        Audit(entries=(resent(n, timedelta(seconds=n)), resent(10 * n, timedelta(hours=1, seconds=n)))) for n in cohorts
    ]
    assert [entry.people for entry in audit.merge(lists).entries] == [150, 15]

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report
from benchmarks.journal import Journal
from benchmarks.results import ContestantResult, LeftOut, Machine, Race, Workers, WorkersRun
from benchmarks.statistics import Spread, ratios, spread

MACHINE = Machine(on=date(2026, 11, 24), cores=2, memory_gb=4, python="3.11", system="Linux", commit="abc")
measured = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=9)


@given(measured)
def test_a_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    """The minimum and the maximum are measured values."""
    summed = spread(values)
    assert summed.minimum <= summed.median <= summed.maximum
    assert {summed.minimum, summed.maximum} <= set(values)


@given(measured, st.floats(min_value=0.01, max_value=100))
def test_a_slow_round_does_not_change_the_ratio(ours: list[float], slower: float) -> None:
    """Contestants run alternately in each round, so that a slow round affects all of them."""
    theirs = [2 * value for value in ours]
    before = ratios(theirs, ours)
    after = ratios([slower * value for value in theirs], [slower * value for value in ours])
    assert before.median == pytest.approx(2)
    assert after.median == pytest.approx(2)


def test_ratios_require_the_same_rounds() -> None:
    """Contestants with different numbers of rounds cannot be compared."""
    with pytest.raises(ValueError, match="argument 2"):
        ratios([1, 2], [1])


@pytest.mark.parametrize(
    "summed,words",
    [
        (Spread(278.34, 251.2, 1300.9), "278 (251 to 1,301)"),
        (Spread(2.0, 2.0, 2.0), "2.0"),
        (Spread(0.034, 0.034, 0.034), "0.0"),
    ],
)
def test_numbers_have_at_most_three_significant_digits(summed: Spread, words: str) -> None:
    """More digits would suggest a precision that the measurements do not have."""
    assert summed.format() == words


def test_the_journal_counts_resent_mails_by_message_id(tmp_path: Path) -> None:
    """An incomplete line is not read yet, and a notice does not count as a person's mail."""
    file = tmp_path / "journal"
    journal = Journal(file)
    file.write_text("<1@x> http://a\n<2@x> http://b\n<1@x> http://a\n<done@x> -\n<3@x> htt")
    assert (journal.mails(), journal.people(), journal.resent()) == (4, 2, 1)
    file.write_text(file.read_text() + "p://c\n")
    assert list(journal.read_new()) == [("<3@x>", "http://c")]


def test_the_table_has_the_median_ratio_of_all_rounds() -> None:
    """Contestants that are left out are listed with the reason."""
    result = Race(
        machine=MACHINE,
        command="make bench",
        people=100,
        raced=[
            ContestantResult(
                name="landbridge", label="Landbridge", versions="1", seconds=[1, 2], peak_mb=[5, 6], cpu_ms=[{}]
            ),
            ContestantResult(
                name="plain", label="script", versions="2", seconds=[3, 8], peak_mb=[1, 1], cpu_ms=[{}], sent_again=7
            ),
        ],
        absent=[LeftOut(label="DBOS", missing="not installed: dbos")],
    )
    text = report.race(result)
    assert "| script | 3.5 (3.0 to 4.0) | 22.9 (12.5 to 33.3) | 1 | 7 |" in text
    assert "Left out: DBOS (not installed: dbos)." in text


def test_numbers_of_workers_are_compared_with_the_first() -> None:
    """The ratio is computed for each round separately."""
    staffed = [WorkersRun(workers=1, seconds=[10, 20]), WorkersRun(workers=2, seconds=[5, 16])]
    text = report.workers(Workers(machine=MACHINE, command="make bench", people=100, mail_ms=200, staffed=staffed))
    assert "| 1 | 7.5 (5.0 to 10.0) |  |" in text
    assert "| 2 | 13.1 (6.2 to 20.0) | 1.62 (1.25 to 2.00) |" in text


def test_only_text_between_the_markers_is_replaced(tmp_path: Path) -> None:
    """The rest of the page stays the same."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- race: written by python -m benchmarks -->\nold\n<!-- race: end -->\nafter\n")
    report.write(page, "race", "new\n")
    assert page.read_text() == (
        "before\n<!-- race: written by python -m benchmarks -->\nnew\n<!-- race: end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="growth"):
        report.write(page, "growth", "new")

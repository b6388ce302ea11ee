from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import report
from benchmarks.journal import Journal
from benchmarks.results import Absent, Machine, Race, Raced, Staffed, Workers
from benchmarks.statistics import Spread, ratios, spread

MACHINE = Machine(on=date(2026, 11, 24), cores=2, memory_gb=4, python="3.11", system="Linux", commit="abc")
measured = st.lists(st.floats(min_value=0.001, max_value=1e6), min_size=1, max_size=9)


@given(measured)
def test_a_median_lies_between_the_least_and_the_most(values: list[float]) -> None:
    """And both are among what was measured."""
    summed = spread(values)
    assert summed.least <= summed.median <= summed.most
    assert {summed.least, summed.most} <= set(values)


@given(measured, st.floats(min_value=0.01, max_value=100))
def test_what_slows_a_whole_round_does_not_change_its_ratio(ours: list[float], slower: float) -> None:
    """That is why rounds are interleaved."""
    theirs = [2 * value for value in ours]
    before = ratios(theirs, ours)
    after = ratios([slower * value for value in theirs], [slower * value for value in ours])
    assert before.median == pytest.approx(2)
    assert after.median == pytest.approx(2)


def test_ratios_are_of_the_same_rounds() -> None:
    """A contestant that missed a round is not compared as if it had not."""
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
def test_no_more_than_three_digits_count(summed: Spread, words: str) -> None:
    """What was measured is not known better."""
    assert summed.format() == words


def test_the_journal_counts_what_came_again(tmp_path: Path) -> None:
    """By Message-ID; a line that is being written is not read yet, and a notice is nobody's mail."""
    file = tmp_path / "journal"
    journal = Journal(file)
    file.write_text("<1@x> http://a\n<2@x> http://b\n<1@x> http://a\n<done@x> -\n<3@x> htt")
    assert (journal.mails(), journal.people(), journal.sent_again()) == (4, 2, 1)
    file.write_text(file.read_text() + "p://c\n")
    assert list(journal.news()) == [("<3@x>", "http://c")]


def test_the_table_says_how_many_times_as_fast() -> None:
    """The ratio of each round, then their median; who was left out is named."""
    result = Race(
        machine=MACHINE,
        command="make bench",
        people=100,
        raced=[
            Raced(name="landbridge", label="Landbridge", versions="1", seconds=[1, 2], peak_mb=[5, 6], cpu_ms=[{}]),
            Raced(
                name="plain", label="script", versions="2", seconds=[3, 8], peak_mb=[1, 1], cpu_ms=[{}], sent_again=7
            ),
        ],
        absent=[Absent(label="DBOS", missing="not installed: dbos")],
    )
    text = report.race(result)
    assert "| script | 3.5 (3.0 to 4.0) | 22.9 (12.5 to 33.3) | 1 | 7 |" in text
    assert "Left out: DBOS (not installed: dbos)." in text


def test_more_workers_are_compared_with_the_first() -> None:
    """Round by round."""
    staffed = [Staffed(workers=1, seconds=[10, 20]), Staffed(workers=2, seconds=[5, 16])]
    text = report.workers(Workers(machine=MACHINE, command="make bench", people=100, mail_ms=200, staffed=staffed))
    assert "| 1 | 7.5 (5.0 to 10.0) |  |" in text
    assert "| 2 | 13.1 (6.2 to 20.0) | 1.62 (1.25 to 2.00) |" in text


def test_only_the_part_between_its_markers_is_written(tmp_path: Path) -> None:
    """The rest of the page is written by people."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- race: written by python -m benchmarks -->\nold\n<!-- race: end -->\nafter\n")
    report.write(page, "race", "new\n")
    assert page.read_text() == (
        "before\n<!-- race: written by python -m benchmarks -->\nnew\n<!-- race: end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="growth"):
        report.write(page, "growth", "new")

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks import contestants, fairness, race, report, workers
from benchmarks.contestants.plain import Plain
from benchmarks.run import measure
from landbridge.domain.errors import BadInput

PEOPLE = 20


@pytest.mark.parametrize("name", ["landbridge", "plain"])
async def test_a_contestant_completes_the_job(name: str, tmp_path: Path) -> None:
    """All programs start, everyone gets a mail, and the results are complete."""
    result = await race.race(PEOPLE, 1, (name,), tmp_path / "run", kill=False)
    assert ([raced.name for raced in result.raced], result.absent) == ([name], [])
    assert result.raced[0].peak_mb[0] > 0
    assert {"worker", "emulator", "sink", "people"} <= result.raced[0].cpu_ms[0].keys()
    assert f"| {contestants.LABELS[name]} |" in report.race(result)


async def test_mails_resent_after_a_kill_are_counted(tmp_path: Path) -> None:
    """The script loses its state and resends all mails. Concurrent runs do not interfere with each other."""
    many = 50 * PEOPLE
    runs = (measure(Plain(), many, tmp_path / name, kill=True) for name in ("one", "other"))
    assert all(many // 2 <= measured.sent_again < many for measured in await asyncio.gather(*runs))


async def test_a_missing_contestant_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of the comparison still runs."""
    monkeypatch.setitem(sys.modules, "dbos", None)
    result = await race.race(PEOPLE, 1, ("dbos_sqlite",), tmp_path / "run", kill=False)
    assert result.raced == []
    assert [absent.label for absent in result.absent] == [contestants.LABELS["dbos_sqlite"]]
    assert result.absent[0].missing.startswith("not installed")


async def test_each_number_of_workers_completes_the_job(tmp_path: Path) -> None:
    """The mail server in this comparison is slow."""
    result = await workers.compare(PEOPLE, [1, 2], 20, 1, tmp_path / "run")
    assert [(run.workers, len(run.seconds)) for run in result.staffed] == [(1, 1), (2, 1)]


async def test_a_small_migration_runs_during_a_large_one(tmp_path: Path) -> None:
    """The mails of the two migrations are counted separately."""
    waited = await fairness.measure_wait(40, 3, 0, tmp_path / "run")
    assert waited.seconds > 0
    assert 0 <= waited.mails_meanwhile <= 40 - waited.mails_left <= 40


def test_an_unknown_contestant_is_rejected() -> None:
    """The error lists the available names."""
    with pytest.raises(BadInput, match=r"“dbos”.*dbos_sqlite"):
        contestants.load("dbos")

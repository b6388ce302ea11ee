import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks import beside, contestants, race, report, workers
from benchmarks.contestants.plain import Plain
from benchmarks.run import measure
from landbridge.domain.errors import BadInput

PEOPLE = 20


@pytest.mark.parametrize("name", ["landbridge", "plain"])
async def test_the_job_is_done(name: str, tmp_path: Path) -> None:
    """So that the benchmark does not rot: what it starts starts, and everybody gets their mail and is completed."""
    result = await race.race(PEOPLE, 1, (name,), tmp_path / "run", kill=False)
    assert ([one.name for one in result.raced], result.absent) == ([name], [])
    assert result.raced[0].peak_mb[0] > 0
    assert {"worker", "emulator", "sink", "people"} <= result.raced[0].cpu_ms[0].keys()
    assert f"| {contestants.LABELS[name]} |" in report.race(result)


async def test_what_a_killed_worker_sends_again_is_counted(tmp_path: Path) -> None:
    """The script has forgotten everything, and so all who had got their mail get it again; two do not meet."""
    many = 50 * PEOPLE
    runs = (measure(Plain(), many, tmp_path / name, kill=True) for name in ("one", "other"))
    assert all(many // 2 <= measured.sent_again < many for measured in await asyncio.gather(*runs))


async def test_who_is_not_installed_is_named_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without one of the others still compares with the rest."""
    monkeypatch.setitem(sys.modules, "dbos", None)
    result = await race.race(PEOPLE, 1, ("dbos_sqlite",), tmp_path / "run", kill=False)
    assert result.raced == []
    assert [one.label for one in result.absent] == [contestants.LABELS["dbos_sqlite"]]
    assert result.absent[0].missing.startswith("not installed")


async def test_each_number_of_workers_does_the_job(tmp_path: Path) -> None:
    """In each round, past a mail server that takes its time."""
    result = await workers.compare(PEOPLE, [1, 2], 20, 1, tmp_path / "run")
    assert [(one.workers, len(one.seconds)) for one in result.staffed] == [(1, 1), (2, 1)]


async def test_a_few_wait_beside_many(tmp_path: Path) -> None:
    """Both migrations are real, and whose mail is whose is known."""
    waited = await beside.wait_beside(40, 3, 0, tmp_path / "run")
    assert waited.seconds > 0
    assert 0 <= waited.mails_meanwhile <= 40 - waited.mails_left <= 40


def test_a_name_that_nobody_has_is_refused() -> None:
    """Who mistypes a name learns which there are."""
    with pytest.raises(BadInput, match=r"“dbos”.*dbos_sqlite"):
        contestants.load("dbos")

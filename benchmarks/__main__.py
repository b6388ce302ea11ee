"""The benchmarks' command line: `python -m benchmarks --help`."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks import beside, contestants, growth, plots, race, report, results, workers
from benchmarks.results import PROJECT, Besides, Growth, Machine, Race, Workers
from landbridge.platform import exits

PAGE = PROJECT / "docs" / "benchmarks.md"
FILES = PROJECT / "docs" / "benchmarks"
"""The results as they were measured, and the pictures."""

app = App(name="python -m benchmarks", help=__doc__)
Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")]
Numbers = Annotated[tuple[int, ...], Parameter(consume_multiple=True, negative="")]


@app.command(name="race")
async def race_(
    *,
    people: int = 300,
    rounds: int = 1,
    only: Names = (),
    kill: bool = True,
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Have Landbridge and all others do the same job.

    Parameters
    ----------
    people
        To be moved in each run.
    rounds
        Times that each of them does it.
    only
        Names of those who take part.
    kill
        Have each do it once more, with its worker killed in the middle.
    write
        Put the results into docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await race.race(people, rounds, only or tuple(contestants.LABELS), folder, kill=kill)
    sys.stdout.write(report.race(result))
    if write:
        _keep(result, "race.json")
        _show_race(result)


@app.command(name="growth")
async def growth_(
    *,
    people: Numbers = (100, 1_000, 10_000),
    number: Annotated[Numbers, Parameter(name="--workers")] = (1, 2),
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Have Landbridge move ever more people.

    Parameters
    ----------
    people
        Numbers of people.
    number
        Numbers of worker processes.
    write
        Put the results into docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await growth.grow(people, number, folder)
    sys.stdout.write(report.growth(result))
    if write:
        _keep(result, "growth.json")
        _show_growth(result)


@app.command(name="workers")
async def workers_(
    *,
    people: int = 5_000,
    number: Annotated[Numbers, Parameter(name="--workers")] = (1, 2, 3),
    mail_ms: int = 200,
    rounds: int = 3,
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """See what more workers give where a mail takes its time.

    Parameters
    ----------
    people
        To be moved in each run.
    number
        Numbers of worker processes; all are compared with the first.
    mail_ms
        Milliseconds that the mail server takes to accept a mail.
    rounds
        Times that it is done with each number.
    write
        Put the results into docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await workers.compare(people, number, mail_ms, rounds, folder)
    sys.stdout.write(report.workers(result))
    if write:
        _keep(result, "workers.json")
        report.write(PAGE, "workers", report.workers(result))


@app.command(name="beside")
async def beside_(
    *,
    many: int = 10_000,
    few: int = 10,
    mails_per_second: Numbers = (0, 50),
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """See how long a few people wait for their mails while many are moved.

    Parameters
    ----------
    many
        People of the large migration.
    few
        People of the small one.
    mails_per_second
        Limits of the mail server that are tried; 0: none.
    write
        Put the results into docs/benchmarks.md.

    """
    with _folder() as folder:
        waits = [await beside.wait_beside(many, few, limit, folder) for limit in mails_per_second]
    result = Besides(machine=Machine.this(), command=results.command(), waits=waits)
    sys.stdout.write(report.beside(result))
    if write:
        _keep(result, "beside.json")
        report.write(PAGE, "beside", report.beside(result))


@app.command
def draw() -> None:
    """Write the page and its pictures anew from the results that are there."""
    _show_race(Race.model_validate_json(_file("race.json").read_bytes()))
    _show_growth(Growth.model_validate_json(_file("growth.json").read_bytes()))
    report.write(PAGE, "workers", report.workers(Workers.model_validate_json(_file("workers.json").read_bytes())))
    report.write(PAGE, "beside", report.beside(Besides.model_validate_json(_file("beside.json").read_bytes())))


def _keep(result: Race | Growth | Workers | Besides, name: str) -> None:
    FILES.mkdir(exist_ok=True)
    _file(name).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _show_race(result: Race) -> None:
    report.write(PAGE, "race", report.race(result))
    plots.race(result, _file("race.svg"))


def _show_growth(result: Growth) -> None:
    report.write(PAGE, "growth", report.growth(result))
    plots.growth(result, _file("growth.svg"))


def _file(name: str) -> Path:
    return FILES / name


@contextmanager
def _folder() -> Iterator[Path]:
    # Not /tmp: that may be kept in memory, and durable is to mean on disk.
    with tempfile.TemporaryDirectory(prefix="landbridge-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "run"


if __name__ == "__main__":
    exits.run(app)

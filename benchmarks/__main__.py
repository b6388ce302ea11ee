"""The benchmarks' command line: `python -m benchmarks --help`."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from benchmarks import contestants, fairness, growth, plots, race, report, results, workers
from benchmarks.results import PROJECT, Fairness, Growth, Machine, Race, Workers
from landbridge.platform import exits

PAGE = PROJECT / "docs" / "benchmarks.md"
FILES = PROJECT / "docs" / "benchmarks"
"""The measured results and the plots."""

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
    """Compare Landbridge with the other contestants.

    Parameters
    ----------
    people
        People in each run.
    rounds
        Runs of each contestant.
    only
        Names of the contestants that take part; default: all.
    kill
        Add a run of each contestant in which its worker is killed.
    write
        Update docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await race.race(people, rounds, only or tuple(contestants.LABELS), folder, kill=kill)
    sys.stdout.write(report.race(result))
    if write:
        _save(result, "race.json")
        _publish_race(result)


@app.command(name="growth")
async def growth_(
    *,
    people: Numbers = (100, 1_000, 10_000),
    number: Annotated[Numbers, Parameter(name="--workers")] = (1, 2),
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Measure Landbridge with growing migrations.

    Parameters
    ----------
    people
        Sizes of the migrations.
    number
        Numbers of worker processes.
    write
        Update docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await growth.grow(people, number, folder)
    sys.stdout.write(report.growth(result))
    if write:
        _save(result, "growth.json")
        _publish_growth(result)


@app.command(name="workers")
async def workers_(
    *,
    people: int = 5_000,
    number: Annotated[Numbers, Parameter(name="--workers")] = (1, 2, 3),
    mail_ms: int = 200,
    rounds: int = 3,
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Compare numbers of workers with a slow mail server.

    Parameters
    ----------
    people
        People in each run.
    number
        Numbers of worker processes; each is compared with the first.
    mail_ms
        Milliseconds until the mail server accepts a mail.
    rounds
        Runs with each number of workers.
    write
        Update docs/benchmarks.md.

    """
    with _folder() as folder:
        result = await workers.compare(people, number, mail_ms, rounds, folder)
    sys.stdout.write(report.workers(result))
    if write:
        _save(result, "workers.json")
        report.write(PAGE, "workers", report.workers(result))


@app.command(name="fairness")
async def fairness_(
    *,
    many: int = 10_000,
    few: int = 10,
    mails_per_second: Numbers = (0, 50),
    write: Annotated[bool, Parameter(negative="")] = False,
) -> None:
    """Measure how long a small migration waits for its mails during a large one.

    Parameters
    ----------
    many
        People of the large migration.
    few
        People of the small one.
    mails_per_second
        Rate limits of the worker to try; 0: no limit.
    write
        Update docs/benchmarks.md.

    """
    with _folder() as folder:
        waits = [await fairness.measure_wait(many, few, limit, folder) for limit in mails_per_second]
    result = Fairness(machine=Machine.this(), command=results.command(), waits=waits)
    sys.stdout.write(report.fairness(result))
    if write:
        _save(result, "fairness.json")
        report.write(PAGE, "fairness", report.fairness(result))


@app.command
def draw() -> None:
    """Update docs/benchmarks.md and the plots from the saved results."""
    _publish_race(Race.model_validate_json(_file("race.json").read_bytes()))
    _publish_growth(Growth.model_validate_json(_file("growth.json").read_bytes()))
    report.write(PAGE, "workers", report.workers(Workers.model_validate_json(_file("workers.json").read_bytes())))
    report.write(PAGE, "fairness", report.fairness(Fairness.model_validate_json(_file("fairness.json").read_bytes())))


def _save(result: Race | Growth | Workers | Fairness, name: str) -> None:
    FILES.mkdir(exist_ok=True)
    _file(name).write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _publish_race(result: Race) -> None:
    report.write(PAGE, "race", report.race(result))
    plots.race(result, _file("race.svg"))


def _publish_growth(result: Growth) -> None:
    report.write(PAGE, "growth", report.growth(result))
    plots.growth(result, _file("growth.svg"))


def _file(name: str) -> Path:
    return FILES / name


@contextmanager
def _folder() -> Iterator[Path]:
    # Not /tmp, which may be in memory: the databases must be on disk.
    with tempfile.TemporaryDirectory(prefix="landbridge-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "run"


if __name__ == "__main__":
    exits.run(app)

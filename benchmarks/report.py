"""Formats the results as the tables of docs/benchmarks.md."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.results import ContestantResult, Fairness, Growth, Machine, Race, Workers
from benchmarks.statistics import Spread, ratios, spread

OURS = "landbridge"
_DIGITS = 2


def race(result: Race) -> str:
    """Return the results of the comparison as Markdown."""
    ours = next((contestant for contestant in result.raced if contestant.name == OURS), None)
    rows = [
        [
            contestant.label,
            _times(ours, contestant).format() if ours and contestant is not ours else "",
            _rate(result.people, contestant).format(),
            spread(contestant.peak_mb).format(0),
            "" if contestant.sent_again is None else str(contestant.sent_again),
        ]
        for contestant in result.raced
    ]
    heads = ["", "Landbridge is … times as fast", "people per second", "peak memory, MB", "resent mails"]
    left_out = "".join(f"\nLeft out: {contestant.label} ({contestant.missing}).\n" for contestant in result.absent)
    versions = "".join(f"- {contestant.label}: {contestant.versions}\n" for contestant in result.raced)
    return (
        f"{result.people:,} people; median, minimum and maximum of {len(result.raced[0].seconds)} interleaved rounds; "
        f"ratios are computed for each round. {_machine(result.machine)}\n\n```sh\n{result.command}\n```\n\n"
        f"{_table(heads, rows)}\n![People per second](benchmarks/race.svg)\n{left_out}\n{versions}\n"
        f"CPU time per person in the last round, in milliseconds:\n\n{_cpu_time(result.raced)}"
    )


def growth(result: Growth) -> str:
    """Return the results for growing migrations as Markdown."""
    rows = [
        [
            f"{run.people:,}",
            str(run.workers),
            _figure(run.people / run.seconds),
            _figure(1000 * run.seconds / run.people),
            _figure(run.events / run.people),
            _figure(run.actions / run.people),
            _figure(run.peak_worker_mb),
            _figure(run.peak_server_mb),
            _figure(run.cpu_ms.get("worker", 0)),
            _figure(run.cpu_ms.get("temporal", 0)),
        ]
        for run in result.grown
    ]
    heads = ["people", "workers", "people per second", "ms per person", "events per person", "actions per person"]
    heads += ["worker, MB", "server, MB", "worker CPU ms per person", "server CPU ms per person"]
    return (
        f"{_machine(result.machine)}\n\n```sh\n{result.command}\n```\n\n{_table(heads, rows)}\n"
        "![Cost per person by number of people](benchmarks/growth.svg)\n"
    )


def workers(result: Workers) -> str:
    """Return the results for each number of workers as Markdown, compared with the first number."""
    first = result.staffed[0]
    rows = [
        [
            str(run.workers),
            spread([result.people / seconds for seconds in run.seconds]).format(),
            "" if run is first else ratios(first.seconds, run.seconds).format(2),
        ]
        for run in result.staffed
    ]
    heads = ["workers", "people per second", f"times as fast as {first.workers}"]
    return (
        f"{result.people:,} people, {result.mail_ms} ms for each mail; median, minimum and maximum of "
        f"{len(first.seconds)} interleaved rounds. {_machine(result.machine)}\n\n"
        f"```sh\n{result.command}\n```\n\n{_table(heads, rows)}"
    )


def fairness(result: Fairness) -> str:
    """Return how long small migrations waited during large ones as Markdown."""
    rows = [
        [
            f"{run.mails_per_second:g}" if run.mails_per_second else "no limit",
            f"{run.few:,} during {run.many:,}",
            _figure(run.seconds),
            f"{run.mails_meanwhile:,}",
            f"{run.mails_left:,}",
        ]
        for run in result.waits
    ]
    heads = ["mails per second", "people", "seconds until the last mail", "mails of the large migration meanwhile"]
    heads.append("its mails still unsent")
    return f"{_machine(result.machine)}\n\n```sh\n{result.command}\n```\n\n{_table(heads, rows)}"


def write(page: Path, part: str, text: str) -> None:
    """Replace the text between the two markers of a part.

    Raises:
        ValueError: the page has no such part.

    """
    begin, end = f"<!-- {part}: written by python -m benchmarks -->", f"<!-- {part}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not pattern.search(before):
        raise ValueError(f"{page} has no part {part}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", before), encoding="utf-8")


def _times(ours: ContestantResult, other: ContestantResult) -> Spread:
    # Inverted, because fewer seconds are better.
    return ratios(other.seconds, ours.seconds)


def _rate(people: int, contestant: ContestantResult) -> Spread:
    return spread([people / seconds for seconds in contestant.seconds])


def _cpu_time(raced: Sequence[ContestantResult]) -> str:
    programs = sorted({program for contestant in raced for program in contestant.cpu_ms[-1]})
    rows = [
        [contestant.label, *(_figure(contestant.cpu_ms[-1].get(program, 0)) for program in programs)]
        for contestant in raced
    ]
    return _table(["", *programs], rows)


def _machine(machine: Machine) -> str:
    return (
        f"Measured on {machine.on:%d %B %Y}, commit {machine.commit}: {machine.cores} cores, {machine.memory_gb:g} GB, "
        f"{machine.system}, Python {machine.python}."
    )


def _figure(value: float) -> str:
    return spread([value]).format(_DIGITS)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""The tables of docs/benchmarks.md, made of the results."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.results import Besides, Growth, Machine, Race, Raced, Workers
from benchmarks.statistics import Spread, ratios, spread

OURS = "landbridge"
_DIGITS = 2


def race(result: Race) -> str:
    """Return what the race came to, ratios first."""
    ours = next((one for one in result.raced if one.name == OURS), None)
    rows = [
        [
            one.label,
            _times(ours, one).format() if ours and one is not ours else "",
            _rate(result.people, one).format(),
            spread(one.peak_mb).format(0),
            "" if one.sent_again is None else str(one.sent_again),
        ]
        for one in result.raced
    ]
    heads = ["", "Landbridge is … times as fast", "people per second", "peak memory, MB", "mails sent again"]
    absent = "".join(f"\nLeft out: {one.label} ({one.missing}).\n" for one in result.absent)
    made_of = "".join(f"- {one.label}: {one.versions}\n" for one in result.raced)
    return (
        f"{result.people:,} people; median, least and most of {len(result.raced[0].seconds)} interleaved rounds; "
        f"ratios are taken round by round. {_where(result.machine)}\n\n```sh\n{result.command}\n```\n\n"
        f"{_table(heads, rows)}\n![People per second](benchmarks/race.svg)\n{absent}\n{made_of}\n"
        f"Processor time for one person in the last round, in milliseconds:\n\n{_processor_time(result.raced)}"
    )


def growth(result: Growth) -> str:
    """Return what growing comes to for each person."""
    rows = [
        [
            f"{one.people:,}",
            str(one.workers),
            _figure(one.people / one.seconds),
            _figure(1000 * one.seconds / one.people),
            _figure(one.events / one.people),
            _figure(one.actions / one.people),
            _figure(one.peak_worker_mb),
            _figure(one.peak_server_mb),
            _figure(one.cpu_ms.get("worker", 0)),
            _figure(one.cpu_ms.get("temporal", 0)),
        ]
        for one in result.grown
    ]
    heads = ["people", "workers", "people per second", "ms each", "events each", "actions each", "worker, MB"]
    heads += ["server, MB", "worker's processor ms each", "server's processor ms each"]
    return (
        f"{_where(result.machine)}\n\n```sh\n{result.command}\n```\n\n{_table(heads, rows)}\n"
        "![For each person, by the number of people](benchmarks/growth.svg)\n"
    )


def workers(result: Workers) -> str:
    """Return what each number of workers gave, and how many times as fast it was as the first."""
    first = result.staffed[0]
    rows = [
        [
            str(one.workers),
            spread([result.people / seconds for seconds in one.seconds]).format(),
            "" if one is first else ratios(first.seconds, one.seconds).format(2),
        ]
        for one in result.staffed
    ]
    heads = ["workers", "people per second", f"times as fast as {first.workers}"]
    return (
        f"{result.people:,} people, {result.mail_ms} ms for each mail; median, least and most of {len(first.seconds)} "
        f"interleaved rounds. {_where(result.machine)}\n\n```sh\n{result.command}\n```\n\n{_table(heads, rows)}"
    )


def beside(result: Besides) -> str:
    """Return how long a few people waited beside many."""
    rows = [
        [
            f"{one.mails_per_second:g}" if one.mails_per_second else "as many as it takes",
            f"{one.few:,} beside {one.many:,}",
            _figure(one.seconds),
            f"{one.mails_meanwhile:,}",
            f"{one.mails_left:,}",
        ]
        for one in result.waits
    ]
    heads = ["mails a second", "people", "seconds to their last mail", "mails to others meanwhile", "still to go out"]
    return f"{_where(result.machine)}\n\n```sh\n{result.command}\n```\n\n{_table(heads, rows)}"


def write(page: Path, part: str, text: str) -> None:
    """Put a text between a part's two markers.

    Raises:
        ValueError: the page has no such part.

    """
    begin, end = f"<!-- {part}: written by python -m benchmarks -->", f"<!-- {part}: end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    before = page.read_text(encoding="utf-8")
    if not pattern.search(before):
        raise ValueError(f"{page} has no part {part}")
    page.write_text(pattern.sub(lambda _: f"{begin}\n{text.strip()}\n{end}", before), encoding="utf-8")


def _times(ours: Raced, other: Raced) -> Spread:
    # Fewer seconds are better.
    return ratios(other.seconds, ours.seconds)


def _rate(people: int, one: Raced) -> Spread:
    return spread([people / seconds for seconds in one.seconds])


def _processor_time(raced: Sequence[Raced]) -> str:
    programs = sorted({program for one in raced for program in one.cpu_ms[-1]})
    rows = [[one.label, *(_figure(one.cpu_ms[-1].get(program, 0)) for program in programs)] for one in raced]
    return _table(["", *programs], rows)


def _where(machine: Machine) -> str:
    return (
        f"Measured on {machine.on:%d %B %Y}, commit {machine.commit}: {machine.cores} cores, {machine.memory_gb:g} GB, "
        f"{machine.system}, Python {machine.python}."
    )


def _figure(value: float) -> str:
    return spread([value]).format(_DIGITS)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

"""Runs all contestants in interleaved rounds, then once more while each worker is killed."""

import asyncio
import sys
from collections.abc import Collection
from pathlib import Path

from benchmarks import contestants, results
from benchmarks.contestant import Contestant
from benchmarks.contestants import LABELS
from benchmarks.results import ContestantResult, LeftOut, Machine, Race
from benchmarks.run import MB, Failed, Measured, cpu_ms_each, measure


async def race(people: int, rounds: int, names: Collection[str], folder: Path, *, kill: bool) -> Race:
    """Run the rounds. A contestant that fails is left out from then on, and listed with the reason."""
    entrants, absent = _entrants(names)
    raced = {
        contestant: ContestantResult(
            name=contestant.name, label=LABELS[contestant.name], versions=contestant.versions()
        )
        for contestant in entrants
    }
    for number in range(1, rounds + 1):
        for contestant in list(raced):
            measured = await _try(contestant, people, folder, f"round {number} of {rounds}", kill=False)
            if isinstance(measured, Measured):
                raced[contestant].seconds.append(measured.seconds)
                raced[contestant].peak_mb.append(measured.peak_bytes / MB)
                raced[contestant].cpu_ms.append(cpu_ms_each(measured, people))
            else:
                absent.append(measured)
                del raced[contestant]
    # These runs are concurrent: they only count mails, and mostly wait until the dead worker is detected.
    killed = await asyncio.gather(
        *(
            _try(contestant, people, folder / contestant.name, "with its worker killed", kill=True)
            for contestant in raced
            if kill
        )
    )
    for contestant, measured in zip(list(raced), killed, strict=False):
        if isinstance(measured, Measured):
            raced[contestant] = raced[contestant].model_copy(update={"sent_again": measured.sent_again})
        else:
            absent.append(measured)
    return Race(
        machine=Machine.this(),
        command=results.command(),
        people=people,
        raced=list(raced.values()),
        absent=absent,
    )


def _entrants(names: Collection[str]) -> tuple[list[Contestant], list[LeftOut]]:
    entrants, absent = list[Contestant](), list[LeftOut]()
    for name in names:
        try:
            contestant = contestants.load(name)
            missing = contestant.missing()
        except ModuleNotFoundError as error:
            absent.append(LeftOut(label=LABELS[name], missing=f"not installed: {error.name}"))
            continue
        if missing:
            absent.append(LeftOut(label=LABELS[contestant.name], missing=f"not installed: {missing}"))
        else:
            entrants.append(contestant)
    for left_out in absent:
        sys.stderr.write(f"{left_out.label} does not take part: {left_out.missing}.\n")
    return entrants, absent


async def _try(contestant: Contestant, people: int, folder: Path, what: str, *, kill: bool) -> Measured | LeftOut:
    try:
        measured = await measure(contestant, people, folder, kill=kill)
    except Exception as failure:  # noqa: BLE001 - a failing contestant must not stop the others
        reason = str(failure) if isinstance(failure, Failed) else f"it failed {what}: {failure!r}"
        sys.stderr.write(f"{LABELS[contestant.name]} is left out: {reason}\n")
        return LeftOut(label=LABELS[contestant.name], missing=reason)
    rate = people / measured.seconds
    sys.stderr.write(f"{LABELS[contestant.name]}, {what}: {measured.seconds:.1f} s, {rate:.1f} people/s, ")
    sys.stderr.write(f"{measured.peak_bytes / MB:.0f} MB, {measured.sent_again} resent mails\n")
    return measured

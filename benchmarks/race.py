"""All contestants do the same job, in interleaved rounds; then once more together, each worker killed in the middle."""

import asyncio
import sys
from collections.abc import Collection
from pathlib import Path

from benchmarks import contestants, results
from benchmarks.contestant import Contestant
from benchmarks.contestants import LABELS
from benchmarks.results import Absent, Machine, Race, Raced
from benchmarks.run import MB, Failed, Measured, cpu_ms_each, measure


async def race(people: int, rounds: int, names: Collection[str], folder: Path, *, kill: bool) -> Race:
    """Run the rounds; whoever fails once is left out from then on, and named."""
    starters, absent = _starters(names)
    raced = {one: Raced(name=one.name, label=LABELS[one.name], versions=one.versions()) for one in starters}
    for number in range(1, rounds + 1):
        for one in list(raced):
            measured = await _try(one, people, folder, f"round {number} of {rounds}", kill=False)
            if isinstance(measured, Measured):
                raced[one].seconds.append(measured.seconds)
                raced[one].peak_mb.append(measured.peak_bytes / MB)
                raced[one].cpu_ms.append(cpu_ms_each(measured, people))
            else:
                absent.append(measured)
                del raced[one]
    # All at once: only mails are counted, and most of the time is spent waiting until a dead worker is noticed.
    killed = await asyncio.gather(
        *(_try(one, people, folder / one.name, "with its worker killed", kill=True) for one in raced if kill)
    )
    for one, measured in zip(list(raced), killed, strict=False):
        if isinstance(measured, Measured):
            raced[one] = raced[one].model_copy(update={"sent_again": measured.sent_again})
        else:
            absent.append(measured)
    return Race(
        machine=Machine.this(),
        command=results.command(),
        people=people,
        raced=list(raced.values()),
        absent=absent,
    )


def _starters(names: Collection[str]) -> tuple[list[Contestant], list[Absent]]:
    starters, absent = list[Contestant](), list[Absent]()
    for name in names:
        try:
            one = contestants.load(name)
            missing = one.missing()
        except ModuleNotFoundError as error:
            absent.append(Absent(label=LABELS[name], missing=f"not installed: {error.name}"))
            continue
        if missing:
            absent.append(Absent(label=LABELS[one.name], missing=f"not installed: {missing}"))
        else:
            starters.append(one)
    for left_out in absent:
        sys.stderr.write(f"{left_out.label} does not take part, {left_out.missing}.\n")
    return starters, absent


async def _try(one: Contestant, people: int, folder: Path, what: str, *, kill: bool) -> Measured | Absent:
    try:
        measured = await measure(one, people, folder, kill=kill)
    except Exception as failure:  # noqa: BLE001 - one that fails in whatever way must not end the race for the others
        said = str(failure) if isinstance(failure, Failed) else f"it failed {what}: {failure!r}"
        sys.stderr.write(f"{LABELS[one.name]} is out: {said}\n")
        return Absent(label=LABELS[one.name], missing=said)
    rate = people / measured.seconds
    sys.stderr.write(f"{LABELS[one.name]}, {what}: {measured.seconds:.1f} s, {rate:.1f} people/s, ")
    sys.stderr.write(f"{measured.peak_bytes / MB:.0f} MB, {measured.sent_again} mails sent again\n")
    return measured

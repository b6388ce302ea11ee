"""An hour of small migrations: what the worker and the portal hold of memory and files does not grow."""

import json
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.e2e import accounts
from tests.e2e.machine import Machine
from tests.e2e.scenario import moving

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
"""`make soak` asks for sixty; it takes half a minute until all caches are filled."""
WATCHED = ("worker", "portal")
LEAK = 1.0
"""Kilobytes for each click between the second quarter of the time and the last: less is not told from nothing."""
NOISE = 0.01
"""Of what is held: by so much medians differ though nothing leaks, once an hour has made many samples."""
MORE_FILES = 2


class Held(NamedTuple):
    """What a process holds at a moment."""

    kilobytes: int
    files: int


def held(pid: int) -> Held:
    """Return what a process holds now."""
    process = Path("/proc", str(pid))
    resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return Held(int(resident.split()[1]), len(list((process / "fd").iterdir())))


@pytest.mark.skipif(not MINUTES, reason="It runs for SOAK_MINUTES minutes: `make soak`")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(60 * MINUTES + 300)
async def test_memory_and_files_stay_flat(machine: Machine) -> None:
    """One migration after another, everyone clicking: the last quarter of the time looks as the second did."""
    samples: dict[str, list[Held]] = {name: [] for name in WATCHED}
    clicks: list[int] = []
    end, number = time.monotonic() + 60 * MINUTES, 0
    while time.monotonic() < end:
        number += 1
        async with moving(machine, accounts.account(f"soak{number}", 12)) as scenario:
            assert (await scenario.start("--wait")).code == 0
            await scenario.judge()
            clicks.append(len(scenario.player.pressed))
        for name in WATCHED:
            samples[name].append(held(machine.pid(name)))
    told = {name: {"first": each[0], "last": each[-1]} for name, each in samples.items()}
    print(json.dumps({"migrations": number, **told}))  # noqa: T201 - the evidence
    assert not {name: grown for name, each in samples.items() if (grown := growth(each, clicks))}


def growth(each: Sequence[Held], clicks: Sequence[int]) -> str:
    """Return how much more a process holds in the last quarter than in the second; empty: no more than it may."""
    quarter = max(1, len(each) // 4)
    before, after = each[quarter : 2 * quarter] or each, each[-quarter:]
    between = sum(clicks[quarter + quarter // 2 : len(each) - quarter // 2])
    files = median(one.files for one in after) - median(one.files for one in before)
    held_before = median(one.kilobytes for one in before)
    kilobytes = median(one.kilobytes for one in after) - held_before
    if files <= MORE_FILES and kilobytes <= LEAK * between + NOISE * held_before:
        return ""
    return f"{kilobytes:.0f} kB and {files:.0f} files more after {between} clicks"


def hour(*, leak: float = 0, files: float = 0) -> list[Held]:
    """Make up what a process of 110 MB holds in 600 migrations of eight clicks each, with kilobytes lost by each."""
    chance = random.Random(7)  # noqa: S311 - noise
    return [
        Held(
            round(110_000 + chance.gauss(0, 1_500) + leak * 8 * number),
            round(14 + files * number + chance.random() * 5),
        )
        for number in range(600)
    ]


@pytest.mark.parametrize("more,told", [({}, False), ({"leak": 2}, True), ({"files": 0.02}, True)])
def test_a_leak_would_be_noticed(more: dict[str, float], told: bool) -> None:  # noqa: FBT001 - a column
    """Two kilobytes for each click, or a file in fifty migrations; what comes and goes is none."""
    assert bool(growth(hour(**more), [8] * 600)) is told

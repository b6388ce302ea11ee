"""Runs small migrations for an hour: memory and open files of the worker and the portal must not grow."""

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
from tests.e2e.scenario import migrating

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
"""`make soak` runs sixty. All caches are filled after half a minute."""
PROCESSES = ("worker", "portal")
LEAK = 1.0
"""Kilobytes per click, between the second quarter of the time and the last. Smaller leaks drown in noise."""
NOISE = 0.01
"""The share of the memory by which the medians of an hour's samples differ without a leak."""
MAX_MORE_FILES = 2


class Usage(NamedTuple):
    """The resources of a process at one moment."""

    kilobytes: int
    files: int


def usage(pid: int) -> Usage:
    """Return the resources of a process."""
    process = Path("/proc", str(pid))
    resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return Usage(int(resident.split()[1]), len(list((process / "fd").iterdir())))


@pytest.mark.skipif(not MINUTES, reason="It runs for SOAK_MINUTES minutes: `make soak`")
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(60 * MINUTES + 300)
async def test_memory_and_files_stay_flat(machine: Machine) -> None:
    """The last quarter of the time uses no more memory and files than the second."""
    samples: dict[str, list[Usage]] = {name: [] for name in PROCESSES}
    clicks: list[int] = []
    end, number = time.monotonic() + 60 * MINUTES, 0
    while time.monotonic() < end:
        number += 1
        async with migrating(machine, accounts.account(f"soak{number}", 12)) as scenario:
            assert (await scenario.start("--wait")).code == 0
            await scenario.verify()
            clicks.append(scenario.player.clicks)
        for name in PROCESSES:
            samples[name].append(usage(machine.pid(name)))
    summary = {name: {"first": each[0], "last": each[-1]} for name, each in samples.items()}
    print(json.dumps({"migrations": number, **summary}))  # noqa: T201 - shown by `make soak`
    assert not {name: grown for name, each in samples.items() if (grown := growth(each, clicks))}


def growth(each: Sequence[Usage], clicks: Sequence[int]) -> str:
    """Return, as text, how much the usage grew from the second quarter to the last; empty: within the limits."""
    quarter = max(1, len(each) // 4)
    before, after = each[quarter : 2 * quarter] or each, each[-quarter:]
    between = sum(clicks[quarter + quarter // 2 : len(each) - quarter // 2])
    files = median(one.files for one in after) - median(one.files for one in before)
    kilobytes_before = median(one.kilobytes for one in before)
    kilobytes = median(one.kilobytes for one in after) - kilobytes_before
    if files <= MAX_MORE_FILES and kilobytes <= LEAK * between + NOISE * kilobytes_before:
        return ""
    return f"{kilobytes:.0f} kB and {files:.0f} files more after {between} clicks"


def simulated_hour(*, leak: float = 0, files: float = 0) -> list[Usage]:
    """Simulate a process of 110 MB over 600 migrations of eight clicks; `leak` is kilobytes per click."""
    chance = random.Random(7)  # noqa: S311 - noise
    return [
        Usage(
            round(110_000 + chance.gauss(0, 1_500) + leak * 8 * number),
            round(14 + files * number + chance.random() * 5),
        )
        for number in range(600)
    ]


@pytest.mark.parametrize("more,leaks", [({}, False), ({"leak": 2}, True), ({"files": 0.02}, True)])
def test_a_leak_is_detected(more: dict[str, float], leaks: bool) -> None:  # noqa: FBT001 - a column
    """A leak is two kilobytes per click, or one file in fifty migrations; noise is none."""
    assert bool(growth(simulated_hour(**more), [8] * 600)) is leaks

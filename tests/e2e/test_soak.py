"""An hour of small migrations: what the worker and the portal hold of memory and files does not grow."""

import json
import os
import sys
import time
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
GROWTH = 1.15
"""Of memory, from the second quarter of the time to the last; a leak of a kilobyte each click would be more."""

pytestmark = [
    pytest.mark.skipif(not MINUTES, reason="SOAK_MINUTES says how long; make soak does"),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


class Held(NamedTuple):
    """What a process holds at a moment."""

    kilobytes: int
    files: int


def held(pid: int) -> Held:
    """Return what a process holds now."""
    process = Path("/proc", str(pid))
    resident = next(line for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return Held(int(resident.split()[1]), len(list((process / "fd").iterdir())))


@pytest.mark.timeout(60 * MINUTES + 300)
async def test_memory_and_files_stay_flat(machine: Machine) -> None:
    """One migration after another, everyone clicking: the last quarter of the time looks as the second did."""
    samples: dict[str, list[Held]] = {name: [] for name in WATCHED}
    end, number = time.monotonic() + 60 * MINUTES, 0
    while time.monotonic() < end:
        number += 1
        async with moving(machine, accounts.account(f"soak{number}", 12)) as scenario:
            assert (await scenario.start("--wait")).code == 0
            await scenario.judge()
        for name in WATCHED:
            samples[name].append(held(machine.pid(name)))
    told = {name: {"first": each[0], "last": each[-1]} for name, each in samples.items()}
    print(json.dumps({"migrations": number, **told}))  # noqa: T201 - the evidence
    quarter = max(1, number // 4)
    for name, each in samples.items():
        before, after = each[quarter : 2 * quarter] or each, each[-quarter:]
        assert median(one.files for one in after) <= median(one.files for one in before) + 5, name
        assert median(one.kilobytes for one in after) <= GROWTH * median(one.kilobytes for one in before), name

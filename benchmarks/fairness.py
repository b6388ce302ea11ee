"""Landbridge alone: how long a small migration waits for its mails during a large one."""

import asyncio
import copy
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2

from benchmarks.contestants.landbridge import Landbridge, person_row
from benchmarks.journal import Journal
from benchmarks.results import FairnessRun
from benchmarks.run import say
from benchmarks.world import SEED, World
from dev.stack.ports import HOST
from dev.stack.supervisor import Supervisor

_ACCOUNT = "few"
_START_AT = 0.1
"""The small migration starts when this fraction of the large migration's mails has been sent."""
_POLL_SECONDS = 0.02


async def measure_wait(many: int, few: int, mails_per_second: float, folder: Path) -> FairnessRun:
    """Start a migration of `many` people, and while it sends mails, one of `few` people."""
    world, landbridge = World(folder), Landbridge(mails_per_second=mails_per_second)
    async with Supervisor(world.logs, say) as programs:
        await programs.start(*world.services(), *landbridge.programs(world))
        await _load_accounts(world)
        journal = Journal(world.journal)
        large = asyncio.create_task(landbridge.move(world, many))
        while (before := journal.people()) < many * _START_AT:
            await asyncio.sleep(_POLL_SECONDS)
        rows = [person_row(_email(number), f"Few {number}") for number in range(1, few + 1)]
        began = time.perf_counter()
        small = asyncio.create_task(landbridge.move_account(world, _ACCOUNT, rows))
        run = await landbridge.run_of(world, _ACCOUNT)
        while (received := journal.people(run)) < few:
            await asyncio.sleep(_POLL_SECONDS)
        seconds = time.perf_counter() - began
        others = journal.people() - received
        for migration in (large, small):
            migration.cancel()
            with suppress(asyncio.CancelledError):
                await migration
    sys.stderr.write(f"{few} people during {many}: {seconds:.1f} s, with {others - before} mails to others\n")
    return FairnessRun(
        many=many,
        few=few,
        mails_per_second=mails_per_second,
        seconds=seconds,
        mails_meanwhile=others - before,
        mails_left=many - others,
    )


async def _load_accounts(world: World) -> None:
    """Load a second Opsgenie account into the emulator, with the initiator of its migration as a site admin."""
    both = copy.deepcopy(SEED)
    both["organization"]["accounts"].append({"email": _email(1)})
    both["organization"]["sites"][0]["siteAdmins"].append(_email(1))
    account = {
        "opsgenie": {"name": _ACCOUNT, "apiKey": f"{_ACCOUNT}-key"},
        "organization": {"id": _ACCOUNT, "name": "Few", "apiKey": f"{_ACCOUNT}-organization-key"},
    }
    async with httpx2.AsyncClient(base_url=f"http://{HOST}:{world.port('emulator')}") as emulator:
        for document in (both, account):
            (await emulator.put("/emulator/seed", json=document)).raise_for_status()


def _email(person: int) -> str:
    return f"few{person}@example.com"

"""Landbridge alone: how long a few people wait for their mails while many are moved."""

import asyncio
import copy
import sys
import time
from contextlib import suppress
from pathlib import Path

import httpx2

from benchmarks.contestants.landbridge import Landbridge, person_row
from benchmarks.journal import Journal
from benchmarks.results import Beside
from benchmarks.run import say
from benchmarks.world import SEED, World
from dev.stack.ports import HOST
from dev.stack.supervisor import Supervisor

_ACCOUNT = "few"
_BEGUN = 10
"""One of so many mails of the large migration is out when the small one starts."""
_LOOK_SECONDS = 0.02


async def wait_beside(many: int, few: int, mails_per_second: float, folder: Path) -> Beside:
    """Start a migration of many, and amid its mails one of a few."""
    world, landbridge = World(folder), Landbridge(mails_per_second=mails_per_second)
    async with Supervisor(world.logs, say) as programs:
        for program in (*world.services(), *landbridge.programs(world)):
            await programs.start(program)
        await _move_in(world)
        journal = Journal(world.journal)
        large = asyncio.create_task(landbridge.move(world, many))
        while (before := journal.people()) < many // _BEGUN:
            await asyncio.sleep(_LOOK_SECONDS)
        rows = [person_row(_email(number), f"Few {number}") for number in range(1, few + 1)]
        began = time.perf_counter()
        small = asyncio.create_task(landbridge.move_account(world, _ACCOUNT, rows))
        run = await landbridge.run_of(world, _ACCOUNT)
        while (got := journal.people(run)) < few:
            await asyncio.sleep(_LOOK_SECONDS)
        seconds = time.perf_counter() - began
        others = journal.people() - got
        for migration in (large, small):
            migration.cancel()
            with suppress(asyncio.CancelledError):
                await migration
    sys.stderr.write(f"{few} people beside {many}: {seconds:.1f} s, meanwhile {others - before} mails to others\n")
    return Beside(
        many=many,
        few=few,
        mails_per_second=mails_per_second,
        seconds=seconds,
        mails_meanwhile=others - before,
        mails_left=many - others,
    )


async def _move_in(world: World) -> None:
    """Let the emulator know a second Opsgenie account, and who initiates its migration as a site admin."""
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

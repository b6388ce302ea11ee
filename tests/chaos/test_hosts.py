"""What a machine can do to its processes: full disks, few files, lost stores; and two of everything."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.client import Client
from temporalio.service import RPCError

from dev.stack.processes import Program
from landbridge.platform.exits import Exit
from tests.chaos.faults import PACE
from tests.chaos.machine import LONG, WORKERS, Ruin
from tests.e2e import accounts
from tests.e2e.scenario import moving
from tests.workflows.harness import eventually
from workflows.support import options

FEW_FILES = 64
FULL = Path("/dev/full")
"""Whoever writes to it hears that the disk is full."""


async def test_two_starters_at_once_start_one_migration(ruin: Ruin) -> None:
    """Whoever comes second is shown what runs; the two workers share the work, and no mail comes twice."""
    async with moving(ruin, accounts.account("twice", 20)) as scenario:
        both = await asyncio.gather(scenario.start("--wait"), scenario.start("--wait"))
        assert [ran.code for ran in both] == [0, 0]
        await ruin.judge(scenario)


async def test_a_lost_store_sends_nothing_by_itself(ruin: Ruin) -> None:
    """With Temporal's store deleted, nobody is mailed; who starts anew finds everyone's accounts and makes no other."""
    async with moving(ruin, accounts.account("lost", 20)) as scenario:
        scenario.player.asleep = True
        before = await scenario.start()
        assert before.code == 0
        due = sum(bool(one.mails) for one in scenario.account.people)
        await eventually(lambda: len(scenario.mails()) == due)
        for name in (*WORKERS, "temporal"):
            await ruin.kill(name)
        for file in ruin.stack.state.folder.glob("temporal.db*"):
            file.unlink()
        for name in ("temporal", *WORKERS):
            await ruin.start(name)
        assert (await ruin.starter("status", scenario.account.name)).code == Exit.NOT_FOUND
        assert len(scenario.mails()) == due
        scenario.since = ruin.mailed()
        scenario.player.asleep = False
        assert (await scenario.start("--wait")).code == 0
        # The links of the first mails are as good as those of the second: both name person and generation.
        scenario.player.told.clear()
        await ruin.judge(scenario)


class Cramped(Ruin):
    """A machine whose worker may open few files and cannot write its log."""

    def programs(self) -> list[Program]:
        """Limit the worker; there is one."""
        log = self.logs / "worker.log"
        log.symlink_to(FULL)
        return [
            replace(program, command=["sh", "-c", f'ulimit -n {FEW_FILES}; exec "$@"', "sh", *program.command])
            if program.name == "worker"
            else program
            for program in super().programs()
            if program.name != WORKERS[1]
        ]


@LONG
@pytest.mark.skipif(not FULL.exists(), reason="There is no /dev/full here")
async def test_a_worker_with_few_files_and_no_room_for_its_log_works(tmp_path: Path) -> None:
    """Nobody is lost for want of a log line, and what it opened it closes."""
    async with Cramped.running(tmp_path) as ruin:
        open_files = Path(f"/proc/{ruin.pid('worker')}/fd")
        for name in ("cramped", "cramped-again"):
            async with moving(ruin, accounts.account(name, 40)) as scenario:
                assert (await scenario.start("--wait")).code == 0
                await scenario.judge()
                assert len(list(open_files.iterdir())) < FEW_FILES


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Mount a small disk, which only the administrator of a machine can."""
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - of this test alone
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)],  # noqa: S607 - wherever it is
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("Only an administrator can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607 - as above


async def _fill(disk: Path, client: Client) -> None:
    """Leave no room on the disk, nor in the store's files, which are used anew from their beginning now and then."""
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    with suppress(RPCError):
        while True:
            await client.start_workflow(
                "Room", bytes(100_000), id=str(uuid4()), task_queue="nobody", rpc_timeout=timedelta(seconds=2)
            )


class Cornered(Ruin):
    """A machine whose Temporal has a small disk for its store."""

    def __init__(self, folder: Path, disk: Path) -> None:
        super().__init__(folder)
        self._disk = disk

    def programs(self) -> list[Program]:
        """Move the store."""
        store = f"--db-filename={self._disk / 'temporal.db'}"
        return [
            replace(program, command=[store if word.startswith("--db-filename") else word for word in program.command])
            for program in super().programs()
        ]


@LONG
async def test_a_full_disk_under_temporal_is_waited_for(tmp_path: Path) -> None:
    """Commands say that it is away; with more room the migration goes on to its end, and nothing was lost."""
    disk = tmp_path / "disk"
    with _disk(disk):
        async with (
            Cornered(tmp_path, disk) as ruin,
            ruin.post,
            moving(ruin, accounts.account("full", 60)) as scenario,
        ):
            ruin.post.take_time(PACE)
            waiting = asyncio.create_task(scenario.start("--wait"))
            await scenario.mailed(10)
            await _fill(disk, ruin.client)
            told = await ruin.starter("pause", scenario.account.name, "--reason", "disk")
            assert told.code == Exit.UNREACHABLE, told
            assert "Traceback" not in told.err
            subprocess.run(  # noqa: S603, ASYNC221 - of this test alone, and quick
                ["mount", "-o", "remount,size=256m", str(disk)],  # noqa: S607 - wherever it is
                check=True,
            )
            assert (await scenario.start("--wait")).code == 0
            await waiting
            await scenario.judge(duplicates_at_most=options.MAIL_BATCH)

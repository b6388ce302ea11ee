"""Full disks, few file descriptors, a lost store, and two starters."""

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
from tests.chaos.faults import SMTP_DELAY
from tests.chaos.faulty_stack import LONG, WORKERS, FaultyStack
from tests.e2e import accounts
from tests.e2e.scenario import migrating
from tests.workflows.harness import eventually
from workflows.support import options

MAX_OPEN_FILES = 64
FULL_DEVICE = Path("/dev/full")
"""Every write to it fails with ENOSPC."""


async def test_two_concurrent_starters_start_one_migration(machine: FaultyStack) -> None:
    """The second starter follows the migration of the first; no mail is sent twice."""
    async with migrating(machine, accounts.account("twice", 20)) as scenario:
        both = await asyncio.gather(scenario.start("--wait"), scenario.start("--wait"))
        assert [ran.code for ran in both] == [0, 0]
        await machine.verify(scenario)


async def test_a_lost_store_sends_nothing_until_the_next_start(machine: FaultyStack) -> None:
    """After Temporal's store is deleted, nobody is mailed; a new start finds the accounts and creates no others."""
    async with migrating(machine, accounts.account("lost", 20)) as scenario:
        scenario.player.asleep = True
        before = await scenario.start()
        assert before.code == 0
        due = sum(bool(one.expected_mails) for one in scenario.account.people)
        await eventually(lambda: len(scenario.mails()) == due)
        for name in (*WORKERS, "temporal"):
            await machine.kill(name)
        for file in machine.stack.state.folder.glob("temporal.db*"):
            file.unlink()
        for name in ("temporal", *WORKERS):
            await machine.start(name)
        assert (await machine.starter("status", scenario.account.name)).code == Exit.NOT_FOUND
        assert len(scenario.mails()) == due
        scenario.since = machine.newest_mail()
        scenario.player.asleep = False
        assert (await scenario.start("--wait")).code == 0
        # People also follow the links of the first mails, some of which no longer work.
        scenario.player.problems.clear()
        await machine.verify(scenario)


class LimitedWorker(FaultyStack):
    """A machine whose one worker may open few files and cannot write its log."""

    def programs(self) -> list[Program]:
        """Limit the first worker, and leave out the second."""
        log = self.logs / "worker.log"
        log.symlink_to(FULL_DEVICE)
        return [
            replace(program, command=["sh", "-c", f'ulimit -n {MAX_OPEN_FILES}; exec "$@"', "sh", *program.command])
            if program.name == "worker"
            else program
            for program in super().programs()
            if program.name != WORKERS[1]
        ]


@LONG
@pytest.mark.skipif(not FULL_DEVICE.exists(), reason="needs /dev/full")
async def test_a_worker_with_few_files_and_a_full_log_disk_works(tmp_path: Path) -> None:
    """Two migrations complete, and the worker closes the files that it opens."""
    async with LimitedWorker.running(tmp_path) as machine:
        open_files = Path(f"/proc/{machine.pid('worker')}/fd")
        for name in ("limited", "limited-again"):
            async with migrating(machine, accounts.account(name, 40)) as scenario:
                assert (await scenario.start("--wait")).code == 0
                await scenario.verify()
                assert len(list(open_files.iterdir())) < MAX_OPEN_FILES


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Mount a small disk; this needs root."""
    folder.mkdir()
    mounted = subprocess.run(  # noqa: S603 - a fixed command
        ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)],  # noqa: S607 - found in PATH
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607 - as above


async def _fill(disk: Path, client: Client) -> None:
    """Fill the disk, and the free pages of the store's files, which the database reuses."""
    with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while filler.write(bytes(4096)):
            pass
    with suppress(RPCError):
        while True:
            await client.start_workflow(
                "Filler", bytes(100_000), id=str(uuid4()), task_queue="nobody", rpc_timeout=timedelta(seconds=2)
            )


class SmallDisk(FaultyStack):
    """A machine whose Temporal has its store on a small disk."""

    def __init__(self, folder: Path, disk: Path) -> None:
        super().__init__(folder)
        self._disk = disk

    def programs(self) -> list[Program]:
        """Move the store to the small disk."""
        store = f"--db-filename={self._disk / 'temporal.db'}"
        return [
            replace(program, command=[store if word.startswith("--db-filename") else word for word in program.command])
            for program in super().programs()
        ]


@LONG
async def test_a_migration_survives_a_full_disk_under_temporal(tmp_path: Path) -> None:
    """Commands report that Temporal is unreachable; with more space the migration completes, and nothing is lost."""
    disk = tmp_path / "disk"
    with _disk(disk):
        async with (
            SmallDisk(tmp_path, disk) as machine,
            machine.smtp_server,
            migrating(machine, accounts.account("full", 60)) as scenario,
        ):
            machine.smtp_server.set_delay(SMTP_DELAY)
            waiting = asyncio.create_task(scenario.start("--wait"))
            await scenario.mailed(10)
            await _fill(disk, machine.client)
            paused = await machine.starter("pause", scenario.account.name, "--reason", "disk")
            assert paused.code == Exit.UNREACHABLE, paused
            assert "Traceback" not in paused.err
            subprocess.run(  # noqa: S603, ASYNC221 - a fixed command, and quick
                ["mount", "-o", "remount,size=256m", str(disk)],  # noqa: S607 - found in PATH
                check=True,
            )
            assert (await scenario.start("--wait")).code == 0
            await waiting
            await scenario.verify(max_duplicates=options.MAIL_BATCH)

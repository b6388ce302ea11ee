"""Processes always exit with the documented code, although the SDK can crash while the interpreter exits."""

import asyncio
import os

import pytest

from landbridge.platform.exits import Exit
from tests.e2e.machine import Machine

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "4"))
"""`make soak` runs sixty."""
COMMANDS = {
    ("list",): Exit.DONE,
    ("--help",): Exit.DONE,
    ("status", "nobody"): Exit.NOT_FOUND,
    ("status", "no such name"): Exit.BAD_INPUT,
    ("no-such-command",): Exit.BAD_INPUT,
}


async def test_commands(machine: Machine) -> None:
    """Each command exits with its code in every run."""
    slots = asyncio.Semaphore(3)

    async def code(command: tuple[str, ...]) -> int:
        async with slots:
            return (await machine.starter(*command)).code

    for command, expected in COMMANDS.items():
        assert {*await asyncio.gather(*(code(command) for _ in range(ROUNDS)))} == {expected}, command


@pytest.mark.timeout(900)
async def test_workers_that_are_told_to_stop(machine: Machine) -> None:
    """Workers exit with 0 in every run."""
    for _ in range(ROUNDS):
        assert await machine.stop("worker") == Exit.DONE
        await machine.start("worker")

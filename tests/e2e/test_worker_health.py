"""What a worker says of itself to whoever runs it, and how it ends when Temporal does not help."""

import asyncio
import os
import signal

import httpx2

from landbridge.platform.exits import Exit
from tests.e2e.machine import Machine
from tests.workflows.harness import eventually
from worker import STOP_SECONDS


async def says(machine: Machine, path: str) -> tuple[int, str]:
    """Return the answer of the worker's health; 0 where there is none."""
    try:
        async with httpx2.AsyncClient(base_url=machine.stack.worker_url, timeout=60) as asking:
            answer = await asking.get(path)
    except httpx2.TransportError:
        return 0, ""
    return answer.status_code, answer.text.strip()


async def is_(machine: Machine, path: str, answer: tuple[int, str]) -> bool:
    """Return whether it gives this answer."""
    return await says(machine, path) == answer


async def test_a_worker_that_polls_is_alive_and_ready(machine: Machine) -> None:
    """Both are 200."""
    assert await says(machine, "/livez") == (200, "alive")
    assert await says(machine, "/readyz") == (200, "ready")
    assert (await says(machine, "/elsewhere"))[0] == 404


async def test_temporal_is_killed(machine: Machine) -> None:
    """The worker lives and is not ready; told to stop, it ends in good time; with Temporal back, all is well again."""
    await machine.kill("temporal")
    await eventually(lambda: is_(machine, "/readyz", (503, "Temporal does not answer")))
    assert await says(machine, "/livez") == (200, "alive")
    async with asyncio.timeout(2 * STOP_SECONDS):
        assert await machine.stop("worker") == Exit.DONE
    await machine.start("temporal")
    await machine.start("worker")
    assert await says(machine, "/readyz") == (200, "ready")


async def test_temporal_is_frozen(machine: Machine) -> None:
    """The worker is not ready from the order to stop on, and still ends before platforms kill it."""
    machine.freeze("temporal")
    try:
        await eventually(lambda: is_(machine, "/readyz", (503, "Temporal does not answer")))
        os.kill(machine.pid("worker"), signal.SIGTERM)
        await eventually(lambda: is_(machine, "/readyz", (503, "draining")))
        assert await says(machine, "/livez") == (200, "alive")
        async with asyncio.timeout(2 * STOP_SECONDS):
            assert await machine.ended("worker") == Exit.DONE
    finally:
        machine.thaw("temporal")
    await machine.start("worker")
    assert await says(machine, "/readyz") == (200, "ready")

"""A worker's health endpoints, and its exit while Temporal does not answer."""

import asyncio
import os
import signal

import httpx2

from landbridge.platform.exits import Exit
from tests.e2e.machine import Machine
from tests.workflows.harness import eventually
from worker import STOP_SECONDS


async def health(machine: Machine, path: str) -> tuple[int, str]:
    """Return the status and text of a health endpoint; status 0 if nothing listens."""
    try:
        async with httpx2.AsyncClient(base_url=machine.stack.worker_url, timeout=60) as client:
            answer = await client.get(path)
    except httpx2.TransportError:
        return 0, ""
    return answer.status_code, answer.text.strip()


async def health_is(machine: Machine, path: str, answer: tuple[int, str]) -> bool:
    """Return whether the endpoint gives this answer."""
    return await health(machine, path) == answer


async def test_a_worker_that_polls_is_alive_and_ready(machine: Machine) -> None:
    """Both endpoints return 200."""
    assert await health(machine, "/livez") == (200, "alive")
    await eventually(lambda: health_is(machine, "/readyz", (200, "ready")))
    assert (await health(machine, "/elsewhere"))[0] == 404


async def test_temporal_is_killed(machine: Machine) -> None:
    """The worker is alive but not ready, stops within the grace period, and is ready again with Temporal."""
    await machine.kill("temporal")
    await eventually(lambda: health_is(machine, "/readyz", (503, "Temporal does not answer")))
    assert await health(machine, "/livez") == (200, "alive")
    async with asyncio.timeout(2 * STOP_SECONDS):
        assert await machine.stop("worker") == Exit.DONE
    await machine.start("temporal")
    await machine.start("worker")
    await eventually(lambda: health_is(machine, "/readyz", (200, "ready")))


async def test_temporal_is_frozen(machine: Machine) -> None:
    """After SIGTERM the worker is draining, and exits before an orchestrator would kill it."""
    machine.freeze("temporal")
    try:
        await eventually(lambda: health_is(machine, "/readyz", (503, "Temporal does not answer")))
        os.kill(machine.pid("worker"), signal.SIGTERM)
        await eventually(lambda: health_is(machine, "/readyz", (503, "draining")))
        assert await health(machine, "/livez") == (200, "alive")
        async with asyncio.timeout(2 * STOP_SECONDS):
            assert await machine.ended("worker") == Exit.DONE
    finally:
        machine.thaw("temporal")
    await machine.start("worker")
    await eventually(lambda: health_is(machine, "/readyz", (200, "ready")))

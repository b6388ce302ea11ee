"""Work off many jobs, a few at a time, so that trouble or a cancellation leaves none of them half done."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from landbridge.domain.errors import ServiceRejected, ServiceUnavailable

LAST_JOB_SECONDS = 5.0
"""What a cancellation leaves for finishing the jobs in hand: a mail cut off half-way is sent a second time."""

_Job = TypeVar("_Job")


async def run_bounded(jobs: Iterator[_Job], workers: int, do: Callable[[_Job], Awaitable[None]]) -> None:
    """Do every job, at most `workers` at the same time.

    After trouble or a cancellation no further job is begun, and those in hand are finished first.

    Raises:
        ServiceUnavailable: a job met it; the first one that did.
        ServiceRejected: the same.

    """
    problems: list[ServiceUnavailable | ServiceRejected] = []
    stopped = asyncio.Event()

    async def work() -> None:
        while not stopped.is_set() and (job := next(jobs, None)) is not None:
            try:
                await do(job)
            except (ServiceUnavailable, ServiceRejected) as problem:
                problems.append(problem)
                stopped.set()

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        stopped.set()
        await asyncio.wait(tasks, timeout=LAST_JOB_SECONDS)
        raise
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if result is not None:
            raise result
    if problems:
        raise problems[0]

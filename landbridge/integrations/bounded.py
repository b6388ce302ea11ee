"""Run many jobs with bounded concurrency; after an error or a cancellation, running jobs may finish."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import islice
from typing import TypeVar

LAST_JOB_SECONDS = 5.0
"""How long running jobs may take to finish after a cancellation: a mail that is cut off would be sent twice."""

_Job = TypeVar("_Job")
_Result = TypeVar("_Result")


async def run_bounded(
    jobs: Iterator[_Job], workers: int, do: Callable[[_Job], Awaitable[_Result]]
) -> AsyncIterator[_Result]:
    """Run `do` for every job, at most `workers` concurrently, and yield the results as they complete.

    The next job is taken from `jobs` only when it can start, so a caller can stop early by ending `jobs`. After an
    error or a cancellation no further job starts. Running jobs finish, and their results are yielded before it is
    raised. After a cancellation, jobs that are still running after `LAST_JOB_SECONDS` are cancelled.

    Raises:
        Exception: the first error that a job raised.

    """
    running: set[asyncio.Future[_Result]] = set()
    stopped: BaseException | None = None
    deadline: float | None = None
    time = asyncio.get_running_loop().time
    try:
        while True:
            free = workers - len(running) if stopped is None else 0
            running |= {asyncio.ensure_future(do(job)) for job in islice(jobs, free)}
            if not running:
                break
            timeout = None if deadline is None else max(0.0, deadline - time())
            try:
                done, running = await asyncio.wait(running, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError as cancelled:
                if deadline is not None:
                    raise
                stopped, deadline = cancelled, time() + LAST_JOB_SECONDS
                continue
            if not done:
                break
            for task in done:
                if (error := task.exception()) is None:
                    yield task.result()
                else:
                    stopped = stopped or error
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if stopped is not None:
        raise stopped

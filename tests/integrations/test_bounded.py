"""Jobs with bounded concurrency."""

import asyncio
from itertools import count, takewhile

import pytest

from landbridge.domain.errors import ServiceUnavailable
from landbridge.integrations import bounded
from landbridge.integrations.bounded import run_bounded
from tests.streams import collect


async def test_no_more_jobs_run_than_workers() -> None:
    """Every job runs, at most three at the same time."""
    running = most = 0

    async def do(job: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return job

    results: list[int] = []
    await collect(run_bounded(iter(range(20)), 3, do), results.append)
    assert sorted(results) == list(range(20))
    assert most == 3


async def test_a_caller_stops_by_ending_the_jobs() -> None:
    """If the iterator of jobs ends, running jobs finish and their results are yielded."""
    started: list[int] = []
    results: list[int] = []

    async def do(job: int) -> int:
        started.append(job)
        await asyncio.sleep(0)
        return job

    await collect(run_bounded(takewhile(lambda _: len(results) < 4, count()), 2, do), results.append)
    assert sorted(results) == started
    assert 4 <= len(results) <= 5


async def test_an_error_is_raised_after_the_results_of_running_jobs() -> None:
    """No further job starts after the error."""
    release, results = asyncio.Event(), list[int]()

    async def do(job: int) -> int:
        if job == 1:
            asyncio.get_running_loop().call_soon(release.set)
            raise ServiceUnavailable("Down.")
        await release.wait()
        return job

    with pytest.raises(ServiceUnavailable):
        await collect(run_bounded(iter(range(9)), 2, do), results.append)
    assert results == [0]


async def test_a_cancellation_does_not_wait_forever(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that does not finish in time is cancelled."""
    monkeypatch.setattr(bounded, "LAST_JOB_SECONDS", 0.01)
    results: list[None] = []

    async def do(_: int) -> None:
        await asyncio.Event().wait()

    collecting = asyncio.create_task(collect(run_bounded(iter(range(3)), 2, do), results.append))
    await asyncio.sleep(0)
    collecting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await collecting
    assert results == []

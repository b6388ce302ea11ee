"""A worker that is killed, or that has no room to keep a workflow, drops a question without a word."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, Interceptor, OutboundInterceptor, QueryWorkflowInput
from temporalio.service import RPCError, RPCStatusCode

from domain.people import State
from runtime.questions import DROPPED_SECONDS, AskAgain
from tests.workflows.bench import OWNER_EMAIL, Bench


class _Unanswered(Interceptor):
    """Lets the first questions wait until their time is over, the next ones for a while; refuses some after them."""

    def __init__(self, *, dropped: int = 0, late: int = 0, refused: int = 0) -> None:
        self.dropped, self.late, self.refused = dropped, late, refused

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:  # noqa: A002 - the SDK's name
        return _Outbound(next, self)


class _Outbound(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, left: _Unanswered) -> None:  # noqa: A002 - the SDK's name
        super().__init__(next)
        self._left = left

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        if self._left.dropped:
            self._left.dropped -= 1
            assert input.rpc_timeout
            await asyncio.sleep(input.rpc_timeout.total_seconds())
            raise RPCError("too late", RPCStatusCode.DEADLINE_EXCEEDED, b"")
        if self._left.late:
            self._left.late -= 1
            await asyncio.sleep(2 * DROPPED_SECONDS)
        elif self._left.refused:
            self._left.refused -= 1
            raise RPCError("no room", RPCStatusCode.RESOURCE_EXHAUSTED, b"")
        return await super().query_workflow(input)


def asking(bench: Bench, below: Interceptor) -> Bench:
    """Return the bench with a client whose questions meet this."""
    config = bench.client.config()
    config["interceptors"] = [AskAgain(), below]
    return Bench(Client(**config), bench.account, bench.world)


@pytest.fixture
async def migrating(bench: Bench) -> Bench:
    """A migration whose owner is connected."""
    await bench.start()
    await bench.until(OWNER_EMAIL, State.CONNECTED)
    return bench


async def test_it_is_asked_once_more_before_its_time_is_over(migrating: Bench) -> None:
    """Whoever asked gets the answer, and not that no worker answers."""
    below = _Unanswered(dropped=1)
    assert (await asking(migrating, below).migration.progress()).cohorts == 1
    assert below.dropped == 0


async def test_nothing_is_lost_if_asking_again_is_refused(migrating: Bench) -> None:
    """The answer to the first comes."""
    below = _Unanswered(late=1, refused=1)
    assert (await asking(migrating, below).migration.progress()).cohorts == 1
    assert (below.late, below.refused) == (0, 0)

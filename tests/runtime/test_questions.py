"""Questions that could not be answered just then; no server needed."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import (
    DescribeWorkflowInput,
    OutboundInterceptor,
    QueryWorkflowInput,
    WorkflowExecutionStatus,
    WorkflowQueryFailedError,
)
from temporalio.service import RPCError, RPCStatusCode

from runtime import questions
from runtime.questions import AskAgain

LOST, FULL, GONE = (
    RPCError("", status, b"")
    for status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.RESOURCE_EXHAUSTED, RPCStatusCode.NOT_FOUND)
)
REFUSED = WorkflowQueryFailedError("These events belong to a workflow task that is yet to come.")


class _Temporal(OutboundInterceptor):
    """Answers as it is told to, in this order; an answer that was lost takes its whole time."""

    def __init__(self, clock: list[float], *answers: object) -> None:
        self._clock = clock
        self._answers = iter(answers)
        self.waited: list[float] = []

    async def query_workflow(self, input: QueryWorkflowInput) -> Any:  # noqa: A002, ANN401 - the SDK's signature
        assert input.rpc_timeout is not None
        self.waited.append(input.rpc_timeout.total_seconds())
        answer = next(self._answers)
        if answer is LOST:
            self._clock[0] += self.waited[-1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def describe_workflow(self, input: DescribeWorkflowInput) -> Any:  # noqa: A002, ANN401 - as above
        class Running:
            status = WorkflowExecutionStatus.RUNNING

        return Running()


def question() -> QueryWorkflowInput:
    """Ask, for five seconds at most."""
    return QueryWorkflowInput(
        id="w",
        run_id=None,
        query="q",
        args=[],
        reject_condition=None,
        headers={},
        ret_type=None,
        rpc_metadata={},
        rpc_timeout=timedelta(seconds=5),
    )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that only lost answers turn, and pauses that take no time."""
    now = [0.0]
    monkeypatch.setattr(questions, "monotonic", lambda: now[0])
    monkeypatch.setattr(questions, "_PAUSE_SECONDS", 0)
    return now


@pytest.mark.parametrize("trouble", [[LOST], [FULL, FULL], [REFUSED, REFUSED], [REFUSED, LOST, FULL]])
async def test_it_is_asked_again_until_there_is_an_answer(clock: list[float], trouble: list[Exception]) -> None:
    """Lost, turned away, or refused."""
    temporal = _Temporal(clock, *trouble, "answer")
    assert await AskAgain().intercept_client(temporal).query_workflow(question()) == "answer"


async def test_no_longer_than_the_question_may_take(clock: list[float]) -> None:
    """Each answer gets twice the time of the one before, together no more than was allowed."""
    temporal = _Temporal(clock, LOST, LOST, LOST)
    with pytest.raises(RPCError):
        await AskAgain().intercept_client(temporal).query_workflow(question())
    assert temporal.waited == [2, 3]


async def test_what_is_not_there_is_not_asked_for_again(clock: list[float]) -> None:
    """Nobody waits for a workflow that does not exist."""
    temporal = _Temporal(clock, GONE)
    with pytest.raises(RPCError):
        await AskAgain().intercept_client(temporal).query_workflow(question())


async def test_it_gives_up(clock: list[float]) -> None:
    """After so many refusals."""
    temporal = _Temporal(clock, *[REFUSED] * questions.TIMES)
    with pytest.raises(WorkflowQueryFailedError):
        await AskAgain().intercept_client(temporal).query_workflow(question())

"""One call to Temporal, its trouble told in our words."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

from temporalio.client import (
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from landbridge.domain import ids
from landbridge.domain.errors import LandbridgeError, NotFound, Untrusted
from landbridge.domain.text import text
from landbridge.platform.exits import TemporalUnreachable
from workflows.support.failures import to_error

QUERY_SECONDS = timedelta(seconds=5)
"""How long Temporal has to answer, and a worker to say how a migration stands: `status` can do without."""
READ_SECONDS = timedelta(seconds=30)
"""How long a worker has to answer about people, acts and reports. It may have to replay the whole run first: a second
of CPU for 1,000 events, and eight cohorts are asked at the same time."""
UPDATE_SECONDS = timedelta(seconds=20)
"""How long a worker has to answer a request; some of them ask Atlassian first."""
_DROPPED = "unexpected workflow task failure"
"""The server's words for a request that it let fall; see `answered`."""
_ENDED = "AcceptedUpdateCompletedWorkflow"
"""Temporal's word for a request that was under way when its workflow ended."""
_AGAIN_SECONDS = 0.05
_Answer = TypeVar("_Answer")
_UNANSWERED = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION}


class NoWorkerAnswers(TemporalUnreachable):
    """Temporal answers, but no worker of Landbridge does."""


@asynccontextmanager
async def told(what: str, within: timedelta = UPDATE_SECONDS) -> AsyncIterator[None]:
    """Tell trouble with a call about `what` (a migration, for example) as one of our errors.

    `within` bounds the call whatever the SDK does about it, such as trying again.

    Raises:
        NotFound: there is no such workflow, or nobody with that address in it.
        Refused: the workflow's rules do not allow it.
        NoWorkerAnswers: the call took too long; a request may still be carried out.
        TemporalUnreachable: Temporal does not answer.
        Untrusted: the answer is not from a process of ours.

    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            with _only_ours(what):
                yield
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError):
            if cause.type == _ENDED:
                raise NotFound(text("The {what} is over.", what=what)) from None
            raise to_error(cause) from None
        raise LandbridgeError(text("The request about {what} failed.", what=what)) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise _nobody(what) from None
    except WorkflowQueryFailedError as error:
        if error.message == ids.TOO_EARLY:
            raise _nobody(what) from None
        # Its words are the SDK's: the worker cannot replay the history, for example.
        raise NoWorkerAnswers(
            text("The workers cannot answer about the {what}; its status says why.", what=what)
        ) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            over = "already completed" in error.message
            raise NotFound(
                text("The {what} is over.", what=what) if over else text("There is no {what}.", what=what)
            ) from None
        if error.status in _UNANSWERED:
            raise _nobody(what) from None
        raise TemporalUnreachable(text("Temporal does not answer: {name}.", name=error.status.name)) from None


async def answered(what: str, ask: Callable[[str], Awaitable[_Answer]]) -> _Answer:
    """Return the answer to a request (an update) about `what`; `ask` sends it under the id it is given.

    The server lets a request fall that comes in at the moment in which a run of the workflow ends and the next begins:
    then it is sent again, under the same id, so that it cannot be carried out twice.

    Raises:
        NotFound, Refused, NoWorkerAnswers, TemporalUnreachable: as `told`.

    """
    request_id = uuid4().hex
    async with told(what):
        while True:
            try:
                return await ask(request_id)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION or _DROPPED not in error.message:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)


@contextmanager
def _only_ours(what: str) -> Iterator[None]:
    """Tell an answer that encryption refused; the SDK finds a payload of an unknown encoding in its place."""
    try:
        yield
    except KeyError as error:
        if ids.UNTRUSTED.decode() not in str(error):
            raise
        raise Untrusted(
            text(
                "The answer about the {what} is in clear, or was written for another workflow: no worker of "
                "Landbridge with our keys gave it. See docs/encryption.md.",
                what=what,
            )
        ) from None


def _nobody(what: str) -> NoWorkerAnswers:
    return NoWorkerAnswers(
        text(
            "No worker answers about the {what}. Start one (worker.py) and look again: what was asked may still "
            "be done.",
            what=what,
        )
    )

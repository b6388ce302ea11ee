"""Calls to Temporal: timeouts, and translation of Temporal's errors into Landbridge's errors."""

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
"""Timeout of calls to the server, and of the progress query: `status` can do without a worker's answer."""
READ_SECONDS = timedelta(seconds=30)
"""Timeout of queries for people, audit and report. The worker may have to replay the whole run first: about one second
of CPU per 1,000 events, and eight cohorts are queried concurrently."""
UPDATE_SECONDS = timedelta(seconds=20)
"""Timeout of an update; some updates call Atlassian before they answer."""
_UPDATE_DROPPED = "unexpected workflow task failure"
"""The server's message for an update that it dropped; see `execute_update_once`."""
_WORKFLOW_COMPLETED = "AcceptedUpdateCompletedWorkflow"
"""The server's error type for an update that was running when its workflow ended."""
_RETRY_SECONDS = 0.05
_Answer = TypeVar("_Answer")
_NO_ANSWER = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION}


class NoWorkerAnswers(TemporalUnreachable):
    """Temporal answers, but no Landbridge worker does."""


@asynccontextmanager
async def translate_rpc_errors(what: str, within: timedelta = UPDATE_SECONDS) -> AsyncIterator[None]:
    """Translate Temporal's errors from a call about `what` (such as "migration of acme") into Landbridge's errors.

    `within` is the timeout of the whole call, including the SDK's own retries.

    Raises:
        NotFound: there is no such workflow, or no person with that address in it.
        Refused: the workflow's rules do not allow the request.
        NoWorkerAnswers: the call timed out; an update may still be carried out.
        TemporalUnreachable: Temporal does not answer.
        Untrusted: the answer was not encrypted by a Landbridge process with our keys.

    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            with _reject_untrusted(what):
                yield
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError):
            if cause.type == _WORKFLOW_COMPLETED:
                raise NotFound(text("The {what} has ended.", what=what)) from None
            raise to_error(cause) from None
        raise LandbridgeError(text("The request about {what} failed.", what=what)) from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise _no_worker(what) from None
    except WorkflowQueryFailedError as error:
        if error.message == ids.TOO_EARLY:
            raise _no_worker(what) from None
        # Do not pass on the SDK's message. A typical cause: the worker cannot replay the history.
        raise NoWorkerAnswers(
            text("The workers cannot answer queries about the {what}. Its status shows why.", what=what)
        ) from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            over = "already completed" in error.message
            raise NotFound(
                text("The {what} has ended.", what=what) if over else text("There is no {what}.", what=what)
            ) from None
        if error.status in _NO_ANSWER:
            raise _no_worker(what) from None
        raise TemporalUnreachable(text("Temporal does not answer: {name}.", name=error.status.name)) from None


async def execute_update_once(what: str, send: Callable[[str], Awaitable[_Answer]]) -> _Answer:
    """Execute an update about `what` and return its answer; `send` gets the update id to use.

    The server drops an update that arrives while one run of the workflow ends and the next one starts. The update is
    then retried with the same id: Temporal deduplicates by this id, so it is never executed twice.

    Raises:
        NotFound, Refused, NoWorkerAnswers, TemporalUnreachable: as `translate_rpc_errors`.

    """
    update_id = uuid4().hex
    async with translate_rpc_errors(what):
        while True:
            try:
                return await send(update_id)
            except RPCError as error:
                if error.status is not RPCStatusCode.FAILED_PRECONDITION or _UPDATE_DROPPED not in error.message:
                    raise
                await asyncio.sleep(_RETRY_SECONDS)


@contextmanager
def _reject_untrusted(what: str) -> Iterator[None]:
    """Raise `Untrusted` for an answer that the payload codec rejected.

    The codec replaces such a payload by one of an unknown encoding, for which the SDK raises a KeyError.
    """
    try:
        yield
    except KeyError as error:
        if ids.UNTRUSTED.decode() not in str(error):
            raise
        raise Untrusted(
            text(
                "The answer about the {what} is unencrypted or belongs to another workflow, so it does "
                "not come from a Landbridge worker with our keys. See docs/how-to/encrypt.md.",
                what=what,
            )
        ) from None


def _no_worker(what: str) -> NoWorkerAnswers:
    return NoWorkerAnswers(
        text(
            "No worker responds for the {what}. Start one (worker.py) and check again: your request "
            "may still be carried out.",
            what=what,
        )
    )

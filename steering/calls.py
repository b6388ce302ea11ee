"""One call to Temporal, its trouble told in our words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import (
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from domain.errors import LandbridgeError, NotFound, Refused
from runtime.exits import TemporalUnreachable

QUERY_SECONDS = timedelta(seconds=5)
"""How long a worker has to answer a question."""
UPDATE_SECONDS = timedelta(seconds=20)
"""How long a worker has to answer a request; some of them ask Atlassian first."""
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

    """
    try:
        async with asyncio.timeout(within.total_seconds()):
            yield
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        if isinstance(cause, ApplicationError):
            raise (NotFound if cause.type == "NotFound" else Refused)(cause.message) from None
        raise LandbridgeError(f"The request about {what} failed.") from None
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        raise _nobody(what) from None
    except WorkflowQueryFailedError as error:
        raise LandbridgeError(f"The question about {what} was not understood: {error.message}") from None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            over = "already completed" in error.message
            raise NotFound(f"The {what} is over." if over else f"There is no {what}.") from None
        if error.status in _UNANSWERED:
            raise _nobody(what) from None
        raise TemporalUnreachable(f"Temporal does not answer: {error.status.name}.") from None


def _nobody(what: str) -> NoWorkerAnswers:
    return NoWorkerAnswers(
        f"No worker answers about the {what}. Start one (worker.py) and look again: what was asked may still be done."
    )

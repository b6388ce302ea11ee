"""Trouble with a call to Temporal, in our words."""

import pytest
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from landbridge.client.calls import NoWorkerAnswers, told
from landbridge.domain import ids
from landbridge.domain.errors import NotFound


async def test_a_question_that_may_not_be_answered_yet_may_be_asked_again() -> None:
    """It is nobody's fault: the task that was lost is handed out anew within seconds."""
    with pytest.raises(NoWorkerAnswers, match="migration of acme"):
        async with told("migration of acme"):
            raise WorkflowQueryFailedError(ids.TOO_EARLY)


async def test_a_question_that_fails_is_not_told_in_the_sdks_words() -> None:
    """A worker whose code cannot replay the history answers so: the status says what to do."""
    with pytest.raises(NoWorkerAnswers, match="migration of acme; its status says why") as raised:
        async with told("migration of acme"):
            raise WorkflowQueryFailedError("[TMPRL1100] Nondeterminism error")
    assert "TMPRL" not in str(raised.value)


async def test_what_ended_with_a_request_under_way_is_over() -> None:
    """Temporal says so in words of its own."""
    ended = ApplicationError("Workflow Update failed because …", type="AcceptedUpdateCompletedWorkflow")
    with pytest.raises(NotFound, match="migration of acme is over"):
        async with told("migration of acme"):
            raise WorkflowUpdateFailedError(ended)

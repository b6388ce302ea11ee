"""Trouble with a call to Temporal, in our words."""

import pytest
from temporalio.client import WorkflowQueryFailedError

from domain import ids
from domain.errors import LandbridgeError
from steering.calls import NoWorkerAnswers, told


async def test_a_question_that_may_not_be_answered_yet_may_be_asked_again() -> None:
    """It is nobody's fault: the task that was lost is handed out anew within seconds."""
    with pytest.raises(NoWorkerAnswers, match="migration of acme"):
        async with told("migration of acme"):
            raise WorkflowQueryFailedError(ids.TOO_EARLY)


async def test_a_question_that_fails_is_told_with_its_reason() -> None:
    """It is ours then, and not the workers'."""
    with pytest.raises(LandbridgeError, match="unknown query") as raised:
        async with told("migration of acme"):
            raise WorkflowQueryFailedError("unknown query")
    assert not isinstance(raised.value, NoWorkerAnswers)

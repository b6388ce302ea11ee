"""Errors of calls to Temporal become Landbridge's errors."""

import pytest
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from landbridge.client.calls import NoWorkerAnswers, translate_rpc_errors
from landbridge.domain import ids
from landbridge.domain.errors import NotFound


async def test_a_query_before_the_first_workflow_task_means_no_worker_answers() -> None:
    """The caller may retry: Temporal dispatches a lost task again within seconds."""
    with pytest.raises(NoWorkerAnswers, match="migration of acme"):
        async with translate_rpc_errors("migration of acme"):
            raise WorkflowQueryFailedError(ids.TOO_EARLY)


async def test_a_failed_query_hides_the_sdks_message() -> None:
    """The query fails if the worker's code cannot replay the history; `status` says what to do."""
    with pytest.raises(NoWorkerAnswers, match=r"migration of acme\. Its status shows why") as raised:
        async with translate_rpc_errors("migration of acme"):
            raise WorkflowQueryFailedError("[TMPRL1100] Nondeterminism error")
    assert "TMPRL" not in str(raised.value)


async def test_an_update_interrupted_by_the_end_of_its_workflow_is_not_found() -> None:
    """The server reports it with an error type of its own."""
    ended = ApplicationError("Workflow Update failed because …", type="AcceptedUpdateCompletedWorkflow")
    with pytest.raises(NotFound, match="migration of acme has ended"):
        async with translate_rpc_errors("migration of acme"):
            raise WorkflowUpdateFailedError(ended)

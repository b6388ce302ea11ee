"""Cohorts that do not respond: assignments and queries are retried."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from landbridge.client.cohorts import TemporalCohortClient
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.roster import RosterPerson
from landbridge.platform.temporal import query_retries

BO = RosterPerson(email="bo@example.com")


@workflow.defn(sandboxed=False)
class Confused:
    """Rejects every update and query with the error that Temporal returns for a cohort when Temporal is killed."""

    @workflow.run
    async def run(self, _: str) -> None:
        """Wait forever."""
        await workflow.wait_condition(lambda: False)

    @workflow.update
    def assign_people(self, _: dict[str, object]) -> int:
        """Fail the update."""
        raise ApplicationError("let fall")

    @workflow.query
    def known(self) -> list[str]:
        """Fail the query."""
        raise ApplicationError("too early")


@pytest.fixture
async def confused(client: Client, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The id of a cohort that rejects everything."""
    monkeypatch.setattr(query_retries, "MAX_ATTEMPTS", 2)
    queue = f"confused-{uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[Confused]):
        cohort = await client.start_workflow(Confused.run, "", id=queue, task_queue=queue)
        yield cohort.id
        await cohort.terminate()


async def test_people_whom_a_cohort_did_not_receive_are_assigned_again(client: Client, confused: str) -> None:
    with pytest.raises(ServiceUnavailable, match="no worker answers"):
        await TemporalCohortClient(client).assign_people(confused, [BO])


async def test_a_cohort_that_cannot_answer_yet_is_queried_again(client: Client, confused: str) -> None:
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        await TemporalCohortClient(client).refresh(confused, [BO])

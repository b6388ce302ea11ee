from collections.abc import Sequence
from datetime import timedelta

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from domain import addresses
from domain.errors import NeighbourUnavailable
from domain.messages import CohortResult, HandOut
from domain.roster import RosterPerson
from workflows.cohort import CohortWorkflow

ROWS_PER_UPDATE = 1_000
"""Rows of a roster in one message: some 150 kB, well under Temporal's warning at 512 KiB."""
_ANSWER = timedelta(seconds=30)


class TemporalCohortDesk:
    """The port `domain.ports.CohortDesk`, by updates and queries."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def hand_out(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Give a cohort its people.

        Raises:
            NeighbourUnavailable: the cohort is not there yet, or no worker answers.

        """
        cohort = self._cohort(cohort_id)
        for start in range(0, len(people), ROWS_PER_UPDATE):
            rows = HandOut(people=list(people[start : start + ROWS_PER_UPDATE]))
            try:
                await cohort.execute_update(CohortWorkflow.hand_out, rows, rpc_timeout=_ANSWER)
            except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError):
                raise NeighbourUnavailable(f"The cohort {cohort_id} is not there yet, or no worker answers.") from None

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Tell a cohort what is new on the roster; one that has ended needs no news."""
        try:
            known = await self._cohort(cohort_id).query(CohortWorkflow.known, rpc_timeout=_ANSWER)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return
            raise NeighbourUnavailable(f"The cohort {cohort_id} does not answer: {error.status.name}.") from None
        verified: dict[str, bool] = {}
        for row in known:
            key = addresses.key(row.email)
            verified[key] = verified.get(key, True) and row.email_verified

        def is_news(row: RosterPerson) -> bool:
            known_as_verified = verified.get(row.key)
            return known_as_verified is None or (row.email_verified and not known_as_verified)

        await self.hand_out(cohort_id, [row for row in people if is_news(row)])

    def _cohort(self, cohort_id: str) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id)

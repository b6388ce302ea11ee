from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.service import RPCError, RPCStatusCode

from landbridge.domain import addresses
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.messages import AssignPeople, CohortResult, InvitedAccount
from landbridge.domain.roster import RosterPerson
from workflows.cohort import CohortWorkflow

MAX_UPDATE_BYTES = 256 * 1024
"""Bytes of roster in one message: some 1,700 rows as a rule. Temporal warns at 512 KiB."""
_ANSWER = timedelta(seconds=30)
_UNHEARD = (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError)
"""A cohort refuses nobody who is handed out: where it seems so, Temporal or its worker let the request fall."""


class TemporalCohortClient:
    """The port `domain.ports.CohortClient`, by updates and queries."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Give a cohort its people.

        Raises:
            ServiceUnavailable: the cohort is not there yet, or no worker answers.

        """
        cohort = self._cohort(cohort_id)
        for rows in _portions(people):
            try:
                await cohort.execute_update(
                    CohortWorkflow.assign_people, AssignPeople(people=rows), rpc_timeout=_ANSWER
                )
            except _UNHEARD:
                raise ServiceUnavailable(f"The cohort {cohort_id} is not there yet, or no worker answers.") from None

    async def signal(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
        """Send a cohort a signal; one that has ended needs none.

        Raises:
            ServiceUnavailable: Temporal does not take it now.

        """
        try:
            await self._cohort(cohort_id).signal(signal, args=[] if message is None else [message], rpc_timeout=_ANSWER)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise ServiceUnavailable(f"The cohort {cohort_id} was not told: {error.status.name}.") from None

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Tell a cohort what is new on the roster; one that has ended needs no news."""
        try:
            known = await self._cohort(cohort_id).query(CohortWorkflow.known, rpc_timeout=_ANSWER)
        except (RPCError, WorkflowQueryFailedError) as error:
            if _is_gone(error):
                return
            raise _silent(cohort_id, error) from None
        verified: dict[str, bool] = {}
        for row in known:
            key = addresses.key(row.email)
            verified[key] = verified.get(key, True) and row.email_verified

        def is_news(row: RosterPerson) -> bool:
            known_as_verified = verified.get(row.key)
            return known_as_verified is None or (row.email_verified and not known_as_verified)

        await self.assign_people(cohort_id, [row for row in people if is_news(row)])

    async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
        """Ask a cohort that is over whose invitations are still open."""
        cohort = self._cohort(cohort_id)
        try:
            if (await cohort.describe(rpc_timeout=_ANSWER)).status is WorkflowExecutionStatus.RUNNING:
                raise ServiceUnavailable(f"The cohort {cohort_id} has not ended yet.")
            return await cohort.query(CohortWorkflow.invited, run, rpc_timeout=_ANSWER)
        except (RPCError, WorkflowQueryFailedError) as error:
            if _is_gone(error):
                return []
            raise _silent(cohort_id, error) from None

    def _cohort(self, cohort_id: str) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id)


def _is_gone(error: Exception) -> bool:
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


def _silent(cohort_id: str, error: RPCError | WorkflowQueryFailedError) -> ServiceUnavailable:
    # What a query failed of is not told: its text may name people.
    why = error.status.name if isinstance(error, RPCError) else "it cannot tell yet"
    return ServiceUnavailable(f"The cohort {cohort_id} does not answer: {why}.")


def _portions(people: Sequence[RosterPerson]) -> Iterator[list[RosterPerson]]:
    """Yield the rows in messages that are not too large; nobody fills one alone, for all fields are bounded."""
    portion: list[RosterPerson] = []
    size = 0
    for person in people:
        of_this = len(person.model_dump_json().encode())
        if portion and size + of_this > MAX_UPDATE_BYTES:
            yield portion
            portion, size = [], 0
        portion.append(person)
        size += of_this
    if portion:
        yield portion

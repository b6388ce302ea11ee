"""Updates, signals and queries that activities send to cohorts."""

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
from landbridge.domain.text import text
from workflows.cohort import CohortWorkflow

MAX_UPDATE_BYTES = 256 * 1024
"""Roster data in one update: about 1,700 typical rows. Temporal logs a warning at 512 KiB."""
_ANSWER = timedelta(seconds=30)
_UPDATE_ERRORS = (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError)
"""A cohort never rejects `assign_people`. Each of these errors means that Temporal or the worker dropped the update."""


class TemporalCohortClient:
    """Implements the port `domain.ports.CohortClient` with updates, signals and queries."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Assign people to a cohort; idempotent.

        Raises:
            ServiceUnavailable: the cohort is not there yet, or no worker answers.

        """
        cohort = self._cohort(cohort_id)
        for rows in _batches(people):
            try:
                await cohort.execute_update(
                    CohortWorkflow.assign_people, AssignPeople(people=rows), rpc_timeout=_ANSWER
                )
            except _UPDATE_ERRORS:
                raise ServiceUnavailable(
                    text("The cohort {cohort_id} is not there yet, or no worker answers.", cohort_id=cohort_id)
                ) from None

    async def signal(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
        """Signal a cohort; do nothing if it has ended.

        Raises:
            ServiceUnavailable: Temporal does not accept the signal now.

        """
        try:
            await self._cohort(cohort_id).signal(signal, args=[] if message is None else [message], rpc_timeout=_ANSWER)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise ServiceUnavailable(
                    text(
                        "The cohort {cohort_id} was not signalled: {status}.",
                        cohort_id=cohort_id,
                        status=error.status.name,
                    )
                ) from None

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Send a cohort the roster rows that are new to it, or newly verified; do nothing if it has ended.

        Raises:
            ServiceUnavailable: the cohort does not answer.

        """
        try:
            known = await self._cohort(cohort_id).query(CohortWorkflow.known, rpc_timeout=_ANSWER)
        except (RPCError, WorkflowQueryFailedError) as error:
            if _is_gone(error):
                return
            raise _no_answer(cohort_id, error) from None
        verified: dict[str, bool] = {}
        for row in known:
            key = addresses.key(row.email)
            verified[key] = verified.get(key, True) and row.email_verified

        def is_new(row: RosterPerson) -> bool:
            known_as_verified = verified.get(row.key)
            return known_as_verified is None or (row.email_verified and not known_as_verified)

        await self.assign_people(cohort_id, [row for row in people if is_new(row)])

    async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
        """Return the invitations of an ended cohort that nobody has accepted; none if Temporal has deleted the cohort.

        Raises:
            ServiceUnavailable: the cohort still runs, or does not answer.

        """
        cohort = self._cohort(cohort_id)
        try:
            if (await cohort.describe(rpc_timeout=_ANSWER)).status is WorkflowExecutionStatus.RUNNING:
                raise ServiceUnavailable(text("The cohort {cohort_id} has not ended yet.", cohort_id=cohort_id))
            return await cohort.query(CohortWorkflow.invited, run, rpc_timeout=_ANSWER)
        except (RPCError, WorkflowQueryFailedError) as error:
            if _is_gone(error):
                return []
            raise _no_answer(cohort_id, error) from None

    def _cohort(self, cohort_id: str) -> WorkflowHandle[CohortWorkflow, CohortResult]:
        return self._client.get_workflow_handle_for(CohortWorkflow.run, cohort_id)


def _is_gone(error: Exception) -> bool:
    return isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND


def _no_answer(cohort_id: str, error: RPCError | WorkflowQueryFailedError) -> ServiceUnavailable:
    # The message of a failed query may contain personal data.
    reason = error.status.name if isinstance(error, RPCError) else text("the query failed")
    return ServiceUnavailable(
        text("The cohort {cohort_id} does not answer: {reason}.", cohort_id=cohort_id, reason=reason)
    )


def _batches(people: Sequence[RosterPerson]) -> Iterator[list[RosterPerson]]:
    """Yield the rows in batches of at most `MAX_UPDATE_BYTES`; one row always fits, since all fields are bounded."""
    batch: list[RosterPerson] = []
    batch_size = 0
    for person in people:
        row_size = len(person.model_dump_json().encode())
        if batch and batch_size + row_size > MAX_UPDATE_BYTES:
            yield batch
            batch, batch_size = [], 0
        batch.append(person)
        batch_size += row_size
    if batch:
        yield batch

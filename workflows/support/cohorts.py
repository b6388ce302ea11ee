"""The cohorts of a migration: start them, signal one or all of them, wait for their results."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.roster import RosterActivities
    from landbridge.domain import ids
    from landbridge.domain.activity_io import BroadcastInput
    from landbridge.domain.base import Model
    from landbridge.domain.cohort_state import CohortInput
    from landbridge.domain.messages import CohortResult
    from workflows.cohort import CohortWorkflow
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute


class Cohorts:
    """The child workflows of a migration."""

    def __init__(self, opsgenie_account: str) -> None:
        self._opsgenie_account = opsgenie_account
        self._handles: list[ChildWorkflowHandle[CohortWorkflow, CohortResult]] = []
        self._broadcast_lock = asyncio.Lock()
        self._signal_limit = asyncio.Semaphore(options.MAX_PENDING)
        self.starting = False
        """Whether cohorts are being started; the migration must not end before all of them run."""

    async def start(self, inputs: Sequence[CohortInput]) -> None:
        """Start all cohorts; broadcasts wait until every cohort runs."""
        self.starting = True
        async with self._broadcast_lock:
            self._handles = list(await asyncio.gather(*map(self._start, inputs)))
        self.starting = False

    async def _start(self, start: CohortInput) -> ChildWorkflowHandle[CohortWorkflow, CohortResult]:
        return await workflow.start_child_workflow(
            CohortWorkflow.run,
            start,
            id=ids.cohort(self._opsgenie_account, start.number),
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            static_summary=f"Cohort {start.number} of {self._opsgenie_account}",
        )

    async def signal(self, number: int, signal: str, message: object) -> None:
        """Signal one cohort; log a warning if it has ended."""
        cohort = workflow.get_external_workflow_handle(ids.cohort(self._opsgenie_account, number))
        async with self._signal_limit:
            try:
                await cohort.signal(signal, message)
            except ApplicationError:
                workflow.logger.warning("signal_not_delivered", extra={"signal": signal, "cohort": number})

    async def broadcast(self, signal: str, message: Model | None = None) -> None:
        """Signal all cohorts; retry until every cohort has received the signal.

        Broadcasts run one after the other, so that a resume cannot overtake its pause.
        """
        async with self._broadcast_lock:
            if not self._handles:
                return
            broadcast = BroadcastInput(
                opsgenie_account=self._opsgenie_account,
                cohorts=len(self._handles),
                signal=signal,
                message=None if message is None else message.model_dump(mode="json"),
            )
            summary = f"Signal {broadcast.cohorts} cohorts: {signal}"
            while isinstance(
                await execute(RosterActivities.broadcast_signal, broadcast, options.COHORTS, summary), Failure
            ):
                workflow.logger.warning("broadcast_failed", extra={"signal": signal})

    def ended(self) -> list[str]:
        """Return the workflow ids of cohorts that have ended."""
        return [cohort.id for cohort in self._handles if cohort.done()]

    async def results(self) -> list[CohortResult]:
        """Wait until all cohorts have ended; return their results.

        Raises:
            ChildWorkflowError: a cohort did not complete.

        """
        return list(await asyncio.gather(*self._handles))

    async def available_results(self) -> list[CohortResult]:
        """Wait until all cohorts have ended; return the results of those that completed."""
        results = await asyncio.gather(*self._handles, return_exceptions=True)
        return [result for result in results if isinstance(result, CohortResult)]

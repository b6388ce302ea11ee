"""How a migration ends before its time: by a request, or by Temporal's own cancellation."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from temporalio import workflow
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from domain import ids
    from domain.messages import Cancel, CohortResult, MigrationResult, Step, UndoRequest
    from domain.orders import NoticeKind
    from domain.people import Actor, Counts, State
    from workflows.migration_waits import MigrationWaits
    from workflows.undo import UndoWorkflow


class MigrationEnd(MigrationWaits):
    """A migration that somebody may cancel at any time before its last step."""

    async def _unless_cancelled(self, steps: Coroutine[Any, Any, MigrationResult]) -> MigrationResult:
        """Take the steps; once the migration is cancelled, break off and close it instead."""
        way = asyncio.create_task(self._steps_or_end(steps))
        telling = asyncio.create_task(self._tell_of_deadlines())
        while not way.done():
            try:
                await workflow.wait_condition(way.done)
            except asyncio.CancelledError:
                # Temporal tells it once. A workflow that is only put out of memory does not get past the next wait.
                self._cancelled_in_temporal()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        return way.result()

    def _cancelled_in_temporal(self) -> None:
        if self._cancelled is None and self._checklist.step is not Step.COMPLETE:
            self._end_before_time(Cancel(reason="It was cancelled in Temporal.", by=Actor()))

    async def _steps_or_end(self, steps: Coroutine[Any, Any, MigrationResult]) -> MigrationResult:
        work = asyncio.create_task(steps)
        # Cohorts that are just being started could not be told.
        await workflow.wait_condition(lambda: work.done() or (self._cancelled is not None and not self._starting))
        if self._cancelled is None or work.done():
            return await work
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return await self._end(self._cancelled)

    async def _end(self, cancelled: Cancel) -> MigrationResult:
        """Close the cohorts at once, and tell owners and admins; nobody is moved any more."""
        self._paused, self._task = "", None
        if (decision := self._open_decision()) is not None:
            decision.refusal = "The migration is cancelled."
        self._checklist.cancel(workflow.now(), cancelled.reason)
        self._show()
        await self._signal_all("cancel", cancelled)
        ended = await asyncio.gather(*self._cohorts, return_exceptions=True)
        counts = sum((cohort.counts for cohort in ended if isinstance(cohort, CohortResult)), Counts())
        await self._undo()
        await self._notify(NoticeKind.MIGRATION_CANCELLED, counts)
        self._over = True
        # It may have been asked for while the mail was under way.
        await self._undo()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return MigrationResult(
            opsgenie_account=self._request.opsgenie_account,
            site=self._site,
            counts=counts,
            partial=counts[State.LEFT_BEHIND] > 0,
            cancelled=True,
        )

    async def _undo(self) -> None:
        """Have the invitations revoked, if that is asked for; it goes on by itself."""
        if self._undo_asked is None or self._undoing:
            return
        self._undoing = True
        account = self._request.opsgenie_account
        request = UndoRequest(
            opsgenie_account=account, run=self._run, cohorts=self._number_of_cohorts, asked=self._undo_asked
        )
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                UndoWorkflow.run,
                request,
                id=ids.undo(account),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"Undo of the migration of {account}",
            )

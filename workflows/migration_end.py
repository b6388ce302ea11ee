"""How a migration ends: with its last step, or before its time, by a request or by Temporal's own cancellation."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import ids
    from landbridge.domain.activity_io import NoticeKind
    from landbridge.domain.messages import (
        Cancel,
        CohortResult,
        EndedMigration,
        MigrationResult,
        Step,
        UndoRequest,
    )
    from landbridge.domain.people import Actor, Counts, State
    from landbridge.domain.text import NO_TEXT, as_json, text
    from workflows.migration_waits import MigrationWaits
    from workflows.support import options
    from workflows.support.failures import text_of
    from workflows.undo import UndoWorkflow

_Answer = TypeVar("_Answer")


class MigrationEnd(MigrationWaits):
    """A migration that somebody may cancel at any time before its last step."""

    async def _until_over(self, steps: Coroutine[Any, Any, MigrationResult]) -> EndedMigration:
        """Take the steps; once the migration is cancelled, break off and close it instead."""
        telling = asyncio.create_task(self._tell_of_deadlines())
        result, failure, kind = None, NO_TEXT, ""
        try:
            result = await self._shielded(self._steps_or_end(steps))
        except ApplicationError as error:
            failure, kind = text_of(error), error.type or ""
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
        return EndedMigration(
            result=result,
            failure=failure,
            failure_kind=kind,
            survey=self._survey,
            cohorts=self._number_of_cohorts,
            moved=self._moved,
            sites=self._sites,
            site=self._site,
            step=self._checklist.step,
            checklist=self._checklist.items(),
            cancelled=self._cancelled,
            undo_asked=self._undo_asked,
            audit=self._audit,
        )

    async def _end_in_short_run(self, ended: EndedMigration) -> MigrationResult:
        """Complete, or fail; in a run of its own if this one is long, so that queries stay cheap."""
        is_long = workflow.info().get_current_history_length() > options.MAX_LAST_RUN_EVENTS
        if is_long and self._request.ended is None:
            workflow.continue_as_new(self._request.model_copy(update={"rules": self._rules, "ended": ended}))
        self._show()
        self._over = True
        # Somebody may have asked for it while the run before ended.
        await self._shielded(self._undo())
        if ended.result is None:
            raise ApplicationError(ended.failure, as_json(ended.failure), type=ended.failure_kind, non_retryable=True)
        await self._shielded(workflow.wait_condition(workflow.all_handlers_finished))
        return ended.result

    async def _shielded(self, work: Coroutine[Any, Any, _Answer]) -> _Answer:
        """Return what comes of the work; a cancellation in Temporal cancels the migration, and not the work."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await workflow.wait_condition(task.done)
            except asyncio.CancelledError:
                # Temporal tells it once. A workflow that is only put out of memory does not get past the next wait.
                self._cancelled_in_temporal()
        return task.result()

    def _cancelled_in_temporal(self) -> None:
        if self._cancelled is None and self._checklist.step is not Step.COMPLETE:
            self._end_before_time(Cancel(reason="", by=Actor()))

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
        self._paused, self._task = NO_TEXT, None
        if (decision := self._open_decision()) is not None:
            decision.refusal = text("The migration is cancelled.")
        self._checklist.cancel(workflow.now(), cancelled.why)
        self._show()
        await self._signal_all("cancel", cancelled)
        ended = await asyncio.gather(*self._cohorts, return_exceptions=True)
        counts = sum((cohort.counts for cohort in ended if isinstance(cohort, CohortResult)), Counts())
        await self._undo()
        await self._notify(NoticeKind.MIGRATION_CANCELLED, counts)
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

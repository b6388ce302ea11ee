"""How a migration waits: for owners and admins, for neighbours, for its cohorts."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ChildWorkflowHandle

with workflow.unsafe.imports_passed_through():
    from activities.mail import MailActivities
    from landbridge.domain import addresses, ids
    from landbridge.domain.activity_io import AdminTask, Delivery, Notice, NoticeKind, OutgoingNotice, SendNoticesInput
    from landbridge.domain.errors import Refused
    from landbridge.domain.messages import (
        RESUME,
        AdminsChanged,
        CohortResult,
        CohortStatus,
        Decided,
        MigrationRequest,
        Step,
        StepStatus,
    )
    from landbridge.domain.people import Counts
    from landbridge.domain.roster import AccountAdmin
    from landbridge.domain.rules import AtDeadline
    from landbridge.domain.text import NO_TEXT, Text, as_json, text
    from workflows.cohort import CohortWorkflow
    from workflows.migration_record import MigrationRecord, Task
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute
    from workflows.support.failures import to_failure

_Order = TypeVar("_Order")
_Answer = TypeVar("_Answer")


class MigrationWaits(MigrationRecord):
    """A migration's ways to wait. Each returns a value; none of them gives up."""

    def __init__(self, request: MigrationRequest) -> None:
        super().__init__(request)
        self._cohorts: list[ChildWorkflowHandle[CohortWorkflow, CohortResult]] = []
        self._notices = 0

    async def _until(self, condition: Callable[[], bool], at_most: timedelta | None = None, why: str = "") -> None:
        """Wait for a condition, at most for `at_most`.

        `why` tells in the Web UI what comes after `at_most`.
        """
        end = None if at_most is None else workflow.now() + at_most
        while not condition():
            left = None if end is None else end - workflow.now()
            if left is not None and left <= timedelta(0):
                return
            try:
                await workflow.wait_condition(
                    lambda: condition() or bool(self._lost_cohorts()), timeout=left, timeout_summary=why
                )
            except TimeoutError:
                # The timer says so, and not the clock: replays agree on timers.
                return
            if lost := self._lost_cohorts():
                why = text(
                    "Somebody ended {lost} from outside; start the migration again. "
                    "Whoever has made it stays connected.",
                    lost=", ".join(lost),
                )
                raise ApplicationError(str(why), as_json(why), type="CohortLost", non_retryable=True)

    async def _tell_of_deadlines(self) -> None:
        """Tell owners and admins of a deadline that has passed, whatever is waited for meanwhile."""
        while True:
            await workflow.wait_condition(self._deadline_is_news)
            self._deadline_told = True
            await self._notify(NoticeKind.DEADLINE_PASSED)

    def _deadline_is_news(self) -> bool:
        # Where the deadline ends the migration, the notice of its end says so. Before a site stands it ends nothing:
        # nobody has been asked for anything yet.
        waits_on = self._rules.at_deadline is AtDeadline.KEEP_WAITING or self._site is None
        may_be_news = waits_on and not self._deadline_told and self._cancelled is None
        return may_be_news and any(news.deadline_passed for news in self._cohort_statuses.values())

    def _lost_cohorts(self) -> list[str]:
        return [cohort.id for cohort in self._cohorts if cohort.done()]

    def _settled(self) -> bool:
        return self._all_cohorts(lambda news: news.settled)

    def _all_cohorts(self, condition: Callable[[CohortStatus], bool]) -> bool:
        return len(self._cohort_statuses) == len(self._cohorts) and all(map(condition, self._cohort_statuses.values()))

    async def _ask_to_confirm(self, task: AdminTask) -> None:
        """Wait until an admin reports a task done that Landbridge cannot do, or decides on another site."""
        self._confirmed = False
        command = f"./starter.py confirm {self._request.opsgenie_account} --task {task.id} --run {self._run}"
        if (decision := self._open_decision()) is not None:
            decision.answer = Decided(task=task.task, command=command)
        await self._ask(
            Task(task.id, task.task, command, url=task.url, can_be_confirmed=True),
            until=lambda: self._confirmed or self._open_decision() is not None,
        )

    async def _ask(self, task: Task, until: Callable[[], bool]) -> None:
        """Wait for owners and admins; when that takes long, remind them by mail."""
        if until():
            return
        self._task = task
        step = self._checklist.step
        self._mark(step, StepStatus.WAITING, task.task)
        reminding = asyncio.create_task(self._remind())
        try:
            await workflow.wait_condition(until)
        except asyncio.CancelledError:
            reminding.cancel()
            raise
        # A mail server that is away must not keep the answer waiting.
        reminding.cancel()
        await asyncio.gather(reminding, return_exceptions=True)
        self._task = None
        self._mark(step, StepStatus.RUNNING)

    async def _remind(self) -> None:
        """Remind owners and admins of the task that waits for them, ever more seldom."""
        wait = self._rules.task_mail_delay
        for reminders in range(self._rules.reminders_at_most + 1):
            await workflow.sleep(wait, summary="Until a mail reminds of the task")
            await self._notify(NoticeKind.ADMIN_TASK)
            wait = self._rules.reminder_interval * (reminders + 1)

    async def _follow(self, admins: list[AccountAdmin], read_at: datetime) -> None:
        """Listen to, and tell, those who are owners and admins now; a roster that has none was read badly.

        `read_at` is when the roster was asked for.
        """
        before = self._admins
        if self._survey is not None and admins:
            self._survey = self._survey.model_copy(update={"admins": admins})
            self._roster_read_at = read_at
            if self._admins != before:
                await self._signal_all("admins_changed", AdminsChanged(keys=self._admins))

    # Having things done.

    async def _have(
        self, method: Callable[[Any, _Order], Awaitable[_Answer]], order: _Order, how: dict[str, Any], summary: str
    ) -> _Answer:
        """Have an activity done, however long it takes; where only people can mend it, wait for them."""
        while True:
            answer = await execute(method, order, how, summary)
            if not isinstance(answer, Failure):
                return answer
            # Once the site is chosen, there is more to lose: whoever set another account's key can set it right.
            if answer.refused and self._site is None:
                raise to_failure(Refused(answer.text), non_retryable=True)
            if answer.needs_people:
                # The reason of a pause that somebody asked for stays: it is what ends that pause.
                self._paused = self._paused or answer.text
                resume = f"./starter.py resume {self._request.opsgenie_account}"
                await self._ask(Task(RESUME, answer.text, resume), until=lambda: not self._paused)

    async def _notify(self, kind: NoticeKind, counts: Counts | None = None) -> bool:
        """Mail those who are to be told; return whether the mail server took it for any of them.

        It is tried for as long as an activity is, and not until a sending quota is free again: the migration waits.
        """
        survey = self._survey
        admins = survey.admins if survey else []
        known = {addresses.key(leader.email): leader for leader in admins}
        told = [known.get(addresses.key(email), AccountAdmin(email=email)) for email in self._request.notify] or admins
        if not told:
            return True
        self._notices += 1
        if counts is None:
            counts = sum((news.counts for news in self._cohort_statuses.values()), Counts())
        notice = Notice(
            kind=kind,
            opsgenie_account=self._request.opsgenie_account,
            site=self._site,
            counts=counts,
            task=self._task.task if self._task else NO_TEXT,
            url=self._task.url if self._task else "",
            command=self._task.command if self._task else "",
            at=workflow.now(),
            reason=self._cancelled.why if self._cancelled else NO_TEXT,
        )
        name = f"{kind}.{self._notices}"
        orders = [
            OutgoingNotice(
                message_id=ids.notice(self._run, name, number), number=number, recipient=leader, notice=notice
            )
            for number, leader in enumerate(told, start=1)
        ]
        order = SendNoticesInput(notices=orders)
        answer = await execute(MailActivities.send_notices, order, options.MAIL, f"Notice: {kind}")
        return not isinstance(answer, Failure) and any(one.delivery is Delivery.ACCEPTED for one in answer.outcomes)

    def _mark(self, step: Step, status: StepStatus, note: Text = NO_TEXT) -> None:
        self._checklist.mark(step, status, workflow.now(), note)
        workflow.logger.info("step_marked", extra={"step": str(step), "status": str(status)})
        self._show()

"""The owners and admins of a migration: their tasks, reminders of these tasks, and notices by mail."""

import asyncio
from collections.abc import Callable

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.mail import MailActivities
    from landbridge.domain import addresses, ids
    from landbridge.domain.activity_io import Delivery, Notice, NoticeKind, OutgoingNotice, SendNoticesInput
    from landbridge.domain.messages import MigrationRequest, Step, StepStatus
    from landbridge.domain.migration import MigrationState, Task
    from landbridge.domain.people import Counts
    from landbridge.domain.roster import AccountAdmin
    from landbridge.domain.text import NO_TEXT, Text
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute


class Admins:
    """Waits for owners and admins to do tasks, and sends them notices."""

    def __init__(
        self, request: MigrationRequest, state: MigrationState, mark: Callable[[Step, StepStatus, Text], None]
    ) -> None:
        """`mark` sets the status and the note of a step of the checklist."""
        self._request = request
        self._state = state
        self._mark = mark

    async def wait_for(self, task: Task, until: Callable[[], bool]) -> None:
        """Show a task and wait until it is done; meanwhile, send owners and admins reminders by mail."""
        if until():
            return
        self._state.task = task
        step = self._state.checklist.step
        self._mark(step, StepStatus.WAITING, task.task)
        reminders = asyncio.create_task(self._send_reminders())
        try:
            await workflow.wait_condition(until)
        except asyncio.CancelledError:
            reminders.cancel()
            raise
        # Cancel a mail that is being sent: a mail server that does not respond must not delay the migration.
        reminders.cancel()
        await asyncio.gather(reminders, return_exceptions=True)
        self._state.task = None
        self._mark(step, StepStatus.RUNNING, NO_TEXT)

    async def _send_reminders(self) -> None:
        """Send mails about the current task at growing intervals."""
        rules = self._state.rules
        interval = rules.task_mail_delay
        for reminders in range(rules.max_reminders + 1):
            await workflow.sleep(interval, summary="Next mail about the task")
            await self.notify(NoticeKind.ADMIN_TASK)
            interval = rules.reminder_interval * (reminders + 1)

    async def notify_of_passed_deadlines(self) -> None:
        """Send a notice whenever a deadline passes, until cancelled."""
        while True:
            await workflow.wait_condition(lambda: self._state.deadline_notice_is_due)
            self._state.deadline_reported = True
            await self.notify(NoticeKind.DEADLINE_PASSED)

    async def notify(self, kind: NoticeKind, counts: Counts | None = None) -> bool:
        """Mail a notice; return whether the mail server accepted it for any recipient.

        The activity is retried until its timeout. It does not wait until an exhausted sending quota is renewed, because
        the migration waits for this method.
        """
        recipients = self._recipients()
        if not recipients:
            return True
        state = self._state
        state.notices += 1
        notice = Notice(
            kind=kind,
            opsgenie_account=self._request.opsgenie_account,
            site=state.site,
            counts=state.counts if counts is None else counts,
            task=state.task.task if state.task else NO_TEXT,
            url=state.task.url if state.task else "",
            command=state.task.command if state.task else "",
            at=workflow.now(),
            reason=state.cancelled.why if state.cancelled else NO_TEXT,
        )
        name = f"{kind}.{state.notices}"
        notices = [
            OutgoingNotice(
                message_id=ids.notice(state.run, name, number), number=number, recipient=recipient, notice=notice
            )
            for number, recipient in enumerate(recipients, start=1)
        ]
        result = await execute(
            MailActivities.send_notices, SendNoticesInput(notices=notices), options.MAIL, f"Notice: {kind}"
        )
        return not isinstance(result, Failure) and any(
            outcome.delivery is Delivery.ACCEPTED for outcome in result.outcomes
        )

    def _recipients(self) -> list[AccountAdmin]:
        """Return the recipients that the request names, or else all owners and admins."""
        admins = self._state.survey.admins if self._state.survey else []
        known = {addresses.key(admin.email): admin for admin in admins}
        named = [known.get(addresses.key(email), AccountAdmin(email=email)) for email in self._request.notify]
        return named or admins

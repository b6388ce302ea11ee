import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from itertools import takewhile

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities import timeouts
from activities.batch_progress import BatchProgress, cancel_requested
from landbridge.domain import refusals
from landbridge.domain.activity_io import (
    Delivery,
    MailOutcome,
    MailProblem,
    OutgoingMail,
    Refusals,
    SendMailsInput,
    SendMailsResult,
    SendNoticesInput,
)
from landbridge.domain.errors import LandbridgeError, QuotaExceeded, ServiceUnavailable
from landbridge.domain.ports import Mailer
from landbridge.domain.text import NO_TEXT, text

_logger = structlog.get_logger()
_OUTCOMES = TypeAdapter(list[MailOutcome])

GROUP = 16
"""Mails that are passed to the mailer together: the maximum number of connections. A worker stops between groups."""

NOTICE_TIMEOUT = timedelta(minutes=15)
"""How long a deferred notice is retried while the migration waits: greylisting ends after minutes, a full mailbox may
never accept mail again."""
DEFERRED = text("The mail server does not accept the email yet.")


class MailActivities:
    """Mail people, owners and admins."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self._refusals = refusals.WorkerRefusals()

    @activity.defn(name="send_mails")
    async def send_mails(self, request: SendMailsInput) -> SendMailsResult:
        """Send a batch of mails, as many as the mail server accepts.

        The result may be partial: if the server fails, the worker shuts down, or the time is used up, it contains the
        outcomes so far, and the workflow sends the rest later. A problem that a person has to fix and a wait that the
        server requests are part of the result, because a retry of this activity would not help.
        """
        progress = BatchProgress(_OUTCOMES)
        earlier = _in_order(request, progress.outcomes)
        now = refusals.after(request.refusals, earlier)
        # An earlier attempt may have ended after these refusals, before it could report that they concern the sender.
        problem = _sender_refused(earlier) if refusals.concern_the_sender(now) else None
        if progress.started_too_late or problem:
            return SendMailsResult(outcomes=progress.outcomes, problem=problem, refusals=now)
        sent = {outcome.person for outcome in progress.outcomes}
        left = [mail for mail in request.mails if mail.person not in sent]
        async with progress.heartbeats():
            for start in range(0, len(left), GROUP):
                if activity.is_worker_shutdown() and progress.outcomes:
                    break
                known, interrupted = len(progress.outcomes), False
                try:
                    await self._send(request, left[start : start + GROUP], progress)
                    interrupted = progress.out_of_time
                except LandbridgeError as error:
                    interrupted, problem = True, _problem(error)
                    if not progress.outcomes and not (problem.needs_people or problem.retry_after):
                        raise
                except asyncio.CancelledError:
                    # If the migration is cancelled, return the outcomes. After a shutdown, the next attempt has them.
                    if not progress.outcomes or not cancel_requested():
                        raise
                    interrupted = True
                group = _in_order(request, progress.outcomes[known:])
                before, now = now, refusals.after(now, group)
                if interrupted:
                    break
                if problem := self._sender_problem(group, before, now):
                    break
        counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
        _logger.info("mails_sent", due=len(request.mails), problem=problem is not None, **counted)
        return SendMailsResult(outcomes=progress.outcomes, problem=problem, refusals=now)

    async def _send(
        self, request: SendMailsInput, group: Sequence[OutgoingMail], progress: BatchProgress[MailOutcome]
    ) -> None:
        """Send a group of mails; start no further mail if the process was frozen or the time is used up."""
        mails = takewhile(lambda _: not (progress.frozen or progress.out_of_time), group)
        async for outcome in self._mailer.send(request.context, mails):
            progress.add(outcome)
        progress.raise_if_frozen()

    def _sender_problem(self, group: Sequence[MailOutcome], before: Refusals, now: Refusals) -> MailProblem | None:
        """Return the problem if the refusals up to this group concern the sender."""
        refused = self._refusals.add(group, before, now) or refusals.concern_the_sender(now)
        return _sender_refused(group) if refused else None

    @activity.defn(name="send_notices")
    async def send_notices(self, request: SendNoticesInput) -> SendMailsResult:
        """Send a notice to each owner and admin once; a notice that the mail server defers is retried for a while."""
        progress = BatchProgress(_OUTCOMES)
        progress.outcomes = [each for each in progress.outcomes if each.delivery is not Delivery.DEFERRED]
        sent = {outcome.person for outcome in progress.outcomes}
        async with progress.heartbeats():
            left = [notice for notice in request.notices if notice.number not in sent]
            async for outcome in self._mailer.notify(takewhile(lambda _: not progress.frozen, left)):
                progress.add(outcome)
            progress.raise_if_frozen()
            counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
            _logger.info("notices_sent", notices=len(request.notices), **counted)
            if counted[str(Delivery.DEFERRED)] and timeouts.time_spent(activity.info()) < NOTICE_TIMEOUT:
                raise ServiceUnavailable(DEFERRED)
        return SendMailsResult(outcomes=progress.outcomes)


def _in_order(request: SendMailsInput, outcomes: Sequence[MailOutcome]) -> list[MailOutcome]:
    """Return outcomes in the order of the mails; the server responds in any order."""
    places = {mail.person: place for place, mail in enumerate(request.mails)}
    return sorted(outcomes, key=lambda outcome: places[outcome.person])


def _sender_refused(group: Sequence[MailOutcome]) -> MailProblem | None:
    """Return the newest refusal of a group that may concern the sender, as a problem; None: there is none."""
    advice = next((each.if_many for each in reversed(group) if each.if_many), NO_TEXT)
    return MailProblem(message=advice, needs_people=True) if advice else None


def _problem(error: LandbridgeError) -> MailProblem:
    """Return an error as part of the result."""
    wait = (error.retry_after or 0) if isinstance(error, ServiceUnavailable) else 0
    return MailProblem(
        message=error.text,
        needs_people=not isinstance(error, ServiceUnavailable),
        retry_after=wait,
        lasts=error.lasts if isinstance(error, QuotaExceeded) else 0,
    )

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities import timeouts
from activities.batch_progress import BatchProgress, called_off
from landbridge.domain import refusals
from landbridge.domain.activity_io import (
    Delivery,
    MailOutcome,
    MailProblem,
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

BATCH = 16
"""Mails given to the mailer at once: as many as it may hold connections. Between batches a worker can stop."""

NOTICE_TIMEOUT = timedelta(minutes=15)
"""How long a notice is tried again that the mail server puts off: greylisting takes minutes, a full mailbox for ever,
and the migration waits meanwhile."""
PUT_OFF = text("The mail server does not take the mail yet.")


class MailActivities:
    """Mail to people, owners and admins."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self._refusals = refusals.WorkerRefusals()

    @activity.defn(name="send_mails")
    async def send_mails(self, order: SendMailsInput) -> SendMailsResult:
        """Send a slice of mails, as far as the mail server takes them.

        The answer may cover only a part: when the server breaks off, this worker is told to stop, or the time is over,
        what was sent is recorded at once, and the rest is still due. What only people can mend, and a wait that the
        server asks for, is part of the answer: a retry of this activity would be of no use.
        """
        progress = BatchProgress(_OUTCOMES)
        earlier = _in_order(order, progress.outcomes)
        now = refusals.after(order.refusals, earlier)
        # An earlier attempt may have ended after the refusals and before it could report what they mean.
        problem = _refused_as_sender(earlier) if refusals.concern_the_sender(now) else None
        if progress.came_too_late or problem:
            return SendMailsResult(outcomes=progress.outcomes, problem=problem, refusals=now)
        sent = {outcome.person for outcome in progress.outcomes}
        left = [mail for mail in order.mails if mail.person not in sent]
        async with progress.beating():
            for start in range(0, len(left), BATCH):
                if activity.is_worker_shutdown() and progress.outcomes:
                    break
                known, broken_off = len(progress.outcomes), False
                try:
                    await self._mailer.send(order.context, left[start : start + BATCH], progress.add_in_time)
                except LandbridgeError as error:
                    broken_off, problem = True, _problem(error)
                    if not progress.outcomes and not (problem and (problem.needs_people or problem.retry_after)):
                        raise
                except asyncio.CancelledError:
                    # A migration that is cancelled hears what was sent; a worker that stops is another matter.
                    if not progress.outcomes or not called_off():
                        raise
                    broken_off = True
                batch = _in_order(order, progress.outcomes[known:])
                before, now = now, refusals.after(now, batch)
                if broken_off:
                    break
                if problem := self._judge(batch, before, now):
                    break
        counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
        _logger.info("mails_handed_over", due=len(order.mails), problem=problem is not None, **counted)
        return SendMailsResult(outcomes=progress.outcomes, problem=problem, refusals=now)

    def _judge(self, batch: Sequence[MailOutcome], before: Refusals, now: Refusals) -> MailProblem | None:
        """Return the problem, if the refusals after a batch concern the sender."""
        many = self._refusals.add(batch, before, now) or refusals.concern_the_sender(now)
        return _refused_as_sender(batch) if many else None

    @activity.defn(name="send_notices")
    async def send_notices(self, order: SendNoticesInput) -> SendMailsResult:
        """Send a notice to owners and admins, each once.

        Whoever the mail server puts off is tried again for a while.
        """
        progress = BatchProgress(_OUTCOMES)
        progress.outcomes = [one for one in progress.outcomes if one.delivery is not Delivery.DEFERRED]
        sent = {outcome.person for outcome in progress.outcomes}
        async with progress.beating():
            left = [notice for notice in order.notices if notice.number not in sent]
            await self._mailer.notify(left, progress.add)
            counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
            _logger.info("notices_handed_over", notices=len(order.notices), **counted)
            if counted[str(Delivery.DEFERRED)] and timeouts.tried_for(activity.info()) < NOTICE_TIMEOUT:
                raise ServiceUnavailable(PUT_OFF)
        return SendMailsResult(outcomes=progress.outcomes)


def _in_order(order: SendMailsInput, outcomes: Sequence[MailOutcome]) -> list[MailOutcome]:
    """Return outcomes in the order of the mails; they come in the order of the server's answers."""
    places = {mail.person: place for place, mail in enumerate(order.mails)}
    return sorted(outcomes, key=lambda outcome: places[outcome.person])


def _refused_as_sender(batch: Sequence[MailOutcome]) -> MailProblem | None:
    """Return the newest refusal of a batch as a problem of the sender; none: no refusal of the batch is in question."""
    advice = next((one.if_many for one in reversed(batch) if one.if_many), NO_TEXT)
    return MailProblem(sentence=advice, needs_people=True) if advice else None


def _problem(error: LandbridgeError) -> MailProblem | None:
    """Return an error as a part of the answer; none for one without a sentence: the rest is for the next slice."""
    if not error.text:
        return None
    wait = (error.retry_after or 0) if isinstance(error, ServiceUnavailable) else 0
    return MailProblem(
        sentence=error.text,
        needs_people=not isinstance(error, ServiceUnavailable),
        retry_after=wait,
        lasts=error.lasts if isinstance(error, QuotaExceeded) else 0,
    )

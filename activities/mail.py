import asyncio
from collections import Counter
from datetime import timedelta

import structlog
from pydantic import TypeAdapter
from temporalio import activity

from activities import patience
from activities.progress import SliceProgress, called_off
from domain.errors import LandbridgeError, NeighbourUnavailable
from domain.orders import Delivery, MailOutcome, MailOutcomes, MailsOrder, NoticesOrder
from domain.ports import Mailer

_logger = structlog.get_logger()
_OUTCOMES = TypeAdapter(list[MailOutcome])

BATCH = 16
"""Mails given to the mailer at once: as many as it may hold connections. Between batches a worker can stop."""

NOTICE_PATIENCE = timedelta(minutes=15)
"""How long a notice is tried again that the mail server puts off: greylisting takes minutes, a full mailbox for ever,
and the migration waits meanwhile."""
PUT_OFF = "The mail server does not take the mail yet."


class MailActivities:
    """Mail to people, owners and admins."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    @activity.defn
    async def send_mails(self, order: MailsOrder) -> MailOutcomes:
        """Send a slice of mails, as far as the mail server takes them.

        The answer may cover only a part: when the server breaks off, this worker is told to stop, or the time is over,
        what was sent is recorded at once, and the rest is still due.
        """
        progress = SliceProgress(_OUTCOMES)
        if progress.came_too_late:
            return MailOutcomes(outcomes=progress.outcomes)
        sent = {outcome.person for outcome in progress.outcomes}
        left = [mail for mail in order.mails if mail.person not in sent]
        async with progress.beating():
            for start in range(0, len(left), BATCH):
                if activity.is_worker_shutdown() and progress.outcomes:
                    break
                try:
                    await self._mailer.send(order.context, left[start : start + BATCH], progress.add_in_time)
                except (LandbridgeError, asyncio.CancelledError) as error:
                    # A migration that is cancelled hears what was sent; a worker that stops is another matter.
                    if not progress.outcomes or (isinstance(error, asyncio.CancelledError) and not called_off()):
                        raise
                    break
        counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
        _logger.info("mails_handed_over", due=len(order.mails), **counted)
        return MailOutcomes(outcomes=progress.outcomes)

    @activity.defn
    async def send_notices(self, order: NoticesOrder) -> MailOutcomes:
        """Send a notice to owners and admins, each once.

        Whoever the mail server puts off is tried again for a while.
        """
        progress = SliceProgress(_OUTCOMES)
        progress.outcomes = [one for one in progress.outcomes if one.delivery is not Delivery.DEFERRED]
        sent = {outcome.person for outcome in progress.outcomes}
        async with progress.beating():
            left = [notice for notice in order.notices if notice.number not in sent]
            await self._mailer.notify(left, progress.add)
        counted = Counter(str(outcome.delivery) for outcome in progress.outcomes)
        _logger.info("notices_handed_over", notices=len(order.notices), **counted)
        if counted[str(Delivery.DEFERRED)] and patience.tried_for(activity.info()) < NOTICE_PATIENCE:
            raise NeighbourUnavailable(PUT_OFF)
        return MailOutcomes(outcomes=progress.outcomes)

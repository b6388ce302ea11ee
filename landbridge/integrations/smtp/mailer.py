"""The port `Mailer` over SMTP: send mails over pooled connections, and yield each outcome when the server replies."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

import structlog

from landbridge.domain import ids
from landbridge.domain.activity_io import Delivery, MailContext, MailOutcome, OutgoingMail, OutgoingNotice
from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.links import Purpose
from landbridge.domain.ports import LinkSigner
from landbridge.domain.sign_in import SignInMail
from landbridge.domain.text import NO_TEXT, Text, text
from landbridge.emails import Rendered
from landbridge.integrations.bounded import run_bounded
from landbridge.integrations.rate_limiter import RateLimiter
from landbridge.integrations.smtp import content, message
from landbridge.integrations.smtp.connection import ConnectionLost
from landbridge.integrations.smtp.message import EncodedMessage
from landbridge.integrations.smtp.pool import Pool
from landbridge.integrations.smtp.relay import Server
from landbridge.integrations.smtp.replies import Verdict, classify, wants_fewer_connections
from landbridge.integrations.smtp.sent_mails import SentMails

MAX_ATTEMPTS = 2
"""Attempts to send a mail if connections are lost. Then the mail is deferred, and the workflow sends it later."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class _Job:
    """One mail to send. It is rendered right before it is sent."""

    person: int
    purpose: Purpose | None
    generation: int
    email: str
    message_id: str
    render: Callable[[], Rendered]

    def outcome(self, delivery: Delivery, reason: Text = NO_TEXT, if_many: Text = NO_TEXT) -> MailOutcome:
        return MailOutcome(
            person=self.person,
            purpose=self.purpose,
            generation=self.generation,
            delivery=delivery,
            reason=reason,
            if_many=if_many,
        )


class SmtpMailer:
    """Sends mail through one SMTP server."""

    def __init__(self, server: Server, links: LinkSigner, *, connections: int, per_second: float = 0) -> None:
        """Create the pool; connections are opened when there is mail.

        Arguments:
            server: the mail server; the domain of its sender is also the right part of every Message-ID.
            links: creates the links in people's mails.
            connections: maximum number of open connections.
            per_second: maximum number of mails sent a second; 0: no limit.

        """
        self._sender = server.envelope_sender
        self._pool = Pool(server.open, connections)
        self._connections = connections
        self._rate_limiter = RateLimiter("The mail server", per_second)
        self._links = links
        self._sent = SentMails()
        self._losses_in_a_row = 0
        self._refusal_reported: set[str] = set()
        """Ids of the cohorts that paused because the server refused us."""
        self.mails_in_doubt = 0
        """Mails whose connection was lost when the server may have accepted them already."""

    async def send(self, context: MailContext, mails: Iterable[OutgoingMail]) -> AsyncIterator[MailOutcome]:
        """Send people's mails; see `domain.ports.Mailer`."""
        if context.cohort_id in self._refusal_reported:
            # The cohort paused after the refusal. It sends again, so an admin has resumed it: try the login again.
            self._refusal_reported.clear()
            self._pool.retry_login()
        try:
            async for outcome in self._deliver(self._person_job(context, mail) for mail in mails):
                yield outcome
        except ServiceRejected:
            self._refusal_reported.add(context.cohort_id)
            raise

    def notify(self, notices: Iterable[OutgoingNotice]) -> AsyncIterator[MailOutcome]:
        """Send notices to owners and admins; see `domain.ports.Mailer`."""
        # Try the login even after a refusal: a notice is sent only once, and the login may work again, because another
        # worker may have handled the resume. Notices are few, so these attempts do not lock the user.
        self._pool.retry_login()
        return self._deliver(self._notice_job(notice) for notice in notices)

    async def send_sign_in_link(self, mail: SignInMail) -> MailOutcome:
        """Send a sign-in link; see `domain.ports.Mailer`."""
        return await self._deliver_once(
            _Job(
                person=1,
                purpose=None,
                generation=mail.claims.generation,
                email=mail.recipient.email,
                message_id=ids.sign_in_message(mail.claims.run_id, mail.claims.generation),
                render=lambda: content.sign_in_mail(mail, self._links),
            )
        )

    async def close(self) -> None:
        """Close the connections. Call it when nothing is being sent any more."""
        await self._pool.close()

    def _person_job(self, context: MailContext, mail: OutgoingMail) -> _Job:
        return _Job(
            person=mail.person,
            purpose=mail.purpose,
            generation=mail.generation,
            email=mail.email,
            message_id=ids.message(context.run, context.cohort_number, mail.person, mail.purpose, mail.generation),
            render=lambda: content.person_mail(context, mail, self._links),
        )

    def _notice_job(self, notice: OutgoingNotice) -> _Job:
        return _Job(
            person=notice.number,
            purpose=None,
            generation=1,
            email=notice.recipient.email,
            message_id=notice.message_id,
            render=lambda: content.notice_mail(notice, self._links),
        )

    def _deliver(self, jobs: Iterator[_Job]) -> AsyncIterator[MailOutcome]:
        return run_bounded(jobs, self._connections, self._deliver_once)

    async def _deliver_once(self, job: _Job) -> MailOutcome:
        return await self._sent.once((job.message_id, job.email), lambda: self._attempt(job))

    async def _attempt(self, job: _Job) -> MailOutcome:
        try:
            mail = message.compose(job.render(), sender=self._sender, recipient=job.email, message_id=job.message_id)
        except BadInput as error:
            return job.outcome(Delivery.REFUSED, text("The address cannot be used: {error}.", error=error.text))
        for _ in range(MAX_ATTEMPTS):
            await self._rate_limiter.acquire()
            try:
                verdict = await self._send(mail)
            except ConnectionLost as lost:
                self._count_loss(job, in_doubt=lost.in_doubt)
            else:
                self._losses_in_a_row = 0
                return job.outcome(verdict.delivery, verdict.reason, verdict.if_many)
        return job.outcome(Delivery.DEFERRED, text("the mail server closed the connection without a reply"))

    async def _send(self, mail: EncodedMessage) -> Verdict:
        """Send a mail. Use another connection if the server closed this one as idle or as one too many."""
        while True:
            async with self._pool.connection() as connection:
                try:
                    reply = await connection.send(mail)
                except ConnectionLost as lost:
                    if lost.stale:
                        continue
                    raise
                if reply is not None and wants_fewer_connections(reply) and await self._pool.discard(connection):
                    _log.warning(
                        "mail_server_limits_connections", code=reply.code, setting="LANDBRIDGE_SMTP_CONNECTIONS"
                    )
                    continue
            if reply is None:
                return Verdict(
                    Delivery.REFUSED, text("the mail server does not support non-ASCII letters before the @")
                )
            return classify(reply)

    def _count_loss(self, job: _Job, *, in_doubt: bool) -> None:
        if in_doubt:
            self.mails_in_doubt += 1
            _log.warning(
                "mail_in_doubt",
                person=job.person,
                message_id=job.message_id,
                total=self.mails_in_doubt,
            )
        self._losses_in_a_row += 1
        if self._losses_in_a_row > MAX_ATTEMPTS * self._connections:
            self._losses_in_a_row = 0
            raise ServiceUnavailable(text("The mail server closes every connection without a reply."))

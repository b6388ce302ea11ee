"""The port `Mailer` by SMTP: a slice of mails over reused connections, an outcome for each as the server answers."""

from collections.abc import Callable, Iterator, Sequence
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
from landbridge.integrations.smtp import content, message, relay
from landbridge.integrations.smtp.connection import ConnectionLost
from landbridge.integrations.smtp.message import EncodedMessage
from landbridge.integrations.smtp.pool import Pool
from landbridge.integrations.smtp.replies import Verdict, judge, wants_fewer_connections
from landbridge.integrations.smtp.sent_mails import SentMails

ANSWER_SECONDS = 600.0
"""For one answer. RFC 5321, 4.5.3.2.6: a client that gives up on the final dot earlier makes duplicates."""
TRIES = 2
"""Times in one go that a mail is handed over whose connection gets lost; then the person's turn comes again later."""

_log = structlog.get_logger()


@dataclass(frozen=True)
class _Job:
    """One mail to be sent; written only when its turn comes."""

    person: int
    purpose: Purpose | None
    generation: int
    email: str
    message_id: str
    write: Callable[[], Rendered]

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

    def __init__(
        self,
        *,
        host: str,
        port: int,
        username: str,
        password: str,
        security: str,
        sender: str,
        ca_file: str,
        connections: int,
        links: LinkSigner,
        per_second: float = 0,
        answer_seconds: float = ANSWER_SECONDS,
    ) -> None:
        """Prepare everything but connections, which are opened when there is mail.

        Arguments:
            host: the server's name, which its certificate must bear.
            port: its port.
            username: empty for no login.
            password: of that user.
            security: `starttls`, which stops where the server does not offer it; `tls`; or `none`, in clear.
            sender: the From address of every mail; its domain is also the right part of every Message-ID.
            ca_file: certificates to trust instead of the system's; empty: the system's.
            connections: open at the same time, at most.
            links: makes the links in people's mails.
            per_second: mails handed over in a second, at most; 0: as many as the server takes.
            answer_seconds: how long one answer of the server may take.

        Raises:
            BadInput: the security, the sender or the certificates cannot be used.

        """
        server = relay.configured(
            host=host,
            port=port,
            username=username,
            password=password,
            security=security,
            sender=sender,
            ca_file=ca_file,
            answer_seconds=answer_seconds,
        )
        self._sender = server.sender
        self._pool = Pool(server.open, connections)
        self._connections = connections
        self._pace = RateLimiter("The mail server", per_second)
        self._links = links
        self._sent = SentMails()
        self._losses_in_a_row = 0
        self._refusal_reported: set[str] = set()
        """Ids of the cohorts that have paused because the server refuses us."""
        self.mails_in_doubt = 0
        """Mails whose connection was lost when the server may have taken them already."""

    async def send(
        self, context: MailContext, orders: Sequence[OutgoingMail], done: Callable[[MailOutcome], None]
    ) -> None:
        """Send people's mails; see `domain.ports.Mailer`."""
        if context.cohort_id in self._refusal_reported:
            # It paused then, so somebody has resumed it since.
            self._refusal_reported.clear()
            self._pool.try_login_again()
        try:
            await self._work_off((self._person_job(context, order) for order in orders), len(orders), done)
        except ServiceRejected:
            self._refusal_reported.add(context.cohort_id)
            raise

    async def notify(self, orders: Sequence[OutgoingNotice], done: Callable[[MailOutcome], None]) -> None:
        """Send notices to owners and admins; see `domain.ports.Mailer`."""
        await self._work_off((self._notice_job(order) for order in orders), len(orders), done)

    async def send_sign_in_link(self, order: SignInMail) -> MailOutcome:
        """Send a sign-in link; see `domain.ports.Mailer`."""
        return await self._settle(
            _Job(
                person=1,
                purpose=None,
                generation=order.claims.generation,
                email=order.recipient.email,
                message_id=ids.sign_in_message(order.claims.run_id, order.claims.generation),
                write=lambda: content.sign_in_mail(order, self._links),
            )
        )

    async def close(self) -> None:
        """Close the connections, once nothing is sent any more."""
        await self._pool.close()

    def _person_job(self, context: MailContext, order: OutgoingMail) -> _Job:
        return _Job(
            person=order.person,
            purpose=order.purpose,
            generation=order.generation,
            email=order.email,
            message_id=ids.message(context.run, context.cohort_number, order.person, order.purpose, order.generation),
            write=lambda: content.person_mail(context, order, self._links),
        )

    def _notice_job(self, order: OutgoingNotice) -> _Job:
        return _Job(
            person=order.number,
            purpose=None,
            generation=1,
            email=order.recipient.email,
            message_id=order.message_id,
            write=lambda: content.notice_mail(order, self._links),
        )

    async def _work_off(self, jobs: Iterator[_Job], count: int, done: Callable[[MailOutcome], None]) -> None:
        async def settle(job: _Job) -> None:
            done(await self._settle(job))

        await run_bounded(jobs, min(self._connections, count), settle)

    async def _settle(self, job: _Job) -> MailOutcome:
        return await self._sent.once((job.message_id, job.email), lambda: self._send(job))

    async def _send(self, job: _Job) -> MailOutcome:
        try:
            letter = message.compose(job.write(), sender=self._sender, recipient=job.email, message_id=job.message_id)
        except BadInput as error:
            return job.outcome(Delivery.REFUSED, text("The address cannot be used: {error}.", error=error.text))
        for _ in range(TRIES):
            await self._pace.turn()
            try:
                verdict = await self._hand_over(letter)
            except ConnectionLost as lost:
                self._note_loss(job, in_doubt=lost.in_doubt)
            else:
                self._losses_in_a_row = 0
                return job.outcome(verdict.delivery, verdict.reason, verdict.if_many)
        return job.outcome(Delivery.DEFERRED, text("the mail server ended the connection without an answer"))

    async def _hand_over(self, letter: EncodedMessage) -> Verdict:
        while True:
            async with self._pool.connection() as connection:
                try:
                    answer = await connection.hand_over(letter)
                except ConnectionLost as lost:
                    if lost.stale:
                        continue
                    raise
                if answer is not None and wants_fewer_connections(answer) and await self._pool.do_without(connection):
                    _log.warning(
                        "mail_server_limits_connections", code=answer.code, setting="LANDBRIDGE_SMTP_CONNECTIONS"
                    )
                    continue
            if answer is None:
                return Verdict(Delivery.REFUSED, text("the mail server takes no letters outside ASCII before the @"))
            return judge(answer)

    def _note_loss(self, job: _Job, *, in_doubt: bool) -> None:
        if in_doubt:
            self.mails_in_doubt += 1
            _log.warning(
                "mail_in_doubt",
                person=job.person,
                message_id=job.message_id,
                total=self.mails_in_doubt,
            )
        self._losses_in_a_row += 1
        if self._losses_in_a_row > TRIES * self._connections:
            self._losses_in_a_row = 0
            raise ServiceUnavailable(text("The mail server ends every connection without an answer."))

"""Classify a mail server's reply to one mail: does it concern the recipient, or every mail? No IO.

The text of a reply is read but never passed on: it may contain addresses.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from landbridge.domain.activity_io import Delivery
from landbridge.domain.errors import QuotaExceeded, ServiceRejected, ServiceUnavailable
from landbridge.domain.text import NO_TEXT, Text, labelled, text
from landbridge.integrations.smtp.reply_table import Concern, Row, row_for


class Kind(IntEnum):
    """The first digit of a reply code (RFC 5321, 4.2.1)."""

    ACCEPTED = 2
    TRANSIENT = 4
    PERMANENT = 5


def kind(code: int) -> Kind | None:
    """Return the kind of a reply code; None if it is not valid as a final reply."""
    digit = code // 100
    return Kind(digit) if digit in set(Kind) else None


class Stage(StrEnum):
    """The SMTP command that a reply answers."""

    LOGIN = "AUTH"
    SENDER = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    CONTENT = "DATA"


@dataclass(frozen=True)
class Reply:
    """The server's final reply to one mail."""

    stage: Stage
    code: int
    """A code that has a `Kind`."""
    text: str = ""
    smtputf8: bool = False
    """The mail was sent with SMTPUTF8, to an internationalised address (RFC 6531)."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of one mail."""

    delivery: Delivery
    reason: Text = NO_TEXT
    if_many: Text = NO_TEXT
    """See `domain.activity_io.MailOutcome`."""


ACCEPTED = 250
"""The server has accepted the mail, and is responsible for it from now on (RFC 5321, 4.2.5)."""
CLOSING = 421
"""The server closes the connection; it has not executed the command (RFC 5321, 3.8)."""
_NOT_INTERNATIONAL = {504, 553, 555}
"""Replies to MAIL FROM that concern SMTPUTF8, not the sender (RFC 6531, 3.5). The status code 5.6.7 does too."""
_RECIPIENT_REASONS = {
    "4.2.2": text("the mailbox is full"),
    "5.1.1": text("there is no such mailbox"),
    "5.1.2": text("the domain does not accept email"),
    "5.1.3": text("the mail server considers the address malformed"),
    "5.1.6": text("the mailbox has moved"),
    "5.1.10": text("the domain does not accept email"),
    "5.2.1": text("the mailbox is disabled"),
    "5.2.2": text("the mailbox is full"),
    "5.4.4": text("the domain does not accept email"),
    "5.7.1": text("the recipient's mail system does not allow this email"),
}
"""Our reasons for enhanced status codes (RFC 3463, RFC 7505) in replies to RCPT TO."""


def classify(reply: Reply) -> Verdict:
    """Return what a reply means for the recipient of the mail.

    Raises:
        QuotaExceeded: the server accepts no mail from us for hours.
        ServiceUnavailable: the server asks us to retry later, for all recipients.
        ServiceRejected: the server refuses us, for all recipients.

    """
    code, stage, found = reply.code, reply.stage, kind(reply.code)
    if found is Kind.ACCEPTED:
        return Verdict(Delivery.ACCEPTED)
    raise_if_global(reply)
    row = _row(reply)
    concern = row.concern if row else None
    if code == CLOSING or (stage is Stage.SENDER and found is Kind.TRANSIENT):
        raise ServiceUnavailable(
            text("The mail server requests a retry later ({code} after {stage}).", code=code, stage=stage)
        )
    if found is Kind.TRANSIENT or concern is Concern.RECIPIENT_LATER:
        return Verdict(
            Delivery.DEFERRED, labelled(code, _reason(reply, text("the mail server requests a retry later")))
        )
    if stage is Stage.SENDER:
        if reply.smtputf8 and (code in _NOT_INTERNATIONAL or _enhanced(reply) == "5.6.7"):
            return Verdict(
                Delivery.REFUSED,
                text("{code}: the mail server does not support non-ASCII letters before the @", code=code),
            )
        raise ServiceRejected(
            text(
                "The mail server does not let us send as LANDBRIDGE_SMTP_FROM ({code}): check that address, and that "
                "LANDBRIDGE_SMTP_USERNAME may use it.",
                code=code,
            )
        )
    in_question = NO_TEXT if concern is Concern.RECIPIENT else _if_many(reply, row)
    if stage is Stage.CONTENT:
        refused = _reason(reply, text("the mail server rejects the content of the email"))
    else:
        refused = _reason(reply, text("the mail server rejects the address"))
    return Verdict(Delivery.REFUSED, labelled(code, refused), in_question)


def raise_if_global(reply: Reply) -> None:
    """Raise an error if a reply concerns every mail according to the table, and not only one recipient.

    Raises:
        QuotaExceeded, ServiceUnavailable, ServiceRejected: see `classify`.

    """
    row = _row(reply)
    if row is None:
        return
    match row.concern:
        case Concern.QUOTA:
            raise QuotaExceeded(
                text(
                    "The sending quota of the mail provider is used up ({code} after {stage}).",
                    code=reply.code,
                    stage=reply.stage,
                ),
                retry_after=row.wait,
                lasts=row.lasts,
            )
        case Concern.RATE:
            raise ServiceUnavailable(
                text(
                    "The mail server limits the sending rate, so emails are delayed at times: {advice} "
                    "({code} after {stage}).",
                    advice=row.advice,
                    code=reply.code,
                    stage=reply.stage,
                ),
                retry_after=row.wait,
            )
        case Concern.CONNECTIONS:
            raise ServiceUnavailable(
                text(
                    "The mail server does not allow a single connection now ({code} after {stage}): set "
                    "LANDBRIDGE_SMTP_CONNECTIONS to what it allows for all workers together.",
                    code=reply.code,
                    stage=reply.stage,
                )
            )
        case Concern.SENDER:
            raise ServiceRejected(
                text(
                    "The mail server rejects Landbridge as a sender: {advice} ({code} after {stage}).",
                    advice=row.advice,
                    code=reply.code,
                    stage=reply.stage,
                )
            )


def wants_fewer_connections(reply: Reply) -> bool:
    """Return whether the server has too many connections from us. It may accept the mail over another open one."""
    row = _row(reply)
    return row is not None and row.concern is Concern.CONNECTIONS


def _row(reply: Reply) -> Row | None:
    return row_for(reply.code, _enhanced(reply), reply.text)


def _if_many(reply: Reply, row: Row | None) -> Text:
    """Return the problem to report if the server refuses many mails like this."""
    code, stage = reply.code, reply.stage
    if row is not None:
        return text(
            "The mail server does not relay mail for Landbridge: {advice} ({code} after {stage}).",
            advice=row.advice,
            code=code,
            stage=stage,
        )
    if stage is Stage.CONTENT:
        return text(
            "The mail server rejects the content of every email ({code} after {stage}): see its log; often the "
            "domain of LANDBRIDGE_SMTP_FROM lacks SPF or DKIM.",
            code=code,
            stage=stage,
        )
    return text(
        "The mail server rejects every recipient ({code} after {stage}): see its log; check "
        "LANDBRIDGE_SMTP_USERNAME and LANDBRIDGE_SMTP_FROM, and correct or exclude people whom it will never accept.",
        code=code,
        stage=stage,
    )


def _reason(reply: Reply, otherwise: Text) -> Text:
    # The codes concern only the recipient in replies to RCPT TO, not in replies to other commands.
    return _RECIPIENT_REASONS.get(_enhanced(reply), otherwise) if reply.stage is Stage.RECIPIENT else otherwise


def _enhanced(reply: Reply) -> str:
    """Return the enhanced status code (RFC 3463), for example `5.1.1`; empty if there is none."""
    found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", reply.text)
    return found[0] if found else ""

"""What a mail server's answer to one mail means: for the person, or for everyone. No network here.

The server's own words are read but never passed on: they quote addresses.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from landbridge.domain.activity_io import Delivery
from landbridge.domain.errors import QuotaExceeded, ServiceRejected, ServiceUnavailable
from landbridge.domain.text import NO_TEXT, Text, labelled, text, verbatim
from landbridge.integrations.smtp.reply_table import Concern, Row, row_for


class Kind(IntEnum):
    """The first digit of an answer (RFC 5321, 4.2.1)."""

    TAKEN = 2
    NOT_NOW = 4
    NEVER = 5


def kind(code: int) -> Kind | None:
    """Return what an answer's code says; None if it makes no sense as a last word."""
    digit = code // 100
    return Kind(digit) if digit in set(Kind) else None


class Stage(StrEnum):
    """The part of a conversation that an answer belongs to."""

    LOGIN = "AUTH"
    SENDER = "MAIL FROM"
    RECIPIENT = "RCPT TO"
    CONTENT = "DATA"


@dataclass(frozen=True)
class Answer:
    """The server's last word on one mail."""

    stage: Stage
    code: int
    """Of a `Kind`."""
    words: str = ""
    smtputf8: bool = False
    """The mail was handed over as one with an internationalised address (RFC 6531)."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mail."""

    delivery: Delivery
    reason: Text = NO_TEXT
    if_many: Text = NO_TEXT
    """See `domain.activity_io.MailOutcome`."""


TAKEN = 250
"""The server has taken the mail and answers for it from now on (RFC 5321, 4.2.5)."""
CLOSING = 421
"""The server ends the connection; what it was asked has not happened (RFC 5321, 3.8)."""
_NOT_INTERNATIONAL = {504, 553, 555}
"""Answers to MAIL FROM that mean SMTPUTF8 rather than the sender (RFC 6531, 3.5), beside those marked 5.6.7."""
_TOO_FAST = "The mail server wants us to send more slowly, so mail waits now and then"
_REFUSES_US = "The mail server refuses us as a sender"
_NOT_FOR_US = "The mail server does not send mail for us"
_RECIPIENT_REASONS = {
    "4.2.2": text("the mailbox is full"),
    "5.1.1": text("there is no such mailbox"),
    "5.1.2": text("the domain takes no mail"),
    "5.1.3": text("the server finds the address malformed"),
    "5.1.6": text("the mailbox has moved"),
    "5.1.10": text("the domain takes no mail"),
    "5.2.1": text("the mailbox is disabled"),
    "5.2.2": text("the mailbox is full"),
    "5.4.4": text("the domain takes no mail"),
    "5.7.1": text("the recipient's mail system does not permit this mail"),
}
"""Our words for enhanced status codes (RFC 3463, RFC 7505) in answers to RCPT TO."""


def judge(answer: Answer) -> Verdict:
    """Return what an answer means for the person it concerns.

    Raises:
        QuotaExceeded: nobody gets mail from us for hours.
        ServiceUnavailable: the server wants to be asked again later, whoever the mail is for.
        ServiceRejected: the server refuses us, whoever the mail is for.

    """
    code, stage, said = answer.code, answer.stage, kind(answer.code)
    if said is Kind.TAKEN:
        return Verdict(Delivery.ACCEPTED)
    raise_if_everyones(answer)
    row = _row(answer)
    concern = row.concern if row else None
    if code == CLOSING or (stage is Stage.SENDER and said is Kind.NOT_NOW):
        raise ServiceUnavailable(
            text("The mail server asks for patience ({code} after {stage}).", code=code, stage=stage)
        )
    if said is Kind.NOT_NOW or concern is Concern.RECIPIENT_LATER:
        return Verdict(
            Delivery.DEFERRED, labelled(code, _reason(answer, text("the mail server asks to try again later")))
        )
    if stage is Stage.SENDER:
        if answer.smtputf8 and (code in _NOT_INTERNATIONAL or _enhanced(answer) == "5.6.7"):
            return Verdict(
                Delivery.REFUSED, text("{code}: the mail server takes no letters outside ASCII before the @", code=code)
            )
        raise ServiceRejected(
            f"The mail server does not let us send as LANDBRIDGE_SMTP_FROM ({code}): check that address, and that "
            "LANDBRIDGE_SMTP_USERNAME may use it."
        )
    in_question = NO_TEXT if concern is Concern.RECIPIENT else _if_many(answer, row)
    if stage is Stage.CONTENT:
        refused = _reason(answer, text("the mail server refuses the content of the mail"))
    else:
        refused = _reason(answer, text("the mail server refuses the address"))
    return Verdict(Delivery.REFUSED, labelled(code, refused), in_question)


def raise_if_everyones(answer: Answer) -> None:
    """Raise what an answer means for everyone's mail, if the table knows it to mean more than one person.

    Raises:
        QuotaExceeded, ServiceUnavailable, ServiceRejected: see `judge`.

    """
    row, where = _row(answer), f"{answer.code} after {answer.stage}"
    if row is None:
        return
    match row.concern:
        case Concern.QUOTA:
            raise QuotaExceeded(
                text(
                    "The sending quota of the mail provider is used up ({code} after {stage}).",
                    code=answer.code,
                    stage=answer.stage,
                ),
                retry_after=row.wait,
                lasts=row.lasts,
            )
        case Concern.RATE:
            raise ServiceUnavailable(f"{_TOO_FAST}: {row.advice} ({where}).", retry_after=row.wait)
        case Concern.CONNECTIONS:
            raise ServiceUnavailable(
                f"The mail server does not allow a single connection now ({where}): set LANDBRIDGE_SMTP_CONNECTIONS "
                "to what it allows for all workers together."
            )
        case Concern.SENDER:
            raise ServiceRejected(f"{_REFUSES_US}: {row.advice} ({where}).")


def wants_fewer_connections(answer: Answer) -> bool:
    """Return whether the mail may go over another connection that is open already."""
    row = _row(answer)
    return row is not None and row.concern is Concern.CONNECTIONS


def _row(answer: Answer) -> Row | None:
    return row_for(answer.code, _enhanced(answer), answer.words)


def _if_many(answer: Answer, row: Row | None) -> Text:
    """Return what to tell if everyone's mail is refused like this."""
    where = f"{answer.code} after {answer.stage}"
    if row is not None:
        return verbatim(f"{_NOT_FOR_US}: {row.advice} ({where}).")
    if answer.stage is Stage.CONTENT:
        return verbatim(
            f"The mail server refuses the content of one mail after the other ({where}): its log says why; often the "
            "domain of LANDBRIDGE_SMTP_FROM lacks SPF or DKIM."
        )
    return verbatim(
        f"The mail server refuses one recipient after the other ({where}): its log says why; check "
        "LANDBRIDGE_SMTP_USERNAME and LANDBRIDGE_SMTP_FROM, and correct or exclude people whom it will never serve."
    )


def _reason(answer: Answer, otherwise: Text) -> Text:
    # Only in answers to RCPT TO are the codes about the recipient alone.
    return _RECIPIENT_REASONS.get(_enhanced(answer), otherwise) if answer.stage is Stage.RECIPIENT else otherwise


def _enhanced(answer: Answer) -> str:
    """Return the enhanced status code (RFC 3463), for example `5.1.1`; empty if there is none."""
    found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", answer.words)
    return found[0] if found else ""

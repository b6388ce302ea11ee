"""What a mail server's answer to one mail means: for the person, or for everyone. No network here.

The server's own words are read but never passed on: they quote addresses.
"""

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from domain.errors import NeighbourRefuses, NeighbourUnavailable
from domain.orders import Delivery


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
    """The part of handing over a mail that an answer belongs to."""

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
    reason: str = ""


TAKEN = 250
"""The server has taken the mail and answers for it from now on (RFC 5321, 4.2.5)."""
CLOSING = 421
"""The server ends the connection; what it was asked has not happened (RFC 5321, 3.8)."""
_LOGIN = {530, 534, 535, 538}
"""Login or encryption wanted, or the login refused (RFC 4954, 4 and 6; RFC 3207, 4)."""
_NOT_INTERNATIONAL = {504, 553, 555}
"""Answers to MAIL FROM that mean SMTPUTF8 rather than the sender (RFC 6531, 3.5), beside those marked 5.6.7."""
_OURS = re.compile(
    r"^5\.1\.[78]\b|^5\.7\.(?:54|57|60)\b"  # bad sender (RFC 3463); relay, login, send-as (Exchange)
    r"|\brelay|sender address rejected|client host rejected|helo command rejected|authentication required",
    re.IGNORECASE,
)
"""A refusal of a recipient that means us: servers judge sender and network only then (Postfix: smtpd_delay_reject)."""
_OF_MAILBOXES = ("5.1.", "5.2.")
"""Enhanced codes about one address or mailbox (RFC 3463)."""
_RECIPIENT_REASONS = {
    "4.2.2": "the mailbox is full",
    "5.1.1": "there is no such mailbox",
    "5.1.2": "the domain takes no mail",
    "5.1.3": "the server finds the address malformed",
    "5.1.6": "the mailbox has moved",
    "5.1.10": "the domain takes no mail",
    "5.2.1": "the mailbox is disabled",
    "5.2.2": "the mailbox is full",
    "5.4.4": "the domain takes no mail",
    "5.7.1": "the recipient's mail system does not permit this mail",
}
"""Our words for enhanced status codes (RFC 3463, RFC 7505) in answers to RCPT TO."""


def judge(answer: Answer, *, anyone_accepted: bool, one_of_many: bool = False) -> Verdict:
    """Return what an answer means for the person it concerns.

    Arguments:
        answer: the server's last word on the mail.
        anyone_accepted: the server took a recipient from us before, so it does not refuse us as a whole.
        one_of_many: it comes after many of its kind (`may_mean_us`), and nobody was accepted meanwhile.

    Raises:
        NeighbourUnavailable: the server wants to be asked again later, whoever the mail is for.
        NeighbourRefuses: the server refuses us, whoever the mail is for.

    """
    code, stage, said = answer.code, answer.stage, kind(answer.code)
    if code == CLOSING or (stage is Stage.SENDER and said is Kind.NOT_NOW):
        raise NeighbourUnavailable(f"The mail server asks for patience ({code} after {stage}).")
    if code in _LOGIN:
        raise NeighbourRefuses(
            f"The mail server wants another login or encryption ({code} after {stage}): check "
            "LANDBRIDGE_SMTP_USERNAME, LANDBRIDGE_SMTP_PASSWORD and LANDBRIDGE_SMTP_SECURITY."
        )
    if said is Kind.TAKEN:
        return Verdict(Delivery.ACCEPTED)
    if said is Kind.NOT_NOW:
        return Verdict(Delivery.DEFERRED, f"{code}: {_reason(answer, 'the mail server asks to try again later')}")
    if stage is Stage.SENDER:
        if answer.smtputf8 and (code in _NOT_INTERNATIONAL or _enhanced(answer) == "5.6.7"):
            return Verdict(Delivery.REFUSED, f"{code}: the mail server takes no letters outside ASCII before the @")
        raise NeighbourRefuses(
            f"The mail server does not let us send as LANDBRIDGE_SMTP_FROM ({code}): check that address, and that "
            "LANDBRIDGE_SMTP_USERNAME may use it."
        )
    if (one_of_many or not anyone_accepted) and _reads_as_ours(answer):
        raise NeighbourRefuses(
            f"The mail server does not send mail for us ({code} after {stage}): check LANDBRIDGE_SMTP_USERNAME, "
            "LANDBRIDGE_SMTP_FROM, and that it relays mail from this network to other domains."
        )
    if one_of_many:
        raise NeighbourRefuses(
            f"The mail server refuses the content of one mail after the other ({code} after {stage}): its log says "
            "why; often the domain of LANDBRIDGE_SMTP_FROM lacks SPF or DKIM."
        )
    if stage is Stage.CONTENT:
        return Verdict(
            Delivery.REFUSED, f"{code}: {_reason(answer, 'the mail server refuses the content of the mail')}"
        )
    return Verdict(Delivery.REFUSED, f"{code}: {_reason(answer, 'the mail server refuses the address')}")


def may_mean_us(answer: Answer) -> bool:
    """Return whether a server may refuse everyone's mail by it: our network, our address, or what all mails say."""
    if answer.stage is Stage.CONTENT and kind(answer.code) is Kind.NEVER:
        return not _enhanced(answer).startswith(_OF_MAILBOXES)
    return _reads_as_ours(answer)


def _reads_as_ours(answer: Answer) -> bool:
    return kind(answer.code) is Kind.NEVER and _OURS.search(answer.words) is not None


def _reason(answer: Answer, otherwise: str) -> str:
    # Only in answers to RCPT TO are the codes about the recipient alone.
    return _RECIPIENT_REASONS.get(_enhanced(answer), otherwise) if answer.stage is Stage.RECIPIENT else otherwise


def _enhanced(answer: Answer) -> str:
    """Return the enhanced status code (RFC 3463), for example `5.1.1`; empty if there is none."""
    found = re.match(r"[245]\.\d{1,3}\.\d{1,3}\b", answer.words)
    return found[0] if found else ""

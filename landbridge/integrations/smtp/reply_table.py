"""Table of mail server replies that refuse a mail, and what each concerns. The first matching row decides.

Sources, read in November 2026. RFC 3463 and RFC 5321 for codes. Microsoft: "Email non-delivery reports in Exchange
Online" and "Message storage and concurrent connection throttling for SMTP Authenticated Submission", and "Continuous
Error Throttling for SMTP AUTH Submissions". Google: "Gmail SMTP errors and codes" (Workspace help 3726730). Amazon:
"SMTP response codes returned by Amazon SES". SendGrid: "SMTP Errors and Troubleshooting". Postmark and Mailgun: their
errors for senders that are not approved. Postfix: the texts of `smtpd_recipient_restrictions` and similar
parameters.
"""

import re
from dataclasses import dataclass
from enum import Enum, auto

from landbridge.domain.text import NO_TEXT, Text, text

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
_SENDER = text("check LANDBRIDGE_SMTP_FROM, and that LANDBRIDGE_SMTP_USERNAME may send as this address")
_VERIFY = text("verify LANDBRIDGE_SMTP_FROM, or its domain, with the mail provider")
_LOGIN = text("check LANDBRIDGE_SMTP_USERNAME and LANDBRIDGE_SMTP_PASSWORD, and LANDBRIDGE_SMTP_SECURITY")
_RELAY = text("check LANDBRIDGE_SMTP_USERNAME, LANDBRIDGE_SMTP_FROM, and that it relays mail from this network")
_BANNED = text("the account or network of LANDBRIDGE_SMTP_USERNAME is blocked, ask the mail provider to release it")
_FASTER = text("set LANDBRIDGE_SMTP_PER_SECOND to what the mail provider allows")


class Concern(Enum):
    """What a refusal concerns."""

    RECIPIENT = auto()
    """This address or mailbox, permanently."""
    RECIPIENT_LATER = auto()
    """This mailbox, temporarily, even if the code says permanently."""
    SENDER = auto()
    """Our address, login, network or contract. The server refuses every mail until a person fixes the cause."""
    QUOTA = auto()
    """Our sending quota is used up for hours."""
    RATE = auto()
    """We send too fast."""
    CONNECTIONS = auto()
    """We have too many connections open."""
    IN_QUESTION = auto()
    """Either this mail or every mail. Only further replies can show which (`domain.refusals`)."""


@dataclass(frozen=True)
class Row:
    """Replies with the same meaning. A reply matches if all non-empty patterns match."""

    concern: Concern
    code: str = ""
    """A pattern for the whole code, such as `5..`."""
    status: str = ""
    """A pattern for the whole enhanced status code (RFC 3463)."""
    text: str = ""
    """A pattern for a part of the text, case-insensitive; addresses have been removed from the text."""
    advice: Text = NO_TEXT
    """What to do; names the setting."""
    wait: float = 0
    """Seconds until the next attempt."""
    lasts: float = 0
    """Maximum seconds until the quota is available again."""

    def matches(self, code: int, status: str, text: str) -> bool:
        """Return whether a reply matches."""
        return (
            (not self.code or re.fullmatch(self.code, str(code)) is not None)
            and (not self.status or re.fullmatch(self.status, status) is not None)
            and (not self.text or re.search(self.text, text, re.IGNORECASE) is not None)
        )


TABLE = (
    # Gmail and Exchange Online: one mailbox temporarily receives too much mail.
    Row(Concern.RECIPIENT_LATER, text="is receiving e?mail (?:too quickly|at a rate)"),
    Row(Concern.RECIPIENT_LATER, status=r"5\.2\.12[12]"),
    # Exchange Online.
    Row(Concern.QUOTA, status=r"5\.1\.90", wait=HOUR, lasts=DAY),
    Row(Concern.QUOTA, text="submission ?quota (?:was )?exceeded|SubmissionQuotaExceeded", wait=HOUR, lasts=DAY),
    Row(
        Concern.SENDER,
        text=r"STOREDRV\.Submission.*QuotaExceeded",
        advice=text("the mailbox of LANDBRIDGE_SMTP_USERNAME is full, empty its Sent Items"),
    ),
    Row(Concern.SENDER, text="SendAsDenied|send as denied|not allowed to send as", advice=_SENDER),
    Row(Concern.SENDER, status=r"5\.7\.60", advice=_SENDER),
    Row(
        Concern.SENDER,
        status=r"5\.2\.25[1-5]",
        advice=text("it throttles LANDBRIDGE_SMTP_USERNAME for its many errors (mailbox full, send-as, licence)"),
    ),
    Row(Concern.SENDER, code="5..", text=r"STOREDRV\.Submission", advice=_SENDER),
    Row(Concern.SENDER, status=r"5\.7\.(?:54|57|64|139)", advice=_LOGIN),
    Row(Concern.SENDER, status=r"5\.7\.(?:50[1-3]|511|6[0-4]\d|70[58]|750|800)", advice=_BANNED),
    Row(Concern.SENDER, status=r"5\.1\.8", text="bad outbound sender|access denied", advice=_BANNED),
    Row(Concern.CONNECTIONS, code="4..", text="sender thread limit exceeded|concurrent connections? limit"),
    Row(Concern.RATE, text="exceeded the message limit|submission rate for this client", advice=_FASTER, wait=MINUTE),
    Row(Concern.RECIPIENT, status=r"5\.7\.(?:1[23]|12[4]|13[3-6]|50[457]|510|513)"),
    # Gmail and Google Workspace.
    Row(Concern.QUOTA, status=r"[45]\.4\.5", text="limit|quota", wait=HOUR, lasts=DAY),
    Row(Concern.QUOTA, text="daily (?:smtp )?relay (?:sending )?limit exceeded", wait=HOUR, lasts=DAY),
    Row(Concern.QUOTA, status=r"5\.7\.1", text="^email quota exceeded", wait=HOUR, lasts=DAY),
    Row(Concern.RATE, code="4..", text="peak smtp relay limit exceeded", advice=_FASTER, wait=MINUTE),
    Row(Concern.RATE, code="4..", text="too many login attempts", advice=_LOGIN, wait=15 * MINUTE),
    Row(Concern.SENDER, text="mail relay denied|invalid credentials for relay", advice=_RELAY),
    Row(Concern.SENDER, text="mail sending denied", advice=_BANNED),
    # Amazon SES.
    Row(Concern.QUOTA, text="daily message quota exceeded", wait=HOUR, lasts=DAY),
    Row(Concern.RATE, text="maximum sending rate exceeded", advice=_FASTER, wait=MINUTE),
    Row(
        Concern.SENDER,
        text="email address is not verified",
        advice=text(
            "verify LANDBRIDGE_SMTP_FROM with Amazon SES in the region of LANDBRIDGE_SMTP_HOST, and ask for "
            "production access if its account is in the sandbox"
        ),
    ),
    Row(Concern.SENDER, text="is not authorized to perform|sending (?:is )?(?:paused|suspended)", advice=_BANNED),
    # SendGrid, Mailgun, Postmark.
    Row(Concern.QUOTA, text="maximum credits exceeded", wait=HOUR, lasts=DAY),
    Row(Concern.SENDER, text="verified sender identity|unauthenticated senders not allowed", advice=_VERIFY),
    Row(Concern.SENDER, text="not authorized to send from that email", advice=_VERIFY),
    Row(Concern.SENDER, text="is not allowed to send|accounts are for test purposes only", advice=_VERIFY),
    Row(Concern.SENDER, text="sender signature|account is pending approval", advice=_VERIFY),
    Row(Concern.RECIPIENT, text="inactive recipient"),
    # Hosting providers: the wording varies.
    Row(
        Concern.QUOTA,
        text="(?:max|limit|quota).{0,30}(?:per|an) hour|hourly (?:sending |email )?(?:limit|quota)",
        wait=10 * MINUTE,
        lasts=HOUR,
    ),
    Row(Concern.QUOTA, text="(?:daily|24.hour) (?:sending |message |email )?(?:limit|quota)", wait=HOUR, lasts=DAY),
    Row(Concern.QUOTA, text="sending (?:limit|quota) (?:was |has been )?(?:exceeded|reached)", wait=HOUR, lasts=DAY),
    # Postfix, Exim, Sendmail and the RFCs.
    Row(Concern.CONNECTIONS, code="4..", text="too many (?:concurrent )?(?:smtp )?(?:connections|sessions)"),
    Row(Concern.SENDER, code="53[0458]", advice=_LOGIN),
    Row(Concern.SENDER, code="5..", status=r"5\.1\.[78]", advice=_SENDER),
    Row(Concern.SENDER, code="5..", text="sender address rejected|authentication required", advice=_SENDER),
    Row(Concern.IN_QUESTION, code="5..", text=r"\brelay|client host rejected|helo command rejected", advice=_RELAY),
    Row(Concern.RECIPIENT, code="5..", status=r"5\.[12]\.\d+|5\.4\.4"),
    Row(
        Concern.RECIPIENT,
        code="5..",
        text="(?:user|mailbox|recipient|account) (?:is )?(?:unknown|not found|disabled|full|over quota)"
        "|over quota|mailbox.{0,40}full|(?:unknown|no such|invalid) (?:user|mailbox|recipient|account|address)"
        "|does not exist|recipient address rejected",
    ),
)


def row_for(code: int, status: str, text: str) -> Row | None:
    """Return the first row that a reply matches; None if there is none, so that only its code and the command decide.

    Arguments:
        code: the three digits.
        status: the enhanced status code (RFC 3463); empty if there is none.
        text: the text of all lines of the reply.

    """
    text = re.sub(r"^[245]\.\d{1,3}\.\d{1,3}[ \t]*", "", text, flags=re.MULTILINE)
    # An address may contain any word: "relay@example.com" does not mean that relaying was refused.
    text = re.sub(r"<[^>]*>|\S+@\S+", "", text)
    text = " ".join(text.split())
    return next((row for row in TABLE if row.matches(code, status, text)), None)

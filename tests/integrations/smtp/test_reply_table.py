"""Each row of the table of refusals, tested with replies that providers document."""

from itertools import chain
from typing import Any

import pytest

from landbridge import i18n
from landbridge.domain.activity_io import Delivery
from landbridge.domain.errors import QuotaExceeded, ServiceRejected, ServiceUnavailable
from landbridge.integrations.smtp.replies import Reply, Stage, classify, wants_fewer_connections
from landbridge.integrations.smtp.reply_table import DAY, HOUR, MINUTE, TABLE, row_for

MAIL, RCPT, CONTENT = Stage.SENDER, Stage.RECIPIENT, Stage.CONTENT
QUOTAS = [
    (RCPT, "550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", DAY),
    (CONTENT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process", DAY),
    (CONTENT, "550 5.2.2 Submission quota exceeded", DAY),
    (CONTENT, "554 The message can't be submitted because the sender's submission quota was exceeded", DAY),
    (CONTENT, "550 5.4.5 Daily user sending limit exceeded. For more information on Gmail\n5.4.5 sending limits", DAY),
    (MAIL, "550 5.4.5 Daily SMTP relay limit exceeded for user.", DAY),
    (RCPT, "550 5.7.1 Daily SMTP relay limit exceeded for customer.", DAY),
    (CONTENT, "550 5.7.1 Email quota exceeded.", DAY),
    (CONTENT, "454 Throttling failure: Daily message quota exceeded.", DAY),
    (Stage.LOGIN, "451 Authentication failed: Maximum credits exceeded", DAY),
    (RCPT, "550 Domain example.com has exceeded the max emails per hour (100/100) allowed. Message discarded.", HOUR),
    (MAIL, "452 4.5.3 Daily message limit exceeded", DAY),
    (RCPT, "550 Sending limit exceeded", DAY),
]
SENDERS = [
    (CONTENT, "554 5.2.252 SendAsDenied; a@example.com not allowed to send as b@example.com", "LANDBRIDGE_SMTP_FROM"),
    (CONTENT, "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied", "may send as"),
    (CONTENT, "550 5.7.60 SMTP; Client does not have permissions to send as this sender", "may send as"),
    (CONTENT, "554 5.2.2 mailbox full; STOREDRV.Submission.Exception:QuotaExceededException.MapiExc", "Sent Items"),
    (MAIL, "550 5.2.253 Sender throttled due to continuous invalid license errors.", "LANDBRIDGE_SMTP_USERNAME"),
    (CONTENT, "554 5.2.0 STOREDRV.Submission.Exception:NotAllowedException", "LANDBRIDGE_SMTP_FROM"),
    (MAIL, "530 5.7.57 Client not authenticated to send mail", "LANDBRIDGE_SMTP_USERNAME"),
    (RCPT, "550 5.7.64 TenantAttribution; Relay Access Denied", "LANDBRIDGE_SMTP_USERNAME"),
    (CONTENT, "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP", "mail provider"),
    (RCPT, "550 5.7.606 Access denied, banned sending IP", "mail provider"),
    (CONTENT, "550 5.1.8 Access denied, bad outbound sender", "mail provider"),
    (RCPT, "550 5.7.0 Mail relay denied.", "relays mail"),
    (CONTENT, "550 5.7.0 Mail Sending denied.", "mail provider"),
    (
        CONTENT,
        "554 Message rejected: Email address is not verified. The following identities failed",
        "production access",
    ),
    (CONTENT, "554 Access denied: User x is not authorized to perform ses:SendRawEmail", "mail provider"),
    (CONTENT, "550 The from address does not match a verified Sender Identity.", "verify LANDBRIDGE_SMTP_FROM"),
    (RCPT, "550 Unauthenticated senders not allowed", "verify LANDBRIDGE_SMTP_FROM"),
    (MAIL, "550 You are not authorized to send from that email address", "verify LANDBRIDGE_SMTP_FROM"),
    (CONTENT, "550 Domain example.com is not allowed to send: Free accounts are for test purposes only", "verify"),
    (CONTENT, "550 Sender signature not confirmed.", "verify LANDBRIDGE_SMTP_FROM"),
    (RCPT, "530 5.7.0 Must issue a STARTTLS command first", "LANDBRIDGE_SMTP_SECURITY"),
    (RCPT, "550 5.1.7 sender address malformed", "LANDBRIDGE_SMTP_FROM"),
    (RCPT, "553 5.7.1 <no-reply@example.com>: Sender address rejected: not owned by user", "LANDBRIDGE_SMTP_FROM"),
]
SLOWER = [
    (CONTENT, "454 Throttling failure: Maximum sending rate exceeded.", MINUTE),
    (MAIL, "432 4.3.2 STOREDRV.ClientSubmit; exceeded the message limit per account", MINUTE),
    (MAIL, "421 4.4.2 Message submission rate for this client has exceeded the configured limit", MINUTE),
    (RCPT, "450 4.2.1 Peak SMTP relay limit exceeded for customer.", MINUTE),
    (Stage.LOGIN, "454 4.7.0 Too many login attempts, please try again later.", 15 * MINUTE),
]
FEWER = [
    (MAIL, "432 4.3.2 Concurrent connections limit exceeded."),
    (MAIL, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded"),
    (MAIL, "421 Too many concurrent SMTP connections"),
    (RCPT, "421 4.7.0 Too many connections"),
]
THEIRS = [
    (RCPT, "550 5.1.1 <relay@example.com> unknown"),
    (RCPT, "550 5.1.10 Recipient not found"),
    (CONTENT, "552 5.2.2 Mailbox full"),
    (RCPT, "550 5.4.4 no route"),
    (RCPT, "550 5.4.1 Recipient address rejected: Access denied"),
    (RCPT, "550 User unknown"),
    (RCPT, "550 no such user here"),
    (RCPT, "550 5.7.133 Sender not authenticated for group"),
    (RCPT, "550 The account <quota@example.com> does not exist"),
    (CONTENT, "406 Inactive recipient"),
]
LATER = [
    (RCPT, "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents"),
    (RCPT, "450 4.2.1 The user you are trying to contact is receiving email too quickly"),
    (RCPT, "550 5.2.121 Recipient's per hour message receive limit from specific sender exceeded"),
    (RCPT, "451 4.7.1 greylisted"),
]
OPEN = [
    (RCPT, "554 5.7.1 <p@example.net>: Relay access denied"),
    (RCPT, "554 5.7.1 <unknown[192.0.2.1]>: Client host rejected: Access denied"),
    (RCPT, "550 no"),
    (RCPT, "550 5.7.1 Delivery not authorized"),
    (CONTENT, "554 5.7.1 Message blocked as spam"),
    (CONTENT, "550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy"),
]


def reply(stage: Stage, words: str) -> Reply:
    """Return a reply as the connection would."""
    return Reply(stage, int(words[:3]), words[4:])


@pytest.mark.parametrize("stage, words, lasts", QUOTAS)
def test_a_used_up_quota_is_a_long_wait(stage: Stage, words: str, lasts: float) -> None:
    """The wait is at most the period of the quota, with retries in between."""
    with pytest.raises(QuotaExceeded) as caught:
        classify(reply(stage, words))
    assert (caught.value.lasts, 0 < (caught.value.retry_after or 0) <= lasts) == (lasts, True)


@pytest.mark.parametrize("stage, words, advice", SENDERS)
def test_a_refusal_of_the_sender_says_what_to_fix(stage: Stage, words: str, advice: str) -> None:
    """The message quotes no address, and is rendered in the reader's language."""
    with pytest.raises(ServiceRejected, match=advice) as caught:
        classify(reply(stage, words))
    assert "example.com" not in str(caught.value)
    german = i18n.negotiate("de").render(caught.value.text)
    assert "Der Mailserver" in german
    assert "The mail server" not in german


@pytest.mark.parametrize("stage, words, wait", SLOWER)
def test_a_rate_limit_is_a_short_wait(stage: Stage, words: str, wait: float) -> None:
    """The message names the setting that avoids the limit."""
    with pytest.raises(ServiceUnavailable, match="LANDBRIDGE_SMTP_") as caught:
        classify(reply(stage, words))
    assert caught.value.retry_after == wait
    assert not isinstance(caught.value, QuotaExceeded)


@pytest.mark.parametrize("stage, words", FEWER)
def test_a_connection_limit_is_detected(stage: Stage, words: str) -> None:
    """The pool continues with fewer connections. If no connection is left, the server is unavailable."""
    assert wants_fewer_connections(reply(stage, words))
    with pytest.raises(ServiceUnavailable, match="LANDBRIDGE_SMTP_CONNECTIONS"):
        classify(reply(stage, words))


@pytest.mark.parametrize("stage, words", THEIRS)
def test_a_refusal_of_the_recipient_never_concerns_the_sender(stage: Stage, words: str) -> None:
    """Even many such refusals concern only the recipients. A 4xx is transient, whatever its text."""
    verdict = classify(reply(stage, words))
    assert verdict.delivery is (Delivery.DEFERRED if words[0] == "4" else Delivery.REFUSED)
    assert not verdict.if_many


@pytest.mark.parametrize("stage, words", LATER)
def test_a_busy_mailbox_is_deferred(stage: Stage, words: str) -> None:
    """The mail is deferred even if the server sends a permanent code."""
    assert classify(reply(stage, words)).delivery is Delivery.DEFERRED


@pytest.mark.parametrize("stage, words", OPEN)
def test_other_refusals_are_ambiguous(stage: Stage, words: str) -> None:
    """Such a refusal concerns the person, unless many follow each other."""
    verdict = classify(reply(stage, words))
    assert (verdict.delivery, bool(verdict.if_many)) == (Delivery.REFUSED, True)


def test_every_row_is_used() -> None:
    """Each row of the table matches at least one of the replies above."""
    groups: list[list[Any]] = [QUOTAS, SENDERS, SLOWER, FEWER, THEIRS, LATER, OPEN]
    used = []
    for _, words, *_ in chain.from_iterable(groups):
        status = words[4:].split(" ")[0] if words[5:6] == "." else ""
        used.append(row_for(int(words[:3]), status, words[4:]))
    assert [row for row in TABLE if row not in used] == []

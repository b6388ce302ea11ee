"""Delivery of mails to the local mail server."""

import re
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime

import pytest

from landbridge.domain.activity_io import Delivery, MailOutcome, Notice, NoticeKind, OutgoingNotice
from landbridge.domain.links import Purpose
from landbridge.domain.people import Counts, State
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.text import text
from landbridge.integrations.smtp import content
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, PlainLinks, RunningMailbox, outgoing, parse, part
from tests.streams import collect


async def test_each_person_gets_one_mail_with_their_own_link(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """A batch uses few connections. Each person has one mail and one outcome."""
    await collect(make_mailer(mailbox.port).send(CONTEXT, [outgoing(n) for n in range(1, 31)]), outcomes.append)
    mails = {str(mail["X-Envelope-To"]): mail for mail in mailbox.mails()}
    assert sorted(outcome.person for outcome in outcomes) == list(range(1, 31))
    assert {outcome.delivery for outcome in outcomes} == {Delivery.ACCEPTED}
    assert len(mails) == len(mailbox.mails()) == 30
    for number in range(1, 31):
        mail = mails[f"person{number}@example.com"]
        link = f"https://move.example.com/authentication/{CONTEXT.cohort_id}/{number}/1"
        assert link in part(mail, "plain")
        assert f'href="{link}"' in part(mail, "html")
        assert mail["To"] == f"person{number}@example.com"


async def test_the_header_is_complete(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """The mail has a sender, one recipient, a date and a Message-ID, and is marked as auto-generated."""
    await collect(make_mailer(mailbox.port).send(CONTEXT, [outgoing(7, generation=3)]), outcomes.append)
    (mail,) = mailbox.mails()
    assert not mail.defects
    assert mail["From"] == "Opsgenie migration <no-reply@example.com>"
    assert mail["Message-ID"] == f"<authentication.3.7.2.{CONTEXT.run}@example.com>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert parsedate_to_datetime(mail["Date"]).utcoffset() is not None
    assert [found.get_content_type() for found in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]


async def test_a_refused_address_does_not_stop_the_others(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """The outcome has the reply code and Landbridge's own reason, without the address."""
    mails = [outgoing(1), outgoing(2, "gone@example.com"), outgoing(3)]
    await collect(make_mailer(mailbox.port, connections=1).send(CONTEXT, mails), outcomes.append)
    assert [outcome.delivery for outcome in outcomes] == [Delivery.ACCEPTED, Delivery.REFUSED, Delivery.ACCEPTED]
    assert outcomes[1].reason == "550: there is no such mailbox"
    assert outcomes[1].purpose is Purpose.AUTHENTICATION


async def test_addresses_in_other_scripts_are_delivered(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """A domain is sent in ASCII. A local part that is not ASCII is sent with SMTPUTF8."""
    mails = [outgoing(1, "ann@bücher.example.com"), outgoing(2, "用户@例子.example.com")]
    await collect(make_mailer(mailbox.port, connections=1).send(CONTEXT, mails), outcomes.append)
    first, second = mailbox.mails()
    assert {outcome.delivery for outcome in outcomes} == {Delivery.ACCEPTED}
    assert first["To"] == first["X-Envelope-To"] == "ann@xn--bcher-kva.example.com"
    assert second["To"] == second["X-Envelope-To"] == "用户@xn--fsqu00a.example.com"


@pytest.mark.parametrize("locale, encoding", [("ja_JP", "base64"), ("tr_TR", "quoted-printable")])
async def test_mail_in_another_language_is_delivered_unchanged(
    make_mailer: MakeMailer,
    mailbox: RunningMailbox,
    outcomes: list[MailOutcome],
    locale: str,
    encoding: str,
) -> None:
    """The subject, the sender's name and both bodies arrive unchanged, in lines within the limit of RFC 5322."""
    outgoing_mail = outgoing(name="小林", locale=locale)
    written = content.person_mail(CONTEXT, outgoing_mail, PlainLinks())
    await collect(make_mailer(mailbox.port).send(CONTEXT, [outgoing_mail]), outcomes.append)
    (mail,) = mailbox.mails()
    assert not written.subject.isascii()
    assert (mail["Subject"], mail["Content-Language"]) == (written.subject, locale[:2])
    assert mail["From"].addresses[0].display_name == written.sender
    assert part(mail, "plain").replace("\r\n", "\n").strip() == written.text.strip()
    assert part(mail, "html").replace("\r\n", "\n").strip() == written.html.strip()
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert plain["Content-Transfer-Encoding"] == encoding
    (raw,) = mailbox.directory.glob("*.eml")
    assert max(map(len, raw.read_bytes().splitlines())) <= 998


async def test_notices_have_no_personal_link(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """Notices have the task, its address and the command. Their link to the portal requires a sign-in."""
    notice = Notice(
        kind=NoticeKind.ADMIN_TASK,
        opsgenie_account="acme",
        task=text("Create the site."),
        url="https://admin.example.net/new",
        command="starter.py confirm acme",
    )
    admins = [AccountAdmin(email=f"admin{n}@example.com", name=f"Admin {n}") for n in (1, 2)]
    notices = [
        OutgoingNotice(message_id=f"admin_task.{n}.run", number=n, recipient=admin, notice=notice)
        for n, admin in enumerate(admins, start=1)
    ]
    await collect(make_mailer(mailbox.port).notify(notices), outcomes.append)
    assert sorted((o.person, o.purpose, o.delivery) for o in outcomes) == [
        (1, None, Delivery.ACCEPTED),
        (2, None, Delivery.ACCEPTED),
    ]
    assert {mail["Message-ID"] for mail in mailbox.mails()} == {
        "<admin_task.1.run@example.com>",
        "<admin_task.2.run@example.com>",
    }
    for mail in mailbox.mails():
        for kind in ("plain", "html"):
            body = part(mail, kind)
            for words in ("Create the site.", "https://admin.example.net/new", "starter.py confirm acme"):
                assert words in body
            assert set(re.findall(r"https://move\.example\.com[^\s\"<]*", body)) == {
                "https://move.example.com/settings/general"
            }


async def test_the_completion_notice_has_counts(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """The notice has the next step for people who are not connected."""
    counts = Counts(by_state={State.CONNECTED: 20, State.LEFT_BEHIND: 2, State.SKIPPED: 1})
    notice = Notice(kind=NoticeKind.MIGRATION_COMPLETE, opsgenie_account="acme", site=CONTEXT.site, counts=counts)
    outgoing_notice = OutgoingNotice(
        message_id="done.1.run", number=1, recipient=AccountAdmin(email="a@example.com"), notice=notice
    )
    await collect(make_mailer(mailbox.port).notify([outgoing_notice]), outcomes.append)
    (mail,) = mailbox.mails()
    text = part(mail, "plain")
    assert mail["Subject"] == "Opsgenie migration of acme complete; 2 people were not moved"
    assert "20 of 23 people" in text
    assert "Left behind: 2\n    Invite them to the site manually" in text.replace("\r\n", "\n")


async def test_unusable_addresses_are_refused_before_connecting(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """The port of this test is closed, so a connection attempt would fail."""
    hostile = [
        "quentin@example.com\r\nBcc: all@example.com",
        "quentin@example.com>\r\nRCPT TO:<x@example.com",
        "quentin@example.com,bob@example.com",
        "Quentin <quentin@example.com>",
        '"quentin smith"@example.com',
        "quentin@example.com\x00",
        "quentin\u202e@example.com",
        f"{'a' * 65}@example.com",
        "quentin@localhost.invalid",
        "quentin",
        " ",
    ]
    mails = [outgoing(number, email) for number, email in enumerate(hostile, start=1)]
    await collect(make_mailer(1).send(CONTEXT, mails), outcomes.append)
    assert [outcome.delivery for outcome in outcomes] == [Delivery.REFUSED] * len(hostile)
    assert not any("quentin" in outcome.reason or "example" in outcome.reason for outcome in outcomes)
    assert mailbox.mails() == []


async def test_untrusted_values_cannot_change_the_mail(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """Line breaks, HTML and direction marks in names become harmless text."""
    name = "Eve\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u202eevil\u2066 {{ 7*7 }}"
    context = CONTEXT.model_copy(
        update={
            "opsgenie_account": "acme\r\nX-Evil: 1<b>",
            "initiator": '"><img src=x>\u202e@example.com',
            "site": CONTEXT.site.model_copy(update={"url": "javascript:alert(1)"}),
        }
    )
    await collect(make_mailer(mailbox.port).send(context, [outgoing(1, name=name)]), outcomes.append)
    (mail,) = mailbox.mails()
    assert mail["Bcc"] is None
    assert mail["X-Evil"] is None
    html, text = part(mail, "html"), part(mail, "plain")
    assert "<script" not in html
    assert "<img" not in html
    assert "javascript:" not in html + text
    assert "&lt;script&gt;" in html
    assert "{{ 7*7 }}" in text
    assert not {"\u202e", "\u2066"} & set(html + text)


async def test_notices_cannot_inject_headers(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """A subject is one line, whatever values it contains."""
    notice = Notice(
        kind=NoticeKind.ADMIN_TASK, opsgenie_account="acme\r\nX-Evil: 1", task=text("T"), url="javascript:x"
    )
    outgoing_notice = OutgoingNotice(
        message_id="task.1.run", number=1, recipient=AccountAdmin(email="a@example.com"), notice=notice
    )
    await collect(make_mailer(mailbox.port).notify([outgoing_notice]), outcomes.append)
    (mail,) = mailbox.mails()
    assert mail["X-Evil"] is None
    assert mail["Subject"] == "Action needed: Opsgenie migration of acme X-Evil: 1"
    assert "javascript:" not in part(mail, "html")


@pytest.mark.parametrize(
    "name",
    [
        "=?utf-8?q?acme=0D=0ABcc:=20eve@example.com=0D=0A=0D=0Abody?=",
        "=?utf-8?b?YWNtZQ0KQmNjOiBldmVAZXhhbXBsZS5jb20NCg0KYm9keQ==?=",
        "=?us-ascii?q?=0ABcc:=20eve@example.com?= 用户",
        "=?utf-8?q?plain?=",
    ],
)
async def test_an_encoded_word_in_a_name_is_not_decoded(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome], name: str
) -> None:
    """Encoded words (RFC 2047) stay text. Python before 3.11.10 wrote their hidden line breaks."""
    notice = Notice(kind=NoticeKind.ADMIN_TASK, opsgenie_account=name, task=text("T"), url="")
    outgoing_notice = OutgoingNotice(
        message_id="task.1.run", number=1, recipient=AccountAdmin(email="a@example.com"), notice=notice
    )
    await collect(make_mailer(mailbox.port).notify([outgoing_notice]), outcomes.append)
    (raw,) = mailbox.directory.glob("*.eml")
    header = raw.read_bytes().partition(b"\r\n\r\n")[0]
    lines = re.sub(rb"\r\n[ \t]", b" ", header).split(b"\r\n")
    names = [line.partition(b":")[0] for line in lines]
    assert b"Bcc" not in names
    assert names[-1] == b"Content-Type", "the header does not end early"
    subject = dict(zip(names, lines, strict=True))[b"Subject"].decode("ascii")
    decoded = str(make_header(decode_header(subject.removeprefix("Subject: "))))
    assert decoded == f"Action needed: Opsgenie migration of {name}"


async def test_a_full_disk_of_the_mail_server_defers(
    make_mailer: MakeMailer, mailbox: RunningMailbox, outcomes: list[MailOutcome]
) -> None:
    """The mail stays with Landbridge and is sent later, so it is not lost."""
    mailbox.directory.rmdir()
    await collect(make_mailer(mailbox.port).send(CONTEXT, [outgoing(1)]), outcomes.append)
    assert [outcome.delivery for outcome in outcomes] == [Delivery.DEFERRED]


def test_the_parse_helper_keeps_other_scripts() -> None:
    """The tests parse mails with this helper, so it must not change the text."""
    assert parse("To: zoë@example.com\r\n\r\n".encode())["To"] == "zoë@example.com"

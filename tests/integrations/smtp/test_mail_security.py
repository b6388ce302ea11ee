"""TLS and login. If the connection is not as configured, no mail is sent."""

import asyncio
import gc
import re
import unicodedata
from contextlib import nullcontext, suppress
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.domain.activity_io import Delivery, MailOutcome, Notice, NoticeKind, OutgoingNotice
from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.people import Counts
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.sign_in import SignedIn, SignInClaims, SignInMail
from landbridge.emails import Rendered
from landbridge.integrations.smtp.message import compose
from tests.integrations.smtp.certificates import Authority
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, outgoing
from tests.integrations.smtp.scripted import CERTIFICATE, Heard, ScriptedServer, nothing_special, server_tls
from tests.streams import collect

WORD = "open sesame"
LOGIN = {"username": "user", "password": WORD}


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_mail_is_sent_over_tls(make_mailer: MakeMailer, outcomes: list[MailOutcome], security: str) -> None:
    """The server needs a trusted certificate for its host name. The login is sent only over TLS."""
    extensions = ("STARTTLS", "AUTH PLAIN") if security == "starttls" else ("AUTH PLAIN",)
    async with ScriptedServer(tls=server_tls(), tls_from_start=security == "tls", extensions=extensions) as server:
        await collect(
            make_mailer(server.port, host="localhost", security=security, ca_file=str(CERTIFICATE), **LOGIN).send(
                CONTEXT, [outgoing(1)]
            ),
            outcomes.append,
        )
    assert [outcome.delivery for outcome in outcomes] == [Delivery.ACCEPTED]
    verbs = [line.split(" ")[0] for line in server.commands]
    expected = ["EHLO", "STARTTLS"] if security == "starttls" else []
    assert verbs[: len(expected) + 3] == [*expected, "EHLO", "AUTH", "MAIL"]


async def test_a_server_without_starttls_gets_nothing(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """If STARTTLS is not offered, or was stripped, neither the login nor mail is sent unencrypted."""
    async with ScriptedServer(extensions=("AUTH PLAIN",)) as server:
        with pytest.raises(ServiceRejected, match="does not offer STARTTLS"):
            await collect(
                make_mailer(server.port, security="starttls", **LOGIN).send(CONTEXT, [outgoing(1), outgoing(2)]),
                outcomes.append,
            )
    assert {line.split(" ")[0] for line in server.commands} == {"EHLO"}
    assert outcomes == []


@pytest.mark.parametrize(
    "host, ca_file", [("localhost", ""), ("127.0.0.1", str(CERTIFICATE))], ids=["unknown authority", "another name"]
)
@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_certificate_pauses(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], host: str, ca_file: str, security: str
) -> None:
    """With an unknown authority or a wrong name, nothing is sent."""
    async with ScriptedServer(tls=server_tls(), tls_from_start=security == "tls", extensions=("STARTTLS",)) as server:
        with pytest.raises(ServiceRejected, match="LANDBRIDGE_SMTP_CA_FILE"):
            await collect(
                make_mailer(server.port, host=host, security=security, ca_file=ca_file).send(CONTEXT, [outgoing(1)]),
                outcomes.append,
            )
    assert {line.split(" ")[0] for line in server.commands} <= {"EHLO", "STARTTLS"}
    assert outcomes == []


async def test_an_expired_certificate_pauses(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], tmp_path: Path
) -> None:
    """Even a trusted authority's certificate is rejected after it has expired. A valid one is accepted."""
    authority = Authority(tmp_path)
    for valid_for, refused in ((timedelta(days=-1), True), (timedelta(days=1), False)):
        tls = server_tls(authority.certificate(valid_for=valid_for))
        async with ScriptedServer(tls=tls, extensions=("STARTTLS",)) as server:
            mailer = make_mailer(server.port, host="localhost", security="starttls", ca_file=str(authority.file))
            with pytest.raises(ServiceRejected, match="certificate is valid") if refused else nullcontext():
                await collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append)
        assert len(server.received) == len(outcomes) == (0 if refused else 1)


async def test_tls_on_an_unencrypted_port_pauses(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The message names the setting to fix."""
    async with ScriptedServer() as server:
        with pytest.raises(ServiceRejected, match="LANDBRIDGE_SMTP_SECURITY"):
            await collect(make_mailer(server.port, security="tls").send(CONTEXT, [outgoing(1)]), outcomes.append)


async def test_a_wrong_password_is_tried_once(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """Many pending mails must not cause many logins, which could lock the user."""

    def script(heard: Heard) -> str | None:
        return "535 5.7.8 wrong" if heard.line.startswith("AUTH") else None

    async with ScriptedServer(script, extensions=("AUTH PLAIN",)) as server:
        with pytest.raises(ServiceRejected, match="LANDBRIDGE_SMTP_PASSWORD") as caught:
            await collect(
                make_mailer(server.port, **LOGIN).send(CONTEXT, [outgoing(n) for n in range(1, 20)]), outcomes.append
            )
    assert len([line for line in server.commands if line.startswith("AUTH")]) == 1
    assert WORD not in repr(caught.value)
    assert caught.value.text.key.startswith("The mail server {where} refuses the login")
    assert outcomes == []


@pytest.mark.parametrize("mechanisms", sorted(" ".join(one) for one in permutations(("CRAM-MD5", "PLAIN", "LOGIN"))))
@pytest.mark.parametrize("security", ["none", "tls"])
async def test_a_wrong_password_is_tried_with_one_mechanism(
    make_mailer: MakeMailer, mechanisms: str, security: str
) -> None:
    """The limit holds for any mechanisms that the server offers, and for any number of mails and connections."""

    def script(heard: Heard) -> str | None:
        if heard.line.startswith(("AUTH CRAM-MD5", "AUTH LOGIN")):
            return "334 PDFAZXhhbXBsZS5jb20+"
        return None if heard.line.split(" ")[0] in {"EHLO", "QUIT"} else "535 5.7.8 wrong"

    async with ScriptedServer(
        script, extensions=(f"AUTH {mechanisms}",), tls=server_tls(), tls_from_start=security == "tls"
    ) as server:
        options = {"host": "localhost", "security": security, "ca_file": str(CERTIFICATE), "connections": 16}
        mailer = make_mailer(server.port, **LOGIN, **options)
        batches = [
            collect(
                mailer.send(
                    CONTEXT.model_copy(update={"cohort_id": f"cohort {n}"}), [outgoing(m) for m in range(1, 20)]
                ),
                print,
            )
            for n in range(4)
        ]
        answers = await asyncio.gather(*batches, return_exceptions=True)
        with pytest.raises(ServiceRejected):
            await mailer.send_sign_in_link(
                SignInMail(
                    recipient=SignedIn(email="olga@example.com", name="Olga", role="owner", opsgenie_account="acme"),
                    claims=SignInClaims(sign_in_id="sign-in:1", run_id="r", generation=1, identity="i"),
                )
            )
    assert all(isinstance(answer, ServiceRejected) for answer in answers)
    assert len([line for line in server.commands if line.startswith("AUTH")]) == 1


async def test_a_resumed_cohort_logs_in_again(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """Other cohorts get the cached rejection. A cohort that calls again was resumed, so the mailer logs in again."""
    async with ScriptedServer(extensions=("AUTH PLAIN",)) as server:
        server.script = lambda heard: "535 5.7.8 wrong" if heard.line.startswith("AUTH") else None
        mailer = make_mailer(server.port, **LOGIN)
        for cohort in ("one", "two", "three"):
            with pytest.raises(ServiceRejected):
                await collect(
                    mailer.send(CONTEXT.model_copy(update={"cohort_id": cohort}), [outgoing(1)]), outcomes.append
                )
        assert len([line for line in server.commands if line.startswith("AUTH")]) == 1
        server.script = nothing_special
        await collect(mailer.send(CONTEXT.model_copy(update={"cohort_id": "two"}), [outgoing(1)]), outcomes.append)
    assert len(server.accepted) == 1


async def test_a_notice_logs_in_again(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A recent rejection does not fail a notice, because another worker may have processed the resume."""
    recipient = AccountAdmin(email="olga@example.com")
    notice = Notice(kind=NoticeKind.MIGRATION_COMPLETE, opsgenie_account="acme", counts=Counts())
    completed = OutgoingNotice(message_id="done.1.run", number=1, recipient=recipient, notice=notice)
    async with ScriptedServer(extensions=("AUTH PLAIN",)) as server:
        server.script = lambda heard: "535 5.7.8 wrong" if heard.line.startswith("AUTH") else None
        mailer = make_mailer(server.port, **LOGIN)
        with pytest.raises(ServiceRejected):
            await collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append)
        server.script = nothing_special
        await collect(mailer.notify([completed]), outcomes.append)
    assert len(server.accepted) == 1


async def test_an_unsupported_mechanism_is_not_a_failed_login(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Some servers offer mechanisms that they do not support, so the mailer tries another one."""

    def script(heard: Heard) -> str | None:
        return "504 5.5.4 unrecognized authentication type" if heard.line.startswith("AUTH CRAM-MD5") else None

    async with ScriptedServer(script, extensions=("AUTH CRAM-MD5 PLAIN",)) as server:
        await collect(make_mailer(server.port, **LOGIN).send(CONTEXT, [outgoing(1)]), outcomes.append)
    assert len(server.accepted) == 1


@pytest.mark.parametrize(
    "answer, extensions, error",
    [
        ("454 4.7.0 try later", ("AUTH PLAIN",), ServiceUnavailable),
        ("250", (), ServiceRejected),
        ("250", ("AUTH EXTERNAL",), ServiceRejected),
    ],
)
async def test_a_login_that_cannot_be_checked_is_retried(
    make_mailer: MakeMailer, answer: str, extensions: tuple[str, ...], error: type[Exception]
) -> None:
    """If the server offers no supported mechanism, a setting is wrong, so that error is not retried."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line.startswith("AUTH") else None

    async with ScriptedServer(script, extensions=(*extensions, "8BITMIME")) as server:
        with pytest.raises(error):
            await collect(make_mailer(server.port, **LOGIN).send(CONTEXT, [outgoing(1)]), print)


async def test_a_greeting_that_refuses_us_pauses(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A 5xx greeting is a permanent refusal."""
    async with ScriptedServer(greeting="554 5.7.1 go away") as server:
        with pytest.raises(ServiceRejected, match="this network"):
            await collect(make_mailer(server.port).send(CONTEXT, [outgoing(1)]), outcomes.append)


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"security": "tls", "ca_file": "/nowhere/ca.pem"}, "LANDBRIDGE_SMTP_CA_FILE"),
        ({"security": "starttls", "ca_file": __file__}, "LANDBRIDGE_SMTP_CA_FILE"),
        ({"security": "ssl"}, "LANDBRIDGE_SMTP_SECURITY"),
        ({"sender": "zoë@example.com"}, "LANDBRIDGE_SMTP_FROM"),
    ],
)
def test_unusable_settings_are_rejected(changes: dict[str, str], sentence: str, make_mailer: MakeMailer) -> None:
    """The error is raised before a mailer is created."""
    with pytest.raises(BadInput, match=sentence):
        make_mailer(25, **changes)


async def test_the_scripted_server_survives_a_client_that_leaves_after_the_handshake(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An error in the server must not fail a test that has already ended."""

    async def gone(*_: object, **__: object) -> None:
        """Return None, as `loop.start_tls` does in this case."""

    monkeypatch.setattr(asyncio.get_running_loop(), "start_tls", gone)
    async with ScriptedServer(tls=server_tls(), extensions=("STARTTLS",)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"STARTTLS\r\n")
        with suppress(ConnectionResetError):
            assert (await reader.read()).startswith(b"220 ")
        await server.gone.wait()
        writer.close()
    gc.collect()


@given(
    name=st.text(st.characters(exclude_categories=["Cs"])), subject=st.text(st.characters(exclude_categories=["Cs"]))
)
def test_no_text_adds_a_header_line(name: str, subject: str) -> None:
    """The sender's name and the subject stay in one field each, or no mail is created."""
    written = Rendered(subject=subject, sender=name, language="en", text="text", html="html")
    try:
        message = compose(written, sender="from@example.com", recipient="to@example.com", message_id="1.run")
    except ValueError:
        assert any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in name + subject)
        return
    header = message.content.partition(b"\r\n\r\n")[0].decode("ascii")
    lines = re.sub("\r\n[ \t]", " ", header).split("\r\n")
    assert [line.partition(":")[0] for line in lines] == [
        *("To", "Message-ID", "Date", "From", "Subject", "Content-Language"),
        *("Auto-Submitted", "MIME-Version", "Content-Type"),
    ]

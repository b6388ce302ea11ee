"""Failures of a mail server, simulated with a scripted server."""

import asyncio
import random
from collections import Counter

import pytest
from structlog.testing import capture_logs

from landbridge.domain.activity_io import Delivery, MailOutcome
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.integrations.smtp.relay import REPLY_SECONDS
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, outgoing, parse
from tests.integrations.smtp.scripted import DOT, Act, Heard, ScriptedServer, few_connections
from tests.streams import collect
from tests.workflows.harness import eventually

ACCEPTED, DEFERRED, REFUSED = Delivery.ACCEPTED, Delivery.DEFERRED, Delivery.REFUSED


def message_ids(mails: list[bytes]) -> Counter[str]:
    """Count the mails by Message-ID."""
    return Counter(str(parse(mail)["Message-ID"]) for mail in mails)


def by_person(outcomes: list[MailOutcome]) -> dict[int, Delivery]:
    """Return the outcome of each person, and assert that nobody has two."""
    assert len({outcome.person for outcome in outcomes}) == len(outcomes)
    return {outcome.person: outcome.delivery for outcome in outcomes}


@pytest.mark.parametrize(
    "answer, delivery, reason",
    [
        ("550 5.1.1 <person2@example.com> unknown", REFUSED, "550: there is no such mailbox"),
        ("550 no", REFUSED, "550: the mail server rejects the address"),
        ("552 5.2.2 over quota", REFUSED, "552: the mailbox is full"),
        ("451 4.7.1 greylisted, person2@example.com", DEFERRED, "451: the mail server requests a retry later"),
        ("450 4.2.2 full", DEFERRED, "450: the mailbox is full"),
    ],
)
async def test_a_reply_about_a_recipient_is_their_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], answer: str, delivery: Delivery, reason: str
) -> None:
    """4xx defers and 5xx refuses. The reason never contains the server's text, and other people get their mail."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line == "RCPT TO:<person2@example.com>" else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=2).send(CONTEXT, [outgoing(n) for n in range(1, 6)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: delivery, 3: ACCEPTED, 4: ACCEPTED, 5: ACCEPTED}
    assert [outcome.reason for outcome in outcomes if outcome.person == 2] == [reason]
    assert len(server.accepted) == 4


@pytest.mark.parametrize("answer, delivery", [("554 5.7.1 spam", REFUSED), ("452 4.3.1 disk full", DEFERRED)])
async def test_a_reply_to_the_content_is_an_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], answer: str, delivery: Delivery
) -> None:
    """The connection can still be used."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line == DOT and heard.mails == 1 else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: delivery}
    assert server.connections == 1


async def test_connections_are_bounded_and_reused(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The limit holds for any number of mails and concurrent batches."""
    async with ScriptedServer() as server:
        mailer = make_mailer(server.port, connections=3)
        batches = [[outgoing(10 * n + m) for m in range(10)] for n in range(4)]
        await asyncio.gather(*(collect(mailer.send(CONTEXT, people), outcomes.append) for people in batches))
        await collect(mailer.send(CONTEXT, [outgoing(99)]), outcomes.append)
    assert server.most_open <= 3
    assert server.connections <= 3
    assert len(server.accepted) == 41


async def test_a_mail_lost_after_the_dot_is_resent_with_the_same_id(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """The mail is in doubt: the log names it by number, and a counter counts it."""
    doubtful = {2, 5}

    def script(heard: Heard) -> Act | None:
        if heard.line == DOT and heard.connection in doubtful:
            return Act.DROP
        return None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        with capture_logs() as logs:
            for number in range(1, 7):
                await collect(mailer.send(CONTEXT, [outgoing(number)]), outcomes.append)
                await mailer.close()
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert sorted(message_ids(server.received).values()) == [1, 1, 1, 1, 2, 2]
    assert set(message_ids(server.accepted).values()) == {1}
    assert mailer.mails_in_doubt == 2
    doubts = [entry for entry in logs if entry["event"] == "mail_in_doubt"]
    assert [entry["person"] for entry in doubts] == [2, 4]
    assert "example.com" not in str(logs)


@pytest.mark.parametrize("how", [Act.DROP, Act.RESET, Act.BABBLE])
@pytest.mark.parametrize("when", ["MAIL", "RCPT", "DATA"])
async def test_a_connection_lost_before_the_content_is_replaced(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], when: str, how: Act
) -> None:
    """The connection is lost at any command, or because a reply never ends. The mail is sent once, over a new one."""

    def script(heard: Heard) -> Act | None:
        return how if heard.connection == 1 and heard.mails == 1 and heard.line.startswith(when) else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED, 3: ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}


async def test_a_mail_that_breaks_connections_is_deferred(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """At most two copies of the mail are sent before it is deferred. The other mails are sent."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line == DOT and "person2" in server.commands[-2] else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: DEFERRED, 3: ACCEPTED}
    assert len(server.received) == 4


async def test_a_server_that_loses_every_mail_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Sending stops after a few copies, so that not every mail is sent twice."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        with pytest.raises(ServiceUnavailable, match="closes every connection"):
            await collect(mailer.send(CONTEXT, [outgoing(n) for n in range(1, 50)]), outcomes.append)
    assert len(server.received) == 3
    assert by_person(outcomes) == {1: DEFERRED}


async def test_a_server_may_close_a_connection_after_some_mails(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """A reply of 421 on a reused connection makes the mailer open a new one."""

    def script(heard: Heard) -> str | None:
        return "421 4.7.0 enough" if heard.line.startswith("MAIL") and heard.mails == 3 else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=2).send(CONTEXT, [outgoing(n) for n in range(1, 21)]), outcomes.append
        )
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}
    assert len(server.received) == 20


async def test_a_server_may_greet_fewer_connections(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """All mails are sent over the first connection."""
    async with ScriptedServer() as server:

        def script(heard: Heard) -> str | Act | None:
            return "421 4.7.0 too many connections" if server.open_now > 1 and heard.line.startswith("EHLO") else None

        server.script = script
        await collect(
            make_mailer(server.port, connections=4).send(CONTEXT, [outgoing(n) for n in range(1, 11)]), outcomes.append
        )
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert len(server.accepted) == 10


@pytest.mark.parametrize("greeting", ["421 4.3.2 down for maintenance", "451 later", Act.DROP, "hello?", "220"])
async def test_a_server_that_is_not_ready_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], greeting: str | Act
) -> None:
    """The server requests a retry, hangs up, or sends invalid replies. No outcome is invented."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line.startswith("EHLO") else None

    async with ScriptedServer(script, greeting=greeting) as server:
        with pytest.raises(ServiceUnavailable):
            await collect(make_mailer(server.port).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append)
    assert outcomes == []


async def test_a_refused_connection_is_unavailable(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The mail is retried."""
    async with ScriptedServer() as server:
        port = server.port
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        await collect(make_mailer(port).send(CONTEXT, [outgoing(1)]), outcomes.append)


async def test_mails_sent_before_an_error_are_reported(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The outcome of every accepted mail is yielded before the error is raised."""

    def script(heard: Heard) -> str | None:
        return "450 4.3.2 busy" if heard.line.startswith("MAIL") and len(server.accepted) >= 5 else None

    async with ScriptedServer(script) as server:
        with pytest.raises(ServiceUnavailable, match="requests a retry later"):
            await collect(
                make_mailer(server.port, connections=2).send(CONTEXT, [outgoing(n) for n in range(1, 21)]),
                outcomes.append,
            )
    assert len(outcomes) == len(server.accepted) >= 5
    assert set(message_ids(server.received).values()) == {1}


@pytest.mark.parametrize(
    "command, answer, advice",
    [
        ("MAIL", "530 5.7.0 Authentication required", "LANDBRIDGE_SMTP_USERNAME"),
        ("MAIL", "550 5.1.8 unknown sender domain", "LANDBRIDGE_SMTP_FROM"),
        ("MAIL", "553 5.7.1 not yours", "LANDBRIDGE_SMTP_FROM"),
        ("RCPT", "553 5.7.1 <no-reply@example.com>: Sender address rejected: not owned", "LANDBRIDGE_SMTP_FROM"),
        ("RCPT", "530 5.7.0 Must issue a STARTTLS command first", "LANDBRIDGE_SMTP_SECURITY"),
        (DOT, "550 5.7.60 no permission to send as this sender", "LANDBRIDGE_SMTP_FROM"),
    ],
)
async def test_a_refusal_of_the_sender_pauses(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], command: str, answer: str, advice: str
) -> None:
    """The message says what to check. No person is marked, and no address is quoted."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line.startswith(command) else None

    async with ScriptedServer(script) as server:
        with pytest.raises(ServiceRejected) as caught:
            await collect(make_mailer(server.port).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append)
    assert advice in str(caught.value)
    assert "example.com" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert outcomes == []


async def test_a_relay_refusal_among_accepted_mails_is_an_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """If the server accepts other mails, the refusal concerns only the recipient."""

    def script(heard: Heard) -> str | None:
        return "554 5.7.1 relay access denied" if "person2" in heard.line else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: REFUSED, 3: ACCEPTED}


@pytest.mark.parametrize(
    "command, answer, advice",
    [
        ("RCPT", "554 5.7.1 Relay access denied", "does not relay mail for Landbridge"),
        ("RCPT", "550 no", "rejects every recipient"),
        (DOT, "554 5.7.1 Message blocked as spam", "rejects the content of every email"),
    ],
)
async def test_an_ambiguous_refusal_has_advice_for_many(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], command: str, answer: str, advice: str
) -> None:
    """The activity decides once it has all outcomes. The advice quotes no address."""
    async with ScriptedServer(lambda heard: answer if heard.line.startswith(command) else None) as server:
        await collect(make_mailer(server.port).send(CONTEXT, [outgoing(n) for n in range(1, 11)]), outcomes.append)
    assert set(by_person(outcomes).values()) == {REFUSED}
    assert all(advice in outcome.if_many for outcome in outcomes)
    assert "example.com" not in str([outcome.if_many for outcome in outcomes])


async def test_a_connection_limit_midway_is_respected(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """Exchange Online reports the limit during a session. Each person gets one mail over the allowed connections."""
    async with ScriptedServer(few_connections(3)) as server:
        mailer = make_mailer(server.port, connections=8)
        await collect(mailer.send(CONTEXT, [outgoing(n) for n in range(1, 41)]), outcomes.append)
        assert server.connections == 8
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}


async def test_a_server_that_allows_no_connection_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """The last connection stays open, and the mail is sent later."""
    limit = "432 4.3.2 Concurrent connections limit exceeded."
    async with ScriptedServer(lambda heard: limit if heard.line.startswith("MAIL") else None) as server:
        with pytest.raises(ServiceUnavailable, match="LANDBRIDGE_SMTP_CONNECTIONS"):
            await collect(
                make_mailer(server.port, connections=4).send(CONTEXT, [outgoing(n) for n in range(1, 9)]),
                outcomes.append,
            )
    assert outcomes == []


async def test_full_mailboxes_never_concern_the_sender(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """Even many full mailboxes, reported only after the content, never count as a refusal of the sender."""
    people = [outgoing(n) for n in range(1, 31)]
    async with ScriptedServer(lambda heard: "552 5.2.2 Mailbox full" if heard.line == DOT else None) as server:
        await collect(make_mailer(server.port, connections=4).send(CONTEXT, people), outcomes.append)
    assert set(by_person(outcomes).values()) == {REFUSED}


@pytest.mark.parametrize("nonsense", ["what?", "99 bottles", "252 maybe", "354 go on", "250-never" + "x" * 9000])
async def test_an_invalid_reply_is_not_an_acceptance(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], nonsense: str
) -> None:
    """An invalid reply ends the connection. The mail is sent over a new one."""

    def script(heard: Heard) -> str | None:
        return nonsense if heard.connection == 1 and heard.line.startswith("RCPT") else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED}
    assert len(server.accepted) == 2


async def test_an_internationalised_address_needs_smtputf8(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """If the server lacks SMTPUTF8, the address is refused before anything is sent. Other people get their mail."""
    async with ScriptedServer() as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1, "zoë@example.com"), outgoing(2)]),
            outcomes.append,
        )
    assert by_person(outcomes) == {1: REFUSED, 2: ACCEPTED}
    assert not any("SMTPUTF8" in line for line in server.commands)


async def test_a_missing_reply_leaves_the_mail_in_doubt(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The connection is closed, and the mail is resent with the same id."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.connection == 1 and heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1, reply_seconds=1)
        await collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert list(message_ids(server.received).values()) == [2]
    assert mailer.mails_in_doubt == 1


async def test_a_cancelled_batch_finishes_the_current_mail(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """No further mail starts. The current mail is finished and reported, so there are no duplicates."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        sending = asyncio.create_task(
            collect(make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append)
        )
        await server.hanging.wait()
        sending.cancel()
        server.release.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert by_person(outcomes) == {1: ACCEPTED}
    assert len(server.received) == 1


async def test_a_connection_cancelled_midway_is_not_reused(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A late reply to one mail must not be taken for the reply to another mail."""
    monkeypatch.setattr("landbridge.integrations.bounded.LAST_JOB_SECONDS", 0.05)

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.connection == 1 and heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        sending = asyncio.create_task(collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append))
        await server.hanging.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert outcomes == []
        await collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert server.connections == 2
    assert list(message_ids(server.received).values()) == [2]


async def test_a_silent_server_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server accepts connections but never greets. The timeout is short."""
    monkeypatch.setattr("landbridge.integrations.smtp.relay.OPENING_SECONDS", 0.05)
    async with ScriptedServer(greeting=Act.HANG) as server:
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            await collect(make_mailer(server.port).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append)
    assert outcomes == []


async def test_a_server_may_refuse_an_internationalised_address(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """If a server that offers SMTPUTF8 refuses such a mail, that concerns the person and not the sender."""

    def script(heard: Heard) -> str | None:
        return "553 5.6.7 not here" if "SMTPUTF8" in heard.line else None

    async with ScriptedServer(script, extensions=("8BITMIME", "SMTPUTF8")) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1, "zoë@example.com"), outgoing(2)]),
            outcomes.append,
        )
    assert by_person(outcomes) == {1: REFUSED, 2: ACCEPTED}


@pytest.mark.parametrize("seed", range(5))
async def test_a_connection_cut_in_the_content_loses_nothing(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], seed: int
) -> None:
    """Wherever the connection is cut, the mail arrives once and completely over another connection."""
    chance = random.Random(seed)  # noqa: S311 - places in a mail, not secrets

    def script(heard: Heard) -> Act | None:
        server.bite = chance.randrange(1, 4_000)
        return Act.CUT if heard.line == "DATA" and heard.connection == 1 else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [outgoing(1), outgoing(2)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED}
    assert list(message_ids(server.received).values()) == [1, 1]


async def test_a_slow_reply_causes_no_duplicate(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A server that scans mails after the final dot replies slowly, for example."""
    async with ScriptedServer(delay=0.3) as server:
        mailer = make_mailer(server.port, connections=1, reply_seconds=5)
        await collect(mailer.send(CONTEXT, [outgoing(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert len(server.received) == 1
    assert mailer.mails_in_doubt == 0
    assert REPLY_SECONDS == 600


async def test_a_slow_server_is_used_over_all_connections(make_mailer: MakeMailer) -> None:
    """A cancellation waits only for the mails that are being sent."""
    outcomes, enough = list[MailOutcome](), asyncio.Event()

    def done(outcome: MailOutcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 16:
            enough.set()

    async with ScriptedServer(delay=0.05) as server:
        people = [outgoing(n) for n in range(1, 100)]
        sending = asyncio.create_task(collect(make_mailer(server.port, connections=8).send(CONTEXT, people), done))
        await enough.wait()
        before = len(outcomes)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert server.most_open == 8
    assert len(outcomes) <= before + 8
    assert len(server.received) == len(outcomes)


async def test_a_cancellation_waits_for_pending_replies(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A mail that the server has stored would otherwise be sent twice."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        people = [outgoing(n) for n in range(1, 100)]
        sending = asyncio.create_task(
            collect(make_mailer(server.port, connections=8).send(CONTEXT, people), outcomes.append)
        )
        await eventually(lambda: len(server.received) == 8)
        sending.cancel()
        await asyncio.sleep(0.05)
        server.let_go()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert by_person(outcomes) == dict.fromkeys(range(1, 9), ACCEPTED)
    assert len(server.received) == 8

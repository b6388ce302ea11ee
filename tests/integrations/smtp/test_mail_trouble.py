"""What a mail server can do to us, told by a server that does it."""

import asyncio
import random
from collections import Counter

import pytest
from structlog.testing import capture_logs

from landbridge.domain.activity_io import Delivery, MailOutcome
from landbridge.domain.errors import ServiceRejected, ServiceUnavailable
from landbridge.integrations.smtp.relay import REPLY_SECONDS
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, order, parse
from tests.integrations.smtp.scripted import DOT, Act, Heard, ScriptedServer
from tests.streams import collect
from tests.workflows.harness import eventually

ACCEPTED, DEFERRED, REFUSED = Delivery.ACCEPTED, Delivery.DEFERRED, Delivery.REFUSED


def message_ids(mails: list[bytes]) -> Counter[str]:
    """Count mails by Message-ID."""
    return Counter(str(parse(mail)["Message-ID"]) for mail in mails)


def by_person(outcomes: list[MailOutcome]) -> dict[int, Delivery]:
    """Return each person's outcome, having checked that nobody has two."""
    assert len({outcome.person for outcome in outcomes}) == len(outcomes)
    return {outcome.person: outcome.delivery for outcome in outcomes}


@pytest.mark.parametrize(
    "answer, delivery, reason",
    [
        ("550 5.1.1 <person2@example.com> unknown", REFUSED, "550: there is no such mailbox"),
        ("550 no", REFUSED, "550: the mail server refuses the address"),
        ("552 5.2.2 over quota", REFUSED, "552: the mailbox is full"),
        ("451 4.7.1 greylisted, person2@example.com", DEFERRED, "451: the mail server asks to try again later"),
        ("450 4.2.2 full", DEFERRED, "450: the mailbox is full"),
    ],
)
async def test_answer_about_one_recipient_is_their_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], answer: str, delivery: Delivery, reason: str
) -> None:
    """4xx for a recipient defers, 5xx refuses; the reason never quotes the server; everyone else gets their mail."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line == "RCPT TO:<person2@example.com>" else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=2).send(CONTEXT, [order(n) for n in range(1, 6)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: delivery, 3: ACCEPTED, 4: ACCEPTED, 5: ACCEPTED}
    assert [outcome.reason for outcome in outcomes if outcome.person == 2] == [reason]
    assert len(server.accepted) == 4


@pytest.mark.parametrize("answer, delivery", [("554 5.7.1 spam", REFUSED), ("452 4.3.1 disk full", DEFERRED)])
async def test_answer_to_the_content_is_an_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], answer: str, delivery: Delivery
) -> None:
    """A mail refused after its content counts as the person's outcome too, and the connection goes on."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line == DOT and heard.mails == 1 else None

    async with ScriptedServer(script) as server:
        await collect(make_mailer(server.port, connections=1).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED, 2: delivery}
    assert server.connections == 1


async def test_connections_are_few_and_used_again(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """However many mails, and slices at once: never more connections than allowed, and kept for the next slice."""
    async with ScriptedServer() as server:
        mailer = make_mailer(server.port, connections=3)
        slices = [[order(10 * n + m) for m in range(10)] for n in range(4)]
        await asyncio.gather(*(collect(mailer.send(CONTEXT, people), outcomes.append) for people in slices))
        await collect(mailer.send(CONTEXT, [order(99)]), outcomes.append)
    assert server.most_open <= 3
    assert server.connections <= 3
    assert len(server.accepted) == 41


async def test_mails_lost_after_the_dot_are_sent_again_under_the_same_id(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """A connection lost after the final dot leaves a mail in doubt: logged by number, counted, sent again as itself."""
    doubtful = {2, 5}

    def script(heard: Heard) -> Act | None:
        if heard.line == DOT and heard.connection in doubtful:
            return Act.DROP
        return None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        with capture_logs() as logs:
            for number in range(1, 7):
                await collect(mailer.send(CONTEXT, [order(number)]), outcomes.append)
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
async def test_connection_lost_before_the_content_is_no_news(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], when: str, how: Act
) -> None:
    """Lost at any command, or given up since an answer never ends, a mail goes out over a new connection, once."""

    def script(heard: Heard) -> Act | None:
        return how if heard.connection == 1 and heard.mails == 1 and heard.line.startswith(when) else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [order(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED, 3: ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}


async def test_one_mail_that_kills_connections_stops_nobody(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """A mail whose connection is lost twice is deferred: at most two copies, and the others go out."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line == DOT and "person2" in server.commands[-2] else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [order(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: DEFERRED, 3: ACCEPTED}
    assert len(server.received) == 4


async def test_server_that_loses_every_mail_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Where no mail gets an answer, sending stops after a few copies instead of doubling every mail."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        with pytest.raises(ServiceUnavailable, match="ends every connection"):
            await collect(mailer.send(CONTEXT, [order(n) for n in range(1, 50)]), outcomes.append)
    assert len(server.received) == 3
    assert by_person(outcomes) == {1: DEFERRED}


async def test_server_may_close_after_some_mails(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """421 after a few mails is the server's way to say that a connection served enough: a new one takes over."""

    def script(heard: Heard) -> str | None:
        return "421 4.7.0 enough" if heard.line.startswith("MAIL") and heard.mails == 3 else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=2).send(CONTEXT, [order(n) for n in range(1, 21)]), outcomes.append
        )
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}
    assert len(server.received) == 20


async def test_server_may_allow_fewer_connections(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A server that greets a second connection with 421 gets everything over the first."""
    async with ScriptedServer() as server:

        def script(heard: Heard) -> str | Act | None:
            return "421 4.7.0 too many connections" if server.open_now > 1 and heard.line.startswith("EHLO") else None

        server.script = script
        await collect(
            make_mailer(server.port, connections=4).send(CONTEXT, [order(n) for n in range(1, 11)]), outcomes.append
        )
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert len(server.accepted) == 10


@pytest.mark.parametrize("greeting", ["421 4.3.2 down for maintenance", "451 later", Act.DROP, "hello?", "220"])
async def test_server_that_is_not_ready_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], greeting: str | Act
) -> None:
    """A server that asks for patience, hangs up or babbles means: try again; nobody's outcome is made up."""

    def script(heard: Heard) -> Act | None:
        return Act.DROP if heard.line.startswith("EHLO") else None

    async with ScriptedServer(script, greeting=greeting) as server:
        with pytest.raises(ServiceUnavailable):
            await collect(make_mailer(server.port).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert outcomes == []


async def test_nobody_listens(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A refused connection means: try again."""
    async with ScriptedServer() as server:
        port = server.port
    with pytest.raises(ServiceUnavailable, match="cannot be reached"):
        await collect(make_mailer(port).send(CONTEXT, [order(1)]), outcomes.append)


async def test_those_sent_before_trouble_were_reported(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """When the server gives up in the middle, `done` has been told of every mail that it took."""

    def script(heard: Heard) -> str | None:
        return "450 4.3.2 busy" if heard.line.startswith("MAIL") and len(server.accepted) >= 5 else None

    async with ScriptedServer(script) as server:
        with pytest.raises(ServiceUnavailable, match="patience"):
            await collect(
                make_mailer(server.port, connections=2).send(CONTEXT, [order(n) for n in range(1, 21)]), outcomes.append
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
async def test_refusal_that_means_us_marks_nobody_unreachable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], command: str, answer: str, advice: str
) -> None:
    """A server that refuses us as a whole pauses the migration with what to check; no address is blamed or quoted."""

    def script(heard: Heard) -> str | None:
        return answer if heard.line.startswith(command) else None

    async with ScriptedServer(script) as server:
        with pytest.raises(ServiceRejected) as caught:
            await collect(make_mailer(server.port).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert advice in str(caught.value)
    assert "example.com" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert outcomes == []


async def test_relay_refused_for_one_among_others_is_their_outcome(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Once the server has taken mail from us, a refusal in such words is about the one recipient."""

    def script(heard: Heard) -> str | None:
        return "554 5.7.1 relay access denied" if "person2" in heard.line else None

    async with ScriptedServer(script) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [order(n) for n in range(1, 4)]), outcomes.append
        )
    assert by_person(outcomes) == {1: ACCEPTED, 2: REFUSED, 3: ACCEPTED}


@pytest.mark.parametrize(
    "command, answer, told",
    [
        ("RCPT", "554 5.7.1 Relay access denied", "does not send mail for us"),
        ("RCPT", "550 no", "one recipient after the other"),
        (DOT, "554 5.7.1 Message blocked as spam", "refuses the content of one mail after the other"),
    ],
)
async def test_a_refusal_that_may_concern_us_says_what_it_means_if_there_are_many(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], command: str, answer: str, told: str
) -> None:
    """Whoever sees them all decides; nobody is quoted."""
    async with ScriptedServer(lambda heard: answer if heard.line.startswith(command) else None) as server:
        await collect(make_mailer(server.port).send(CONTEXT, [order(n) for n in range(1, 11)]), outcomes.append)
    assert set(by_person(outcomes).values()) == {REFUSED}
    assert all(told in outcome.if_many for outcome in outcomes)
    assert "example.com" not in str([outcome.if_many for outcome in outcomes])


async def test_fewer_connections_are_used_where_the_server_allows_fewer(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Exchange Online says so in the middle of a session: everyone gets one mail over those that it allows."""
    talking: set[int] = set()

    def script(heard: Heard) -> str | None:
        if heard.line == "QUIT":
            talking.discard(heard.connection)
        elif heard.line.startswith("MAIL"):
            talking.add(heard.connection)
            if len(talking) > 3:
                return "432 4.3.2 Concurrent connections limit exceeded."
        return None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=8)
        await collect(mailer.send(CONTEXT, [order(n) for n in range(1, 41)]), outcomes.append)
        assert server.connections == 8
    assert set(by_person(outcomes).values()) == {ACCEPTED}
    assert set(message_ids(server.received).values()) == {1}


async def test_a_server_that_allows_no_connection_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """The last connection is kept, and the mail comes later."""
    limit = "432 4.3.2 Concurrent connections limit exceeded."
    async with ScriptedServer(lambda heard: limit if heard.line.startswith("MAIL") else None) as server:
        with pytest.raises(ServiceUnavailable, match="LANDBRIDGE_SMTP_CONNECTIONS"):
            await collect(
                make_mailer(server.port, connections=4).send(CONTEXT, [order(n) for n in range(1, 9)]), outcomes.append
            )
    assert outcomes == []


async def test_full_mailboxes_are_theirs_however_many(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A server may say so only once it has the content."""
    people = [order(n) for n in range(1, 31)]
    async with ScriptedServer(lambda heard: "552 5.2.2 Mailbox full" if heard.line == DOT else None) as server:
        await collect(make_mailer(server.port, connections=4).send(CONTEXT, people), outcomes.append)
    assert set(by_person(outcomes).values()) == {REFUSED}


@pytest.mark.parametrize("nonsense", ["what?", "99 bottles", "252 maybe", "354 go on", "250-never" + "x" * 9000])
async def test_nonsense_is_never_taken_for_an_acceptance(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], nonsense: str
) -> None:
    """An answer that makes no sense ends the connection; the mail goes out over a new one."""

    def script(heard: Heard) -> str | None:
        return nonsense if heard.connection == 1 and heard.line.startswith("RCPT") else None

    async with ScriptedServer(script) as server:
        await collect(make_mailer(server.port, connections=1).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED}
    assert len(server.accepted) == 2


async def test_letters_outside_ascii_need_a_server_that_takes_them(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Without SMTPUTF8 such an address is refused by ourselves, nothing of it goes on the wire, and others get mail."""
    async with ScriptedServer() as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [order(1, "zoë@example.com"), order(2)]),
            outcomes.append,
        )
    assert by_person(outcomes) == {1: REFUSED, 2: ACCEPTED}
    assert not any("SMTPUTF8" in line for line in server.commands)


async def test_answer_that_never_comes_leaves_the_mail_in_doubt(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """An answer that takes too long ends the connection; the mail is sent again under the same id."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.connection == 1 and heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1, reply_seconds=1)
        await collect(mailer.send(CONTEXT, [order(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert list(message_ids(server.received).values()) == [2]
    assert mailer.mails_in_doubt == 1


async def test_cancelled_slice_finishes_the_mail_in_hand(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A worker that shuts down sends no further mail, but the one in hand is finished and reported: no duplicates."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        sending = asyncio.create_task(
            collect(make_mailer(server.port, connections=1).send(CONTEXT, [order(1), order(2)]), outcomes.append)
        )
        await server.hanging.wait()
        sending.cancel()
        server.release.set()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert by_person(outcomes) == {1: ACCEPTED}
    assert len(server.received) == 1


async def test_connection_cut_in_the_middle_of_a_mail_is_never_used_again(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the mail in hand cannot be finished in time, its connection is closed: its late answer belongs to no other."""
    monkeypatch.setattr("landbridge.integrations.bounded.LAST_JOB_SECONDS", 0.05)

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.connection == 1 and heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port, connections=1)
        sending = asyncio.create_task(collect(mailer.send(CONTEXT, [order(1)]), outcomes.append))
        await server.hanging.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert outcomes == []
        await collect(mailer.send(CONTEXT, [order(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert server.connections == 2
    assert list(message_ids(server.received).values()) == [2]


async def test_server_that_says_nothing_is_unavailable(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that accepts connections and never greets does not hold up the slice for long."""
    monkeypatch.setattr("landbridge.integrations.smtp.relay.OPENING_SECONDS", 0.05)
    async with ScriptedServer(greeting=Act.HANG) as server:
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            await collect(make_mailer(server.port).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert outcomes == []


async def test_server_may_refuse_one_internationalised_address(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """A server that offers SMTPUTF8 and yet refuses such a mail refuses that person, not us."""

    def script(heard: Heard) -> str | None:
        return "553 5.6.7 not here" if "SMTPUTF8" in heard.line else None

    async with ScriptedServer(script, extensions=("8BITMIME", "SMTPUTF8")) as server:
        await collect(
            make_mailer(server.port, connections=1).send(CONTEXT, [order(1, "zoë@example.com"), order(2)]),
            outcomes.append,
        )
    assert by_person(outcomes) == {1: REFUSED, 2: ACCEPTED}


@pytest.mark.parametrize("seed", range(5))
async def test_connection_cut_in_the_middle_of_the_content_loses_nothing(
    make_mailer: MakeMailer, outcomes: list[MailOutcome], seed: int
) -> None:
    """Wherever in its content a mail is cut, it comes whole, once, over another connection."""
    chance = random.Random(seed)  # noqa: S311 - places in a mail, not secrets

    def script(heard: Heard) -> Act | None:
        server.bite = chance.randrange(1, 4_000)
        return Act.CUT if heard.line == "DATA" and heard.connection == 1 else None

    async with ScriptedServer(script) as server:
        await collect(make_mailer(server.port, connections=1).send(CONTEXT, [order(1), order(2)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED, 2: ACCEPTED}
    assert list(message_ids(server.received).values()) == [1, 1]


async def test_slow_answer_to_a_mail_is_waited_for(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A server that takes its time after the final dot, as scanners do, gets the mail once."""
    async with ScriptedServer(delay=0.3) as server:
        mailer = make_mailer(server.port, connections=1, reply_seconds=5)
        await collect(mailer.send(CONTEXT, [order(1)]), outcomes.append)
    assert by_person(outcomes) == {1: ACCEPTED}
    assert len(server.received) == 1
    assert mailer.mails_in_doubt == 0
    assert REPLY_SECONDS == 600


async def test_slow_server_is_used_over_all_connections(make_mailer: MakeMailer) -> None:
    """Where every answer takes long, mails go side by side, and a cancellation waits for those in hand at most."""
    outcomes, enough = list[MailOutcome](), asyncio.Event()

    def done(outcome: MailOutcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 16:
            enough.set()

    async with ScriptedServer(delay=0.05) as server:
        people = [order(n) for n in range(1, 100)]
        sending = asyncio.create_task(collect(make_mailer(server.port, connections=8).send(CONTEXT, people), done))
        await enough.wait()
        before = len(outcomes)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert server.most_open == 8
    assert len(outcomes) <= before + 8
    assert len(server.received) == len(outcomes)


async def test_a_cancellation_waits_for_answers_that_are_due(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """A mail that the server has stored and not yet answered is not cut off: it would be sent a second time."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        people = [order(n) for n in range(1, 100)]
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

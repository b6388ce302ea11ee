"""A process never sends an accepted mail again."""

import asyncio

import pytest

from landbridge.domain.activity_io import Delivery, MailOutcome
from landbridge.integrations.smtp.sent_mails import SentMails
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, outgoing
from tests.integrations.smtp.scripted import DOT, Act, Heard, ScriptedServer
from tests.streams import collect


def outcome(delivery: Delivery) -> MailOutcome:
    """Return the outcome of a mail."""
    return MailOutcome(person=1, delivery=delivery)


async def test_a_repeated_batch_is_not_sent_again(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """A repeated mail has its earlier outcome. A new generation or address makes it another mail."""
    async with ScriptedServer() as server:
        # One connection, so that the outcomes keep the order of the mails.
        mailer = make_mailer(server.port, connections=1)
        mails = [outgoing(1), outgoing(2)]
        for _ in range(2):
            await collect(mailer.send(CONTEXT, mails), outcomes.append)
        assert len(server.accepted) == 2
        assert outcomes[:2] == outcomes[2:]
        await collect(
            mailer.send(CONTEXT, [outgoing(1, generation=2), outgoing(2, "moved@example.com")]), outcomes.append
        )
        assert len(server.accepted) == 4


async def test_a_mail_is_not_sent_twice_concurrently(make_mailer: MakeMailer, outcomes: list[MailOutcome]) -> None:
    """The second attempt waits for the first."""

    def script(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(script) as server:
        mailer = make_mailer(server.port)
        attempts = [asyncio.create_task(collect(mailer.send(CONTEXT, [outgoing()]), outcomes.append)) for _ in range(2)]
        await server.hanging.wait()
        server.release.set()
        await asyncio.gather(*attempts)
        assert len(server.received) == 1
        assert [one.delivery for one in outcomes] == [Delivery.ACCEPTED] * 2


@pytest.mark.parametrize("delivery", [Delivery.DEFERRED, Delivery.REFUSED])
async def test_a_mail_that_was_not_accepted_is_sent_again(delivery: Delivery) -> None:
    """The next attempt sends the mail."""
    sent, answers = SentMails(), [outcome(delivery), outcome(Delivery.ACCEPTED)]

    async def send() -> MailOutcome:
        return answers.pop(0)

    assert await sent.once(("id", "p@example.com"), send) == outcome(delivery)
    assert await sent.once(("id", "p@example.com"), send) == outcome(Delivery.ACCEPTED)


async def test_after_a_failed_attempt_the_next_one_sends() -> None:
    """The next attempt may already be waiting when the first one fails."""
    sent, fail = SentMails(), asyncio.Event()

    async def break_off() -> MailOutcome:
        await fail.wait()
        raise ConnectionError

    async def send() -> MailOutcome:
        return outcome(Delivery.ACCEPTED)

    attempts = [asyncio.create_task(sent.once(("id", "p@example.com"), how)) for how in (break_off, send)]
    await asyncio.sleep(0)
    fail.set()
    first, second = await asyncio.gather(*attempts, return_exceptions=True)
    assert isinstance(first, ConnectionError)
    assert second == outcome(Delivery.ACCEPTED)


async def test_memory_is_bounded() -> None:
    """The oldest mails are forgotten first."""
    sent, calls = SentMails(limit=2), list[str]()

    async def remember(name: str) -> None:
        async def send() -> MailOutcome:
            calls.append(name)
            return outcome(Delivery.ACCEPTED)

        await sent.once((name, "p@example.com"), send)

    for name in ("a", "b", "c", "c", "b", "a"):
        await remember(name)
    assert calls == ["a", "b", "c", "a"]

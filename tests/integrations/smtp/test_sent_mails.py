"""A mail that the server accepted is not handed over again by the same process."""

import asyncio

import pytest

from landbridge.domain.activity_io import Delivery, MailOutcome
from landbridge.integrations.smtp.sent_mails import SentMails
from tests.integrations.smtp.conftest import CONTEXT, MakeMailer, order
from tests.integrations.smtp.scripted import DOT, Act, Heard, ScriptedServer
from tests.streams import collect


def outcome(delivery: Delivery) -> MailOutcome:
    """Return what became of a mail."""
    return MailOutcome(person=1, delivery=delivery)


async def test_a_batch_that_comes_again_is_answered_and_not_sent(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """Its outcomes are those of the first time; a new generation is another mail, and so is another address."""
    async with ScriptedServer() as server:
        mailer = make_mailer(server.port)
        orders = [order(1), order(2)]
        for _ in range(2):
            await collect(mailer.send(CONTEXT, orders), outcomes.append)
        assert len(server.accepted) == 2
        assert outcomes[:2] == outcomes[2:]
        await collect(mailer.send(CONTEXT, [order(1, generation=2), order(2, "moved@example.com")]), outcomes.append)
        assert len(server.accepted) == 4


async def test_a_mail_that_is_being_sent_is_not_sent_beside(
    make_mailer: MakeMailer, outcomes: list[MailOutcome]
) -> None:
    """The attempt that comes second waits for the answer to the first."""

    def mute(heard: Heard) -> Act | None:
        return Act.HANG if heard.line == DOT else None

    async with ScriptedServer(mute) as server:
        mailer = make_mailer(server.port)
        attempts = [asyncio.create_task(collect(mailer.send(CONTEXT, [order()]), outcomes.append)) for _ in range(2)]
        await server.hanging.wait()
        server.release.set()
        await asyncio.gather(*attempts)
        assert len(server.received) == 1
        assert [one.delivery for one in outcomes] == [Delivery.ACCEPTED] * 2


@pytest.mark.parametrize("delivery", [Delivery.DEFERRED, Delivery.REFUSED])
async def test_what_was_not_accepted_is_sent_again(delivery: Delivery) -> None:
    """It is for the next attempt to try."""
    sent, answers = SentMails(), [outcome(delivery), outcome(Delivery.ACCEPTED)]

    async def send() -> MailOutcome:
        return answers.pop(0)

    assert await sent.once(("id", "p@example.com"), send) == outcome(delivery)
    assert await sent.once(("id", "p@example.com"), send) == outcome(Delivery.ACCEPTED)


async def test_an_attempt_that_fails_leaves_the_mail_to_the_next() -> None:
    """Also to one that waits for it already."""
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

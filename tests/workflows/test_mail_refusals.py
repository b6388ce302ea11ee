"""Whole migrations against an SMTP server that refuses mail, because of single recipients or because of the sender.

A real worker sends through real SMTP connections; the scripted server records who received mail.
"""

import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from landbridge.domain import roster
from landbridge.domain.links import Purpose
from landbridge.domain.people import Actor, State
from landbridge.domain.refusals import MAX_IN_A_ROW
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.integrations.smtp.mailer import SmtpMailer
from landbridge.integrations.smtp.relay import Server
from tests.integrations.smtp.conftest import PlainLinks, parse, part
from tests.integrations.smtp.scripted import DOT, Heard, ScriptedServer, few_connections, nothing_special
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, end_all, eventually, prepared, served
from tests.workflows.test_steps import SELDOM

_numbers = itertools.count(1)
BY = Actor(name=OWNER_EMAIL)
QUIET = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM, roster_refresh_interval=SELDOM)
"""Nothing happens on a schedule except mail."""
RELAY, SPAM = "554 5.7.1 Relay access denied", "554 5.7.1 Message blocked as spam"
REFUSED_TO_ALL = [("RCPT", RELAY, "relays mail"), (DOT, SPAM, "SPF or DKIM")]
"""Ways in which a server refuses every mail: the SMTP command, the answer, and the advice that the migration shows."""


def people(number: int, *, start: int = 1, verified: bool = True) -> list[RosterPerson]:
    """Return this number of people who are to be mailed."""
    return [RosterPerson(email=f"person{n}@example.com", email_verified=verified) for n in range(start, start + number)]


@dataclass
class Scenario:
    """A migration and its mail server."""

    harness: MigrationHarness
    server: ScriptedServer

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """Run a worker without state from earlier workers."""
        mailer = SmtpMailer(
            Server(host="127.0.0.1", port=self.server.port, sender="no-reply@example.com", security="none"),
            PlainLinks(),
            connections=8,
        )
        async with served(self.harness.client, self.harness.world, mailer=mailer):
            yield
        await mailer.close()

    def mailed(self) -> Counter[str]:
        """Count the mails that the server accepted, by recipient, without the owner's notices."""
        to = (re.search(rb"^To: (.+?)\r$", mail, re.MULTILINE) for mail in self.server.accepted)
        counted = Counter(found[1].decode() for found in to if found)
        del counted[OWNER_EMAIL]
        return counted

    async def counts(self, state: State, number: int) -> bool:
        """Whether this many people are in a state."""
        return (await self.harness.migration.status()).counts[state] == number

    async def paused(self, advice: str) -> bool:
        """Whether `status` shows a problem with this advice."""
        return any(advice in problem for problem in (await self.harness.migration.status()).problems)

    async def is_idle(self) -> bool:
        """Whether neither the migration nor a cohort has an activity or a workflow task pending."""
        cohorts = (await self.harness.migration.progress()).cohorts
        workflows: list[WorkflowHandle[Any, Any]] = [
            self.harness.handle,
            *(self.harness.cohort(number) for number in range(1, cohorts + 1)),
        ]
        pending = [(await workflow.describe()).raw_description for workflow in workflows]
        return not any(one.pending_activities or one.HasField("pending_workflow_task") for one in pending)

    def has_received(self, mails: int) -> bool:
        """Whether the server has received the content of this many mails, accepted or not."""
        return len(self.server.received) >= mails

    def was_asked_since(self, commands: int) -> bool:
        """Whether the server has received more commands than this number."""
        return len(self.server.commands) > commands

    def all_mailed(self, everyone: Iterable[RosterPerson]) -> bool:
        """Whether the server accepted exactly one mail for each of these people, and for nobody else."""
        return self.mailed() == Counter(person.email for person in everyone)


@asynccontextmanager
async def scenario(client: Client, *, worker: bool = True) -> AsyncIterator[Scenario]:
    """Yield a migration that is not started yet, and its mail server; with a worker or without."""
    async with ScriptedServer() as server:
        run = Scenario(MigrationHarness(client, f"refusals-{next(_numbers)}"), server)
        prepared(run.harness.world)
        async with run.worker() if worker else nullcontext():
            yield run
            await end_all(client)


def refuses(server: ScriptedServer, command: str, answer: str, after: int) -> Callable[[Heard], str | None]:
    """Return a script that always gives this answer to a command, once this many mails were accepted."""

    def script(heard: Heard) -> str | None:
        refused = heard.line.startswith(command) and heard.recipient != OWNER_EMAIL
        return answer if refused and len(server.accepted) >= after else None

    return script


@pytest.mark.parametrize("command, answer, advice", REFUSED_TO_ALL)
@pytest.mark.parametrize("after", [0, 10, 500])
async def test_a_server_that_refuses_everyone_pauses_the_migration(
    client: Client, after: int, command: str, answer: str, advice: str
) -> None:
    """From the first mail on or after many: nobody becomes unreachable, and after the repair everyone gets one mail.

    A cohort whose last mails are the first refused ones has too few refusals to detect the cause before the resume.
    """
    everyone = people(after + 60)
    async with scenario(client) as run:
        run.server.script = refuses(run.server, command, answer, after)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused(advice))
        status = await run.harness.migration.status()
        assert status.progress is not None
        assert status.counts[State.UNREACHABLE] <= MAX_IN_A_ROW * (status.progress.cohorts - 1)
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed(everyone))
        await eventually(lambda: run.harness.has_problem(""))
        assert await run.counts(State.UNREACHABLE, 0)


async def test_a_resume_before_the_problem_is_fixed_pauses_again(client: Client) -> None:
    """Nobody becomes unreachable, and in the end everyone gets one mail."""
    everyone = people(40)
    async with scenario(client) as run:
        run.server.script = refuses(run.server, DOT, SPAM, 10)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        for _ in range(3):
            await eventually(lambda: run.paused("SPF or DKIM"))
            tried = len(run.server.received)
            await run.harness.migration.resume(BY)
            await eventually(partial(run.has_received, tried + 1))
        await eventually(lambda: run.paused("SPF or DKIM"))
        assert await run.counts(State.UNREACHABLE, 0)
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed(everyone))


@pytest.mark.parametrize("command, answer, advice", REFUSED_TO_ALL)
async def test_refusals_between_acceptances_do_not_pause(
    client: Client, command: str, answer: str, advice: str
) -> None:
    """The server accepts mail from us, so these refusals concern the recipients. They arrive before the acceptances."""
    everyone = people(64)
    refused = {person.email for person in everyone[::2]}

    def script(heard: Heard) -> str | None:
        return answer if heard.line.startswith(command) and heard.recipient in refused else None

    async with scenario(client) as run:
        run.server.script = script
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.all_mailed(everyone[1::2]))
        await eventually(lambda: run.counts(State.UNREACHABLE, len(refused)))
        assert not await run.paused(advice)


async def test_a_few_refusals_in_a_row_do_not_pause(client: Client) -> None:
    """Twenty mailboxes that do not exist, and three other refusals in a row, do not pause the migration."""
    everyone = people(60)
    unknown, elsewhere = ({person.email for person in part} for part in (everyone[:20], everyone[30:33]))

    def script(heard: Heard) -> str | None:
        if not heard.line.startswith("RCPT"):
            return None
        if heard.recipient in unknown:
            return "550 5.1.1 no such mailbox"
        return RELAY if heard.recipient in elsewhere else None

    async with scenario(client) as run:
        run.server.script = script
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.counts(State.UNREACHABLE, 23))
        await eventually(lambda: run.all_mailed([*everyone[20:30], *everyone[33:]]))
        assert await run.harness.has_problem("")


async def test_permanently_refused_people_pause_the_migration_once(client: Client) -> None:
    """Twenty refusals of one domain look like a problem with the sender; after a resume they concern the recipients."""
    everyone = people(60)
    elsewhere = {person.email for person in everyone[16:36]}

    def script(heard: Heard) -> str | None:
        return RELAY if heard.line.startswith("RCPT") and heard.recipient in elsewhere else None

    async with scenario(client) as run:
        run.server.script = script
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused("relays mail"))
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.counts(State.UNREACHABLE, 20))
        await eventually(lambda: run.all_mailed([*everyone[:16], *everyone[36:]]))
        assert await run.harness.has_problem("")


async def test_refusals_are_counted_for_each_purpose(client: Client) -> None:
    """Authentication emails are refused between accepted verification emails."""
    everyone = [one for pair in zip(people(30), people(30, start=31, verified=False), strict=True) for one in pair]
    async with scenario(client) as run:

        def script(heard: Heard) -> str | None:
            spam = heard.line == DOT and heard.recipient != OWNER_EMAIL
            return (
                SPAM
                if spam and f"/{Purpose.AUTHENTICATION}/" in part(parse(run.server.received[-1]), "plain")
                else None
            )

        run.server.script = script
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused("SPF or DKIM"))
        assert await run.counts(State.UNREACHABLE, 0)
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed(everyone))


async def test_refusals_are_counted_across_cohorts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cohort has too few refusals to detect that they concern the sender."""
    monkeypatch.setattr(roster, "COHORT_SIZE", 4)
    first, later = people(20), people(10, start=21)
    async with scenario(client) as run:
        run.harness.world.opsgenie.add(*first)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.all_mailed(first))
        run.server.script = refuses(run.server, DOT, SPAM, 0)
        run.harness.world.opsgenie.add(*later)
        await run.harness.migration.refresh(BY)
        await eventually(lambda: run.paused("SPF or DKIM"))
        # A batch whose mails are refused during the resume would pause its cohort again.
        await eventually(run.is_idle)
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed([*first, *later]))
        await eventually(lambda: run.counts(State.UNREACHABLE, 0))


async def test_refusals_are_counted_across_batches_and_workers(client: Client) -> None:
    """People who join one by one are mailed in separate batches, each by another worker."""
    first, later = people(8), people(MAX_IN_A_ROW + 1, start=9)
    async with scenario(client, worker=False) as run:
        run.harness.world.opsgenie.add(*first)
        async with run.worker():
            await run.harness.start(rules=QUIET)
            await eventually(lambda: run.all_mailed(first))
        run.server.script = refuses(run.server, DOT, SPAM, 0)
        for number, person in enumerate(later, start=1):
            run.harness.world.opsgenie.add(person)
            async with run.worker():
                await run.harness.migration.refresh(BY)
                await eventually(partial(run.has_received, len(first) + number))
                if number <= MAX_IN_A_ROW:
                    await eventually(partial(run.counts, State.UNREACHABLE, number))
        async with run.worker():
            await eventually(lambda: run.paused("SPF or DKIM"))
            assert await run.counts(State.UNREACHABLE, 0)
            run.server.script = nothing_special
            await run.harness.migration.resume(BY)
            await eventually(lambda: run.all_mailed([*first, *later]))


@pytest.mark.parametrize(
    "command, answer, advice, wait",
    [
        ("MAIL", "550 5.4.5 Daily user sending limit exceeded.", "resumes automatically, at about", 61),
        (DOT, "554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", "is used up (554", 61),
        ("RCPT", "550 5.1.90 you've reached your daily limit for message recipients", "is used up (550", 61),
        (DOT, "454 Throttling failure: Maximum sending rate exceeded.", "LANDBRIDGE_SMTP_PER_SECOND", 2),
    ],
)
async def test_an_exceeded_quota_is_retried_automatically(
    client: Client, command: str, answer: str, advice: str, wait: int
) -> None:
    """The status shows the wait, mails are retried with a backoff, and nobody becomes unreachable."""
    everyone = people(60)
    async with scenario(client) as run:
        run.server.script = refuses(run.server, command, answer, 10)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused(advice))
        assert len(run.server.accepted) < 20
        shown = (await run.harness.migration.status()).problems
        for _ in range(2):
            commands_before = len(run.server.commands)
            await run.harness.skip(timedelta(minutes=wait))
            await eventually(partial(run.was_asked_since, commands_before))
        assert (await run.harness.migration.status()).problems == shown
        assert await run.counts(State.UNREACHABLE, 0)
        run.server.script = nothing_special
        await run.harness.skip(timedelta(minutes=wait))
        await eventually(lambda: run.all_mailed(everyone))
        await eventually(lambda: run.harness.has_problem(""))


async def test_a_resume_retries_an_exceeded_quota_immediately(client: Client) -> None:
    everyone = people(20)
    async with scenario(client) as run:
        run.server.script = refuses(run.server, "MAIL", "550 5.4.5 Daily user sending limit exceeded.", 5)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused("resumes automatically"))
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed(everyone))


@pytest.mark.parametrize(
    "command, answer, advice",
    [
        (DOT, "554 5.2.252 SendAsDenied; not allowed to send as", "LANDBRIDGE_SMTP_USERNAME may send as"),
        (DOT, "554 Message rejected: Email address is not verified.", "production access"),
        ("RCPT", "553 5.7.1 Sender address rejected: not owned by user", "LANDBRIDGE_SMTP_FROM"),
    ],
)
async def test_a_refusal_of_the_sender_pauses_immediately(
    client: Client, command: str, answer: str, advice: str
) -> None:
    """It also does so in the middle of a batch whose other mails were accepted; everyone gets one mail."""
    everyone = people(60)
    async with scenario(client) as run:
        run.server.script = refuses(run.server, command, answer, 20)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.paused(advice))
        assert await run.counts(State.UNREACHABLE, 0)
        run.server.script = nothing_special
        await run.harness.migration.resume(BY)
        await eventually(lambda: run.all_mailed(everyone))


async def test_connections_are_reduced_to_the_limit_of_the_server(client: Client) -> None:
    """The worker does this without an admin."""
    everyone = people(60)
    async with scenario(client) as run:
        run.server.script = few_connections(3)
        run.harness.world.opsgenie.add(*everyone)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.all_mailed(everyone))


async def test_refused_notices_are_reported(client: Client) -> None:
    """The migration completes nevertheless, and its checklist shows that nobody could be notified."""
    async with scenario(client) as run:
        run.server.script = lambda heard: SPAM if heard.line == DOT else None
        await run.harness.start(rules=QUIET)
        await run.harness.handle.result()
        last = (await run.harness.migration.progress()).checklist[-1]
        assert last.note.endswith("Owners and admins could not be notified by email.")


async def test_a_resume_also_covers_mails_that_are_being_sent(client: Client) -> None:
    """Mails that are refused during the resume are retried as well."""
    first, later = people(20), people(MAX_IN_A_ROW, start=21)
    async with scenario(client) as run:
        run.harness.world.opsgenie.add(*first)
        await run.harness.start(rules=QUIET)
        await eventually(lambda: run.all_mailed(first))
        run.server.script = refuses(run.server, DOT, SPAM, 0)
        run.server.delay = 0.3
        run.harness.world.opsgenie.add(*later)
        await run.harness.migration.refresh(BY)
        await eventually(partial(run.has_received, len(first) + 1))
        await run.harness.migration.resume(BY)
        run.server.script = nothing_special
        await eventually(lambda: run.all_mailed([*first, *later]))
        await eventually(lambda: run.counts(State.UNREACHABLE, 0))

"""Batches resume after a failed attempt, and report partial results when a service fails."""

import dataclasses
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest.mock import AsyncMock, create_autospec

import pytest
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.accounts import AccountActivities
from activities.mail import GROUP, MailActivities
from activities.roster import RosterActivities
from landbridge.domain.activity_io import (
    AccountOutcome,
    AccountQuestion,
    AccountsInput,
    AssignPeopleInput,
    AssignPeopleResult,
    BroadcastInput,
    Delivery,
    MailContext,
    MailOutcome,
    MailProblem,
    Notice,
    NoticeKind,
    OutgoingMail,
    OutgoingNotice,
    SendMailsInput,
    SendNoticesInput,
)
from landbridge.domain.errors import LandbridgeError, ServiceUnavailable
from landbridge.domain.links import Purpose
from landbridge.domain.messages import InvitedAccount
from landbridge.domain.roster import AccountAdmin, RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.domain.text import text
from tests.fakes import Atlassian, FakeMailer, Opsgenie
from workflows.support import options

CONTEXT = MailContext(
    run="run",
    cohort_number=1,
    cohort_id="site-migration:acme:cohort:1",
    opsgenie_account="acme",
    site=Site(id="1", name="acme", url="https://acme.atlassian.net"),
    initiator="olga@example.com",
    rules=Rules(),
)


def mails(number: int) -> SendMailsInput:
    """Return mails to this number of people."""
    return SendMailsInput(
        context=CONTEXT,
        mails=[
            OutgoingMail(person=n, purpose=Purpose.AUTHENTICATION, generation=1, email=f"p{n}@example.com")
            for n in range(1, number + 1)
        ],
    )


def notices(*emails: str) -> SendNoticesInput:
    """Return a notice to each of these people."""
    notice = Notice(kind=NoticeKind.MIGRATION_COMPLETE, opsgenie_account="acme")
    return SendNoticesInput(
        notices=[
            OutgoingNotice(message_id=f"done.{n}", number=n, recipient=AccountAdmin(email=email), notice=notice)
            for n, email in enumerate(emails, start=1)
        ]
    )


class FailingMailer(FakeMailer):
    """A mail server that fails after some mails."""

    after = 0

    async def send(self, context: MailContext, mails: Iterable[OutgoingMail]) -> AsyncIterator[MailOutcome]:
        """Send `after` mails, then fail."""
        for mail in mails:
            if len(self.mails) == self.after:
                raise ServiceUnavailable("The mail server went away.")
            async for outcome in super().send(context, [mail]):
                yield outcome


def attempt_after(*outcomes: MailOutcome | AccountOutcome) -> ActivityEnvironment:
    """Return an environment with these outcomes of an earlier attempt."""
    environment = ActivityEnvironment()
    details: list[Any] = [[outcome.model_dump(mode="json") for outcome in outcomes]]
    environment.info = dataclasses.replace(environment.info, heartbeat_details=details if outcomes else [])
    return environment


def dispatched(ago: timedelta, heartbeat: AsyncMock | None = None) -> ActivityEnvironment:
    """Return an attempt that was dispatched some time ago; `heartbeat` is the response of Temporal to a heartbeat."""
    client = create_autospec(Client, instance=True)
    client.get_async_activity_handle.return_value.with_context.return_value.heartbeat = heartbeat
    environment = ActivityEnvironment(client)
    then = datetime.now(UTC) - ago
    environment.info = dataclasses.replace(
        environment.info, heartbeat_timeout=timedelta(seconds=30), scheduled_time=then, started_time=then
    )
    return environment


def queued_for(
    time: timedelta, how: dict[str, Any] = options.MAIL, *, attempt: int = 1, heartbeat: AsyncMock | None = None
) -> ActivityEnvironment:
    """Return an attempt after some time in the task queue, with the timeouts of mails or of another activity.

    `heartbeat` is the response of Temporal to the last heartbeat before the attempt fails.
    """
    client = create_autospec(Client, instance=True)
    client.get_async_activity_handle.return_value.with_context.return_value.heartbeat = heartbeat
    environment = ActivityEnvironment(client)
    limits = {name: how[name] for name in ("start_to_close_timeout", "schedule_to_close_timeout")}
    environment.info = dataclasses.replace(
        environment.info, attempt=attempt, started_time=environment.info.scheduled_time + time, **limits
    )
    return environment


class TestMails:
    """`send_mails`."""

    async def test_a_retry_resumes_where_the_last_attempt_ended(self) -> None:
        """A mail that was sent is not sent again, and its outcome is in the result."""
        mailer = FakeMailer()
        sent = MailOutcome(person=2, purpose=Purpose.AUTHENTICATION, delivery=Delivery.ACCEPTED)
        result = await attempt_after(sent).run(MailActivities(mailer).send_mails, mails(3))
        assert [mail.person for _, mail in mailer.mails] == [1, 3]
        assert sorted(outcome.person for outcome in result.outcomes) == [1, 2, 3]

    async def test_refusals_of_the_last_attempt_are_evaluated(self) -> None:
        """A worker that dies after the last refusal does not hide that the server refuses the sender."""
        refused = [
            MailOutcome(
                person=person,
                purpose=Purpose.AUTHENTICATION,
                delivery=Delivery.REFUSED,
                if_many=text("It refuses everyone."),
            )
            for person in (1, 2, 3)
        ]
        mailer = FakeMailer()
        result = await attempt_after(*refused).run(MailActivities(mailer).send_mails, mails(3))
        assert not mailer.mails
        assert result.problem == MailProblem(message=text("It refuses everyone."), needs_people=True)

    async def test_progress_is_sent_with_heartbeats(self) -> None:
        """Only outcomes after the last heartbeat are lost with a worker."""
        environment, heartbeats = ActivityEnvironment(), []
        environment.on_heartbeat = lambda *details: heartbeats.append(len(details[0]))
        await environment.run(MailActivities(FakeMailer()).send_mails, mails(3))
        assert heartbeats[-1] == 3

    async def test_mails_sent_before_the_server_failed_are_reported(self) -> None:
        """The other mails are sent later."""
        mailer = FailingMailer()
        mailer.after = GROUP + 1
        result = await ActivityEnvironment().run(MailActivities(mailer).send_mails, mails(2 * GROUP))
        assert len(result.outcomes) == GROUP + 1

    async def test_a_server_that_accepts_nothing_fails_the_attempt(self) -> None:
        """Temporal then retries it."""
        with pytest.raises(ServiceUnavailable):
            await ActivityEnvironment().run(MailActivities(FailingMailer()).send_mails, mails(2))

    async def test_a_worker_that_shuts_down_starts_no_new_group(self) -> None:
        """The outcomes so far are the result."""
        environment, mailer = ActivityEnvironment(), FakeMailer()
        environment.on_heartbeat = lambda *details: environment.worker_shutdown() if details[0] else None
        result = await environment.run(MailActivities(mailer).send_mails, mails(3 * GROUP))
        assert len(result.outcomes) == len(mailer.mails) == GROUP

    async def test_a_frozen_worker_starts_no_new_mail(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another worker may have the batch by then; the outcomes of this one are still reported."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])
        environment, mailer = dispatched(timedelta(0)), FakeMailer()

        def freeze(*details: list[MailOutcome]) -> None:
            clock[0] += 16 if len(details[0]) == 2 else 0

        environment.on_heartbeat = freeze
        result = await environment.run(MailActivities(mailer).send_mails, mails(3 * GROUP))
        assert len(result.outcomes) == len(mailer.mails) == 2

    @pytest.mark.parametrize(
        "queued, lasts", [(timedelta(0), timedelta(minutes=15)), (timedelta(minutes=30), timedelta(minutes=5))]
    )
    async def test_no_mail_starts_after_half_of_the_time(
        self, monkeypatch: pytest.MonkeyPatch, queued: timedelta, lasts: timedelta
    ) -> None:
        """When Temporal times the activity out, it discards the outcomes; the rest is for another batch."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])
        environment, mailer = queued_for(queued), FakeMailer()

        def take_a_minute(*details: list[MailOutcome]) -> None:
            clock[0] = len(details[0]) * 60.0

        environment.on_heartbeat = take_a_minute
        result = await environment.run(MailActivities(mailer).send_mails, mails(3 * GROUP))
        assert len(result.outcomes) == len(mailer.mails) == lasts / timedelta(minutes=1) + 1

    async def test_a_batch_that_starts_too_late_sends_nothing(self) -> None:
        """A retry without outcomes still reports why the earlier attempts failed."""
        mailer = FailingMailer()
        result = await queued_for(timedelta(minutes=39)).run(MailActivities(mailer).send_mails, mails(3))
        assert not result.outcomes
        with pytest.raises(ServiceUnavailable):
            await queued_for(timedelta(minutes=39), attempt=2).run(MailActivities(mailer).send_mails, mails(3))

    @pytest.mark.parametrize(
        "error", [RPCError("not found", RPCStatusCode.NOT_FOUND, b""), AsyncActivityCancelledError(details=None)]
    )
    async def test_a_frozen_worker_drops_a_batch_that_was_dispatched_again(self, error: Exception) -> None:
        """The batch was in its connection until the heartbeat timeout."""
        mailer, heartbeat = FakeMailer(), AsyncMock(side_effect=error)
        with pytest.raises(ServiceUnavailable, match="suspended for a while"):
            await dispatched(timedelta(seconds=31), heartbeat).run(MailActivities(mailer).send_mails, mails(3))
        assert not mailer.mails
        heartbeat.assert_awaited_once()

    async def test_an_old_batch_starts_if_temporal_confirms_it(self) -> None:
        """The clocks of this machine and of Temporal may differ."""
        mailer, heartbeat = FakeMailer(), AsyncMock()
        await dispatched(timedelta(hours=1), heartbeat).run(MailActivities(mailer).send_mails, mails(3))
        assert len(mailer.mails) == 3
        heartbeat.assert_awaited_once()


class TestNotices:
    """`send_notices`."""

    @pytest.mark.parametrize("ago, again", [(timedelta(0), True), (timedelta(minutes=16), False)])
    async def test_a_deferred_notice_is_retried_for_a_while(self, ago: timedelta, *, again: bool) -> None:
        """A mailbox that is full for weeks does not block the migration, which waits for the notice."""
        mailer, request = FakeMailer(deferred_once={"olga@example.com"}), notices("olga@example.com", "ada@example.com")
        acknowledge = AsyncMock()
        with pytest.raises(ServiceUnavailable) if again else nullcontext():
            await queued_for(ago, heartbeat=acknowledge).run(MailActivities(mailer).send_notices, request)
        assert [notice.recipient.email for notice in mailer.notices] == ["ada@example.com"]
        assert acknowledge.await_count == again

    async def test_outcomes_are_acknowledged_before_the_attempt_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The attempt waits as long as Temporal is unreachable: otherwise the next one would send the notices again."""
        monkeypatch.setattr("activities.acknowledgement._RETRY_SECONDS", 0)
        away = RPCError("connection reset", RPCStatusCode.UNAVAILABLE, b"")
        acknowledge = AsyncMock(side_effect=[away] * 30 + [None])
        mailer, request = FakeMailer(deferred_once={"olga@example.com"}), notices("olga@example.com", "ada@example.com")
        with pytest.raises(ServiceUnavailable):
            await queued_for(timedelta(0), heartbeat=acknowledge).run(MailActivities(mailer).send_notices, request)
        assert acknowledge.await_count == 31
        (outcomes,) = acknowledge.await_args_list[-1].args
        assert {outcome.person: outcome.delivery for outcome in outcomes} == {
            1: Delivery.DEFERRED,
            2: Delivery.ACCEPTED,
        }

    async def test_a_retry_sends_only_deferred_notices(self) -> None:
        """An accepted notice is not sent again."""
        mailer = FakeMailer()
        earlier = [
            MailOutcome(person=1, delivery=Delivery.DEFERRED, reason=text("451 greylisted")),
            MailOutcome(person=2, delivery=Delivery.ACCEPTED),
        ]
        request = notices("olga@example.com", "ada@example.com")
        result = await attempt_after(*earlier).run(MailActivities(mailer).send_notices, request)
        assert [notice.recipient.email for notice in mailer.notices] == ["olga@example.com"]
        assert sorted(outcome.person for outcome in result.outcomes) == [1, 2]


class TestAccounts:
    """`ensure_accounts` and `find_accounts`."""

    async def test_a_retry_resumes_where_the_last_attempt_ended(self) -> None:
        """Known outcomes are not looked up again."""
        atlassian = Atlassian()
        request = AccountsInput(questions=[AccountQuestion(person=n, email=f"p{n}@example.com") for n in (1, 2)])
        earlier = AccountOutcome(person=1, email="p1@example.com", account_id="account-0")
        result = await attempt_after(earlier).run(AccountActivities(atlassian, atlassian).ensure_accounts, request)
        assert list(atlassian.accounts) == ["p2@example.com"]
        assert [outcome.person for outcome in result.outcomes] == [1, 2]

    async def test_created_accounts_are_reported_before_the_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Otherwise nobody would know that Landbridge created them and may revoke them."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])

        class Slow(Atlassian):
            async def ensure(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
                for question in questions:
                    clock[0] += 60
                    async for outcomes in super().ensure([question]):
                        yield outcomes

        request = AccountsInput(questions=[AccountQuestion(person=n, email=f"p{n}@example.com") for n in range(9)])
        atlassian = Slow()
        result = await queued_for(timedelta(0), options.ACCOUNTS).run(
            AccountActivities(atlassian, atlassian).ensure_accounts, request
        )
        assert [outcome.person for outcome in result.outcomes if outcome.created] == [0, 1, 2, 3, 4, 5]
        assert len(atlassian.accounts) == 6

    async def test_a_response_without_an_account_is_a_problem(self) -> None:
        """Repeating the request would not help."""

        class Silent(Atlassian):
            async def ensure(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
                yield [AccountOutcome(person=question.person, email=question.email) for question in questions]

        request = AccountsInput(questions=[AccountQuestion(person=1, email="p1@example.com")])
        result = await ActivityEnvironment().run(AccountActivities(Silent(), Silent()).ensure_accounts, request)
        assert "no account" in result.outcomes[0].problem


class TestBroadcastSignal:
    """`broadcast_signal`."""

    async def test_each_cohort_gets_a_broadcast_once_despite_errors(self) -> None:
        """A retry sends the signal to the remaining cohorts."""

        class Cohorts:
            signalled: ClassVar[list[str]] = []
            problem: ClassVar[list[LandbridgeError]] = [ServiceUnavailable("Temporal does not take it.")]

            async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                raise NotImplementedError

            async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                raise NotImplementedError

            async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
                raise NotImplementedError

            async def signal(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
                if self.problem and cohort_id.endswith(":7"):
                    raise self.problem.pop()
                assert (signal, message) == ("pause", {"reason": "Freeze."})
                self.signalled.append(cohort_id)

        heartbeats: list[list[Any]] = []
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *details: heartbeats.append(list(details[0]))
        request = BroadcastInput(opsgenie_account="acme", cohorts=12, signal="pause", message={"reason": "Freeze."})
        with pytest.raises(ServiceUnavailable):
            await environment.run(RosterActivities(Opsgenie(), Cohorts()).broadcast_signal, request)
        again = ActivityEnvironment()
        again.info = dataclasses.replace(again.info, heartbeat_details=[[b.model_dump() for b in heartbeats[-1]]])
        await again.run(RosterActivities(Opsgenie(), Cohorts()).broadcast_signal, request)
        assert sorted(Cohorts.signalled) == sorted(f"site-migration:acme:cohort:{number}" for number in range(1, 13))


class TestAssignPeople:
    """`assign_people`."""

    async def test_corrected_addresses_go_to_the_cohort_of_the_person(self) -> None:
        """The hash of the new address may select another cohort."""

        class Cohorts:
            def __init__(self) -> None:
                self.got: dict[str, list[str]] = {}

            async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                self.got[cohort_id] = [person.email for person in people]

            async def signal(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
                raise NotImplementedError

            async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                await self.assign_people(cohort_id, people)

            async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
                raise NotImplementedError

        cohorts, source = Cohorts(), Opsgenie([RosterPerson(email=f"p{n}@example.com") for n in range(20)])
        request = AssignPeopleInput(
            opsgenie_account="acme", cohorts=3, moved={"p7@example.com": 2, "p8@example.com": 3}
        )
        assert await ActivityEnvironment().run(
            RosterActivities(source, cohorts).assign_people, request
        ) == AssignPeopleResult(people=20)
        assert "p7@example.com" in cohorts.got["site-migration:acme:cohort:2"]
        assert "p8@example.com" in cohorts.got["site-migration:acme:cohort:3"]
        assert sum(map(len, cohorts.got.values())) == 20

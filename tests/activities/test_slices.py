"""Slices go on where an earlier attempt ended, and tell what they did even when a neighbour breaks off."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest.mock import AsyncMock, create_autospec

import pytest
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment

from activities.accounts import AccountActivities
from activities.mail import BATCH, MailActivities
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
from tests.fakes import Atlassian, Opsgenie, Post
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
    """Return an order for so many people."""
    return SendMailsInput(
        context=CONTEXT,
        mails=[
            OutgoingMail(person=n, purpose=Purpose.AUTHENTICATION, generation=1, email=f"p{n}@example.com")
            for n in range(1, number + 1)
        ],
    )


def notices(*emails: str) -> SendNoticesInput:
    """Return an order to tell these people the same."""
    notice = Notice(kind=NoticeKind.MIGRATION_COMPLETE, opsgenie_account="acme")
    return SendNoticesInput(
        notices=[
            OutgoingNotice(message_id=f"done.{n}", number=n, recipient=AccountAdmin(email=email), notice=notice)
            for n, email in enumerate(emails, start=1)
        ]
    )


class BreaksOff(Post):
    """A mail server that goes away after some mails."""

    after = 0

    async def send(
        self, context: MailContext, orders: Sequence[OutgoingMail], done: Callable[[MailOutcome], None]
    ) -> None:
        """Send until it is enough."""
        for order in orders:
            if len(self.mails) == self.after:
                raise ServiceUnavailable("The mail server went away.")
            await super().send(context, [order], done)


def attempt_after(*outcomes: MailOutcome | AccountOutcome) -> ActivityEnvironment:
    """Return an environment in which an earlier attempt got this far, as Temporal hands it on."""
    environment = ActivityEnvironment()
    details: list[Any] = [[outcome.model_dump(mode="json") for outcome in outcomes]]
    environment.info = dataclasses.replace(environment.info, heartbeat_details=details if outcomes else [])
    return environment


def handed_out(ago: timedelta, heartbeat: AsyncMock | None = None) -> ActivityEnvironment:
    """Return an attempt that was handed out so long ago; `heartbeat` is how Temporal says whether it still holds."""
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
    """Return an attempt that lay in the queue for so long, with the time limits of mails or of something else.

    `heartbeat` is how Temporal acknowledges what the attempt did before it fails.
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

    async def test_an_attempt_goes_on_where_the_last_one_ended(self) -> None:
        """Who was sent the mail is not sent it again, and stands in the answer."""
        post = Post()
        sent = MailOutcome(person=2, purpose=Purpose.AUTHENTICATION, delivery=Delivery.ACCEPTED)
        answer = await attempt_after(sent).run(MailActivities(post).send_mails, mails(3))
        assert [mail.person for _, mail in post.mails] == [1, 3]
        assert sorted(outcome.person for outcome in answer.outcomes) == [1, 2, 3]

    async def test_refusals_of_the_last_attempt_count(self) -> None:
        """A worker that dies after the last refusal does not hide that the server refuses us as a sender."""
        refused = [
            MailOutcome(
                person=person,
                purpose=Purpose.AUTHENTICATION,
                delivery=Delivery.REFUSED,
                if_many=text("It refuses everyone."),
            )
            for person in (1, 2, 3)
        ]
        post = Post()
        answer = await attempt_after(*refused).run(MailActivities(post).send_mails, mails(3))
        assert not post.mails
        assert answer.problem == MailProblem(sentence=text("It refuses everyone."), needs_people=True)

    async def test_progress_is_told_while_it_is_made(self) -> None:
        """A worker that dies takes no more with it than what it did not tell."""
        environment, beats = ActivityEnvironment(), []
        environment.on_heartbeat = lambda *details: beats.append(len(details[0]))
        await environment.run(MailActivities(Post()).send_mails, mails(3))
        assert beats[-1] == 3

    async def test_what_was_sent_before_the_server_broke_off_is_told(self) -> None:
        """The rest is still due."""
        post = BreaksOff()
        post.after = BATCH + 1
        answer = await ActivityEnvironment().run(MailActivities(post).send_mails, mails(2 * BATCH))
        assert len(answer.outcomes) == BATCH + 1

    async def test_a_server_that_takes_nothing_is_trouble(self) -> None:
        """So that Temporal tries again."""
        with pytest.raises(ServiceUnavailable):
            await ActivityEnvironment().run(MailActivities(BreaksOff()).send_mails, mails(2))

    async def test_a_worker_that_is_told_to_stop_begins_no_new_batch(self) -> None:
        """What it did counts."""
        environment, post = ActivityEnvironment(), Post()
        environment.on_heartbeat = lambda *details: environment.worker_shutdown() if details[0] else None
        answer = await environment.run(MailActivities(post).send_mails, mails(3 * BATCH))
        assert len(answer.outcomes) == len(post.mails) == BATCH

    async def test_a_worker_that_stood_still_begins_no_new_mail(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Another one may have the slice by then; what this one did is told all the same."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])
        environment, post = handed_out(timedelta(0)), Post()

        def freeze(*details: list[MailOutcome]) -> None:
            clock[0] += 16 if len(details[0]) == 2 else 0

        environment.on_heartbeat = freeze
        answer = await environment.run(MailActivities(post).send_mails, mails(3 * BATCH))
        assert len(answer.outcomes) == len(post.mails) == 2

    @pytest.mark.parametrize(
        "queued, lasts", [(timedelta(0), timedelta(minutes=15)), (timedelta(minutes=30), timedelta(minutes=5))]
    )
    async def test_no_mail_is_begun_that_temporal_may_not_hear_of(
        self, monkeypatch: pytest.MonkeyPatch, queued: timedelta, lasts: timedelta
    ) -> None:
        """It gives a slice up after a time, with what was sent; so the rest is for another one."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])
        environment, post = queued_for(queued), Post()

        def take_a_minute(*details: list[MailOutcome]) -> None:
            clock[0] = len(details[0]) * 60.0

        environment.on_heartbeat = take_a_minute
        answer = await environment.run(MailActivities(post).send_mails, mails(3 * BATCH))
        assert len(answer.outcomes) == len(post.mails) == lasts / timedelta(minutes=1) + 1

    async def test_a_slice_that_lay_in_the_queue_to_the_end_is_begun_anew(self) -> None:
        """Trouble that was met before is told all the same."""
        post = BreaksOff()
        answer = await queued_for(timedelta(minutes=39)).run(MailActivities(post).send_mails, mails(3))
        assert not answer.outcomes
        with pytest.raises(ServiceUnavailable):
            await queued_for(timedelta(minutes=39), attempt=2).run(MailActivities(post).send_mails, mails(3))

    @pytest.mark.parametrize(
        "error", [RPCError("not found", RPCStatusCode.NOT_FOUND, b""), AsyncActivityCancelledError(details=None)]
    )
    async def test_what_a_frozen_worker_was_handed_is_not_begun_once_it_is_anothers(self, error: Exception) -> None:
        """It lay in the connection for as long as Temporal waits."""
        post, asked = Post(), AsyncMock(side_effect=error)
        with pytest.raises(ServiceUnavailable, match="stood still"):
            await handed_out(timedelta(seconds=31), asked).run(MailActivities(post).send_mails, mails(3))
        assert not post.mails
        asked.assert_awaited_once()

    async def test_what_was_handed_out_long_ago_is_begun_if_it_is_still_ours(self) -> None:
        """Clocks may differ: this machine's, and Temporal's."""
        post, asked = Post(), AsyncMock()
        await handed_out(timedelta(hours=1), asked).run(MailActivities(post).send_mails, mails(3))
        assert len(post.mails) == 3
        asked.assert_awaited_once()


class TestNotices:
    """`send_notices`."""

    @pytest.mark.parametrize("ago, again", [(timedelta(0), True), (timedelta(minutes=16), False)])
    async def test_one_that_is_put_off_is_tried_again_for_a_while(self, ago: timedelta, *, again: bool) -> None:
        """A mailbox that is full for weeks holds nothing up: the migration waits for this."""
        post, order = Post(deferred_once={"olga@example.com"}), notices("olga@example.com", "ada@example.com")
        acknowledge = AsyncMock()
        with pytest.raises(ServiceUnavailable) if again else nullcontext():
            await queued_for(ago, heartbeat=acknowledge).run(MailActivities(post).send_notices, order)
        assert [notice.recipient.email for notice in post.notices] == ["ada@example.com"]
        assert acknowledge.await_count == again

    async def test_who_was_told_is_acknowledged_before_the_attempt_fails(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However long Temporal is away: otherwise the next attempt would tell them again."""
        monkeypatch.setattr("activities.acknowledgement._RETRY_SECONDS", 0)
        away = RPCError("connection reset", RPCStatusCode.UNAVAILABLE, b"")
        acknowledge = AsyncMock(side_effect=[away] * 30 + [None])
        post, order = Post(deferred_once={"olga@example.com"}), notices("olga@example.com", "ada@example.com")
        with pytest.raises(ServiceUnavailable):
            await queued_for(timedelta(0), heartbeat=acknowledge).run(MailActivities(post).send_notices, order)
        assert acknowledge.await_count == 31
        (outcomes,) = acknowledge.await_args_list[-1].args
        assert {outcome.person: outcome.delivery for outcome in outcomes} == {
            1: Delivery.DEFERRED,
            2: Delivery.ACCEPTED,
        }

    async def test_the_next_attempt_tells_only_who_was_put_off(self) -> None:
        """Whom the last one reached is not told twice."""
        post = Post()
        had = [
            MailOutcome(person=1, delivery=Delivery.DEFERRED, reason=text("451 greylisted")),
            MailOutcome(person=2, delivery=Delivery.ACCEPTED),
        ]
        order = notices("olga@example.com", "ada@example.com")
        answer = await attempt_after(*had).run(MailActivities(post).send_notices, order)
        assert [notice.recipient.email for notice in post.notices] == ["olga@example.com"]
        assert sorted(outcome.person for outcome in answer.outcomes) == [1, 2]


class TestAccounts:
    """`ensure_accounts` and `find_accounts`."""

    async def test_an_attempt_goes_on_where_the_last_one_ended(self) -> None:
        """Answers that were had are not asked for again."""
        atlassian = Atlassian()
        order = AccountsInput(questions=[AccountQuestion(person=n, email=f"p{n}@example.com") for n in (1, 2)])
        had = AccountOutcome(person=1, email="p1@example.com", account_id="account-0")
        answer = await attempt_after(had).run(AccountActivities(atlassian, atlassian).ensure_accounts, order)
        assert list(atlassian.accounts) == ["p2@example.com"]
        assert [outcome.person for outcome in answer.outcomes] == [1, 2]

    async def test_what_was_created_is_told_before_temporal_gives_the_slice_up(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nobody would know any more that these accounts were ours to revoke."""
        clock = [0.0]
        monkeypatch.setattr("activities.batch_progress.monotonic", lambda: clock[0])

        class Slow(Atlassian):
            async def ensure(
                self, questions: Sequence[AccountQuestion], done: Callable[[list[AccountOutcome]], None]
            ) -> None:
                for question in questions:
                    clock[0] += 60
                    await super().ensure([question], done)

        order = AccountsInput(questions=[AccountQuestion(person=n, email=f"p{n}@example.com") for n in range(9)])
        atlassian = Slow()
        answer = await queued_for(timedelta(0), options.ACCOUNTS).run(
            AccountActivities(atlassian, atlassian).ensure_accounts, order
        )
        assert [outcome.person for outcome in answer.outcomes if outcome.created] == [0, 1, 2, 3, 4, 5]
        assert len(atlassian.accounts) == 6

    async def test_an_answer_without_an_account_is_a_problem(self) -> None:
        """Asking again and again would not help."""

        class Silent(Atlassian):
            async def ensure(
                self, questions: Sequence[AccountQuestion], done: Callable[[list[AccountOutcome]], None]
            ) -> None:
                done([AccountOutcome(person=question.person, email=question.email) for question in questions])

        order = AccountsInput(questions=[AccountQuestion(person=1, email="p1@example.com")])
        answer = await ActivityEnvironment().run(AccountActivities(Silent(), Silent()).ensure_accounts, order)
        assert "no account" in answer.outcomes[0].problem


class TestTellingCohorts:
    """`broadcast_signal`."""

    async def test_each_is_told_once_and_trouble_forgets_nobody(self) -> None:
        """The next attempt tells those who are left."""

        class Desk:
            told: ClassVar[list[str]] = []
            problem: ClassVar[list[LandbridgeError]] = [ServiceUnavailable("Temporal does not take it.")]

            async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                raise NotImplementedError

            async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                raise NotImplementedError

            async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
                raise NotImplementedError

            async def tell(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
                if self.problem and cohort_id.endswith(":7"):
                    raise self.problem.pop()
                assert (signal, message) == ("pause", {"reason": "Freeze."})
                self.told.append(cohort_id)

        beats: list[list[Any]] = []
        environment = ActivityEnvironment()
        environment.on_heartbeat = lambda *details: beats.append(list(details[0]))
        order = BroadcastInput(opsgenie_account="acme", cohorts=12, signal="pause", message={"reason": "Freeze."})
        with pytest.raises(ServiceUnavailable):
            await environment.run(RosterActivities(Opsgenie(), Desk()).broadcast_signal, order)
        again = ActivityEnvironment()
        again.info = dataclasses.replace(again.info, heartbeat_details=[[b.model_dump() for b in beats[-1]]])
        await again.run(RosterActivities(Opsgenie(), Desk()).broadcast_signal, order)
        assert sorted(Desk.told) == sorted(f"site-migration:acme:cohort:{number}" for number in range(1, 13))


class TestHandingOut:
    """`assign_people`."""

    async def test_corrected_addresses_go_to_the_cohort_that_has_them(self) -> None:
        """Wherever their own hash would lead."""

        class Desk:
            def __init__(self) -> None:
                self.got: dict[str, list[str]] = {}

            async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                self.got[cohort_id] = [person.email for person in people]

            async def tell(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
                raise NotImplementedError

            async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
                await self.assign_people(cohort_id, people)

            async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
                raise NotImplementedError

        desk, source = Desk(), Opsgenie([RosterPerson(email=f"p{n}@example.com") for n in range(20)])
        order = AssignPeopleInput(opsgenie_account="acme", cohorts=3, moved={"p7@example.com": 2, "p8@example.com": 3})
        assert await ActivityEnvironment().run(
            RosterActivities(source, desk).assign_people, order
        ) == AssignPeopleResult(people=20)
        assert "p7@example.com" in desk.got["site-migration:acme:cohort:2"]
        assert "p8@example.com" in desk.got["site-migration:acme:cohort:3"]
        assert sum(map(len, desk.got.values())) == 20

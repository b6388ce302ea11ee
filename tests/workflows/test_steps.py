"""The guide's seven steps, each on a real server with time skipping."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.activity_io import MailContext, MailOutcome, NoticeKind, OutgoingMail
from landbridge.domain.errors import NotFound, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.links import LinkClaims, LinkState, LinkView, Purpose
from landbridge.domain.messages import CohortView, Step, StepStatus
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import ADMIN, RosterPerson, survey
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite, Site
from tests.fakes import FakeMailer
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually, running_harness
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

BY = Actor(name=OWNER_EMAIL)
ACME = Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
ANN = RosterPerson(email="ann@example.com", name="Ann", email_verified=True)
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, max_poll_interval=SELDOM)
"""Atlassian is not polled, so that the server can skip weeks in a few steps."""
BO = RosterPerson(email="bo@example.com", name="Bo")


async def refusal(harness: MigrationHarness) -> str:
    """Return the message with which the migration was refused."""
    with pytest.raises(WorkflowFailureError) as failed:
        await harness.handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "Refused"
    return failed.value.cause.message


@dataclass
class RejectsFirstBatch(FakeMailer):
    """Rejects the login for the first batch, but not before `may_reject` is set."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    may_reject: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, context: MailContext, mails: Iterable[OutgoingMail]) -> AsyncIterator[MailOutcome]:
        """Send people's mails."""
        if not self.started.is_set():
            self.started.set()
            await self.may_reject.wait()
            raise ServiceRejected("The mail server refuses the login; check it.")
        async for outcome in super().send(context, mails):
            yield outcome


async def _cohort_is_paused(harness: MigrationHarness, *, paused: bool) -> bool:
    view: CohortView = await harness.cohort().query(CohortWorkflow.cohort)
    return view.paused is paused


class TestInitiating:
    """Step 1: who may start a migration."""

    async def test_a_user_may_not_initiate(self, harness: MigrationHarness) -> None:
        """The migration fails with a message, and has no other effect."""
        harness.world.opsgenie.add(ANN)
        await harness.start(initiator=ANN.email)
        assert "Only an owner or admin" in await refusal(harness)
        assert not harness.world.atlassian.calls
        assert not harness.world.mailer.mails
        status = await harness.migration.status()
        assert status.run_state is RunState.FAILED
        assert "Only an owner or admin" in status.failure
        assert ANN.email not in status.failure

    async def test_a_stranger_may_not_initiate(self, harness: MigrationHarness) -> None:
        """A stranger is not on the roster."""
        await harness.start(initiator="stranger@example.com")
        assert "Only an owner or admin" in await refusal(harness)

    async def test_a_roster_that_changed_since_the_plan_is_refused(self, harness: MigrationHarness) -> None:
        """A person joined after the plan was made."""
        planned = survey(harness.world.opsgenie.people_listed)
        harness.world.opsgenie.add(ANN)
        await harness.start(plan=planned.digest)
        assert "changed since the plan" in await refusal(harness)
        harness.world.opsgenie.people_listed.pop()
        await harness.start(plan=planned.digest)
        assert (await harness.handle.result()).counts.total == 1

    async def test_an_admin_may_initiate_with_any_spelling_of_the_address(self, harness: MigrationHarness) -> None:
        """Addresses are compared as mailboxes, not as text."""
        harness.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN, email_verified=True))
        harness.world.atlassian.account("ada@example.com", verified=True)
        await harness.start(initiator=" Ada@EXAMPLE.com ")
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2

    async def test_starting_again_returns_the_running_migration(self, harness: MigrationHarness) -> None:
        """The request is no error, unless it names another site."""
        harness.world.opsgenie.add(ANN)
        assert (await harness.start()).already is None
        assert (await harness.start()).already is RunState.RUNNING
        with pytest.raises(Refused, match="another site"):
            await harness.start(site="other")

    async def test_starting_again_after_completion_must_be_explicit(self, harness: MigrationHarness) -> None:
        """After the explicit start, people who need no mail get none."""
        await harness.start()
        await harness.handle.result()
        assert (await harness.start()).already is RunState.COMPLETED
        assert (await migrations.start(harness.client, harness.request(), again=True)).already is None
        assert (await harness.handle.result()).counts[State.CONNECTED] == 1
        assert not harness.world.mailer.mails

    async def test_rejected_credentials_pause_the_migration(self, harness: MigrationHarness) -> None:
        """The status shows the reason, and the migration resumes once it is fixed."""
        harness.world.opsgenie.problem = ServiceRejected("Opsgenie refuses the API key; check it.")
        await harness.start()
        await eventually(lambda: harness.waits_for("Opsgenie refuses the API key; check it."))
        harness.world.opsgenie.problem = None
        await harness.migration.resume(BY)
        assert (await harness.handle.result()).counts.total == 1


class TestChoosingASite:
    """Step 2: an existing site is chosen."""

    async def test_a_request_without_a_site_waits_for_a_choice(self, harness: MigrationHarness) -> None:
        """The sites are listed, and the choice is an update."""
        await harness.start(site="")
        await eventually(lambda: harness.waits_for("Choose a site, or name a new one."))
        progress = await harness.migration.progress()
        assert progress.sites == [ACME]
        assert progress.checklist[1].status is StepStatus.WAITING
        assert (await harness.migration.choose_site("https://acme.atlassian.net/", BY)).site == ACME
        assert (await harness.handle.result()).site == ACME

    async def test_only_a_site_admin_can_select_a_site(self, harness: MigrationHarness) -> None:
        """The request is refused with the sites to choose from; the migration still waits."""
        other = Site(id="2", name="other", url="https://other.atlassian.net")
        harness.world.atlassian.listed_sites.append(other)
        await harness.start(site="other")
        await eventually(lambda: harness.waits_for("not a site admin of other"))
        with pytest.raises(Refused, match=r"No site 'nowhere'.*: acme"):
            await harness.migration.choose_site("nowhere", BY)
        with pytest.raises(Refused, match="not a site admin"):
            await harness.migration.choose_site("other", BY)
        # Another admin makes them a site admin: each request asks Atlassian again.
        harness.world.atlassian.listed_sites[-1] = other.model_copy(update={"admin": True})
        assert (await harness.migration.choose_site("other", BY)).site is not None
        with pytest.raises((Refused, NotFound)):
            await harness.migration.choose_site("acme", BY)

    async def test_admins_are_reminded_of_a_waiting_task(self, harness: MigrationHarness) -> None:
        """All owners and admins are reminded, with the command that completes the task."""
        await harness.start(site="", rules=Rules(task_mail_delay=timedelta(seconds=0)))
        await eventually(lambda: harness.world.mailer.notices_of(NoticeKind.ADMIN_TASK))
        notice = harness.world.mailer.notices_of(NoticeKind.ADMIN_TASK)[0]
        assert notice.recipient.email == OWNER_EMAIL
        assert notice.notice.task == "Choose a site, or name a new one."
        assert f"./starter.py choose-site {harness.account}" in notice.notice.command

    async def test_a_choice_does_not_wait_for_the_reminder(self, harness: MigrationHarness) -> None:
        """The choice is accepted although the mail server is unavailable."""
        harness.world.mailer.problem = ServiceUnavailable("The mail server is away.")
        await harness.start(site="", rules=Rules(task_mail_delay=timedelta(seconds=0)))
        await eventually(lambda: harness.status_shows("The mail server is away."))
        await harness.migration.choose_site("acme", BY)
        await eventually(lambda: harness.step_is(Step.AUTHENTICATE))

    async def test_a_deadline_before_the_choice_of_a_site_only_sends_a_notice(self, harness: MigrationHarness) -> None:
        """Nobody was mailed yet, so the deadline does not end the migration, whatever the rules say."""
        rules = {"deadline": datetime.now(UTC) + timedelta(days=14), "at_deadline": AtDeadline.COMPLETE_PARTIAL}
        await harness.start(site="", rules=UNASKED.model_copy(update=rules))
        await eventually(lambda: harness.waits_for("Choose a site"))
        await harness.skip(timedelta(days=20))
        await eventually(lambda: harness.world.mailer.notices_of(NoticeKind.DEADLINE_PASSED))
        assert (await harness.migration.choose_site("acme", BY)).site == ACME
        assert (await harness.handle.result()).counts[State.CONNECTED] == 1
        assert len(harness.world.mailer.notices_of(NoticeKind.DEADLINE_PASSED)) == 1


class TestSigningUp:
    """Step 3: the initiator gets an Atlassian account."""

    async def test_an_initiator_without_an_account_signs_up(self, harness: MigrationHarness) -> None:
        """The account is created before the site."""
        harness.world.atlassian.accounts.clear()
        await harness.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await harness.handle.result()
        assert harness.world.atlassian.account(OWNER_EMAIL).verified
        assert (await harness.migration.progress()).checklist[2].status is StepStatus.DONE

    async def test_where_no_api_can_it_is_an_admins_task(self, harness: MigrationHarness) -> None:
        """The admin reports the task as done, and each report is checked with Atlassian."""
        harness.world.atlassian.accounts.clear()
        harness.world.atlassian.by_hand = True
        await harness.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await eventually(lambda: harness.waits_for("Sign up to Atlassian."))
        await harness.migration.confirm("sign-up", BY)
        await eventually(lambda: harness.world.atlassian.calls["sign_up"] == 2)
        await eventually(lambda: harness.waits_for("Sign up to Atlassian."))
        harness.world.atlassian.account(OWNER_EMAIL, verified=True)
        await harness.migration.confirm("sign-up", BY)
        await eventually(lambda: harness.waits_for("Create the site fresh."))


class TestCreatingASite:
    """Step 4: a site is created."""

    async def test_a_taken_site_name_waits_for_another_choice(self, harness: MigrationHarness) -> None:
        """The task shows suggestions; a taken name never fails the migration."""
        harness.world.atlassian.taken = {"fresh"}
        await harness.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await eventually(lambda: harness.waits_for("is or was already in use"))
        progress = await harness.migration.progress()
        assert "fresh-team" in progress.suggestions
        with pytest.raises(Refused, match=r"already in use.*fresh-team"):
            await harness.migration.name_site(NewSite(name="fresh", first_name="Olga", last_name="Owner"), BY)
        decided = await harness.migration.name_site(NewSite(name="fresh-team", first_name="O", last_name="O"), BY)
        assert decided.site is not None
        assert decided.site.name == "fresh-team"
        assert (await harness.handle.result()).site == decided.site

    async def test_an_invalid_site_name_waits_for_another_choice(self, harness: MigrationHarness) -> None:
        """The name may come from the start request or from a later choice."""
        await harness.start(site="", new_site=NewSite(name="-Fresh-", first_name="Olga", last_name="Owner"))
        await eventually(lambda: harness.waits_for("only lowercase letters"))
        with pytest.raises(Refused, match="3 to 63 characters"):
            await harness.migration.name_site(NewSite(name="ab", first_name="O", last_name="O"), BY)
        # The admin may also choose an existing site, and the checklist shows that.
        assert (await harness.migration.choose_site("acme", BY)).site == ACME
        await harness.handle.result()
        checklist = await harness.checklist()
        assert checklist[1].note == ACME.url
        assert checklist[3].status is StepStatus.SKIPPED

    async def test_where_no_api_can_it_is_an_admins_task(self, harness: MigrationHarness) -> None:
        """The site is done once Atlassian lists it; connecting it is the next task."""
        harness.world.atlassian.by_hand = True
        await harness.start(site="")
        await eventually(lambda: harness.waits_for("Choose a site"))
        decided = await harness.migration.name_site(NewSite(name="fresh", first_name="O", last_name="O"), BY)
        assert decided.task == "Create the site fresh."
        harness.world.atlassian.listed_sites.append(
            ACME.model_copy(update={"name": "fresh", "url": "https://fresh.example"})
        )
        await harness.migration.confirm("create-site:fresh", BY)
        await eventually(lambda: harness.waits_for("Connect the Opsgenie account"))
        await harness.migration.confirm("connect-site:fresh", BY)
        site = (await harness.handle.result()).site
        assert site is not None
        assert site.name == "fresh"


class TestAuthentication:
    """Step 5: people set up their Atlassian accounts."""

    async def test_everyone_gets_an_account_and_only_verified_people_the_email(self, harness: MigrationHarness) -> None:
        """A person with a verified Atlassian account needs nothing; blocked people are skipped."""
        harness.world.opsgenie.add(ANN, BO, RosterPerson(email="cy@example.com", blocked=True, email_verified=True))
        await harness.start()
        await harness.until(BO.email, State.EMAIL_UNVERIFIED)
        await eventually(lambda: harness.step_is(Step.VERIFY))
        assert [m.purpose for m in harness.world.mailer.sent(ANN.email)] == [Purpose.AUTHENTICATION]
        assert [m.purpose for m in harness.world.mailer.sent(BO.email)] == [Purpose.VERIFICATION]
        assert not harness.world.mailer.sent(OWNER_EMAIL)
        assert set(harness.world.atlassian.accounts) == {OWNER_EMAIL, ANN.email, BO.email}
        assert harness.world.atlassian.connections == {harness.account: ACME.id}
        assert (await harness.person("cy@example.com")).state is State.SKIPPED

    async def test_atlassians_own_invitation_replaces_the_first_email(self, harness: MigrationHarness) -> None:
        """Landbridge's emails follow as reminders; an invitation requires a verified Opsgenie email."""
        harness.world.atlassian.invites = True
        harness.world.opsgenie.add(ANN, BO)
        await harness.start(rules=UNASKED)
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.VERIFICATION))
        await eventually(lambda: harness.step_is(Step.VERIFY))
        assert not harness.world.mailer.sent(ANN.email)
        await harness.handle.signal("email_verified", {"email": BO.email})
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        await harness.skip(timedelta(days=3, minutes=1))
        await eventually(lambda: len(harness.world.mailer.sent(ANN.email, Purpose.AUTHENTICATION)) == 1)

    async def test_an_account_that_cannot_be_used_waits_for_an_admin(self, harness: MigrationHarness) -> None:
        """The person waits with the reason; once it is fixed, a resend retries."""
        harness.world.opsgenie.add(ANN)
        harness.world.atlassian.account(ANN.email, problem="The account is deactivated; have it reactivated.")
        await harness.start()
        person = await harness.until(ANN.email, State.ATTENTION)
        assert person.reason == "The account is deactivated; have it reactivated."
        harness.world.atlassian.account(ANN.email, problem="")
        await harness.migration.resend(ANN.email, by=BY)
        await eventually(lambda: harness.world.mailer.sent(ANN.email, Purpose.AUTHENTICATION))

    async def test_a_click_triggers_a_look_up_at_atlassian(self, harness: MigrationHarness) -> None:
        """The click proves nothing; Atlassian's answer does."""
        harness.world.opsgenie.add(ANN)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(ANN.email))
        link_client = TemporalLinkClient(harness.client)
        claims = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
        before = harness.world.atlassian.calls["find"]
        assert await link_client.follow(claims)
        await eventually(lambda: harness.world.atlassian.calls["find"] > before)
        assert (await harness.person(ANN.email)).state is State.AUTHENTICATING
        harness.world.atlassian.account(ANN.email, verified=True)
        assert await link_client.returned(claims)
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2

    async def test_a_click_connects_if_the_rules_say_so(self, harness: MigrationHarness) -> None:
        """The rule is for accounts that Atlassian's API cannot look up."""
        harness.world.opsgenie.add(ANN)
        await harness.start(rules=Rules(click_counts=True))
        await eventually(lambda: harness.world.mailer.sent(ANN.email))
        await TemporalLinkClient(harness.client).follow(harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION))
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2

    async def test_polling_finds_people_who_set_up_their_account_themselves(self, harness: MigrationHarness) -> None:
        """Polling happens every quarter of an hour, with a backoff."""
        harness.world.opsgenie.add(ANN)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(ANN.email))
        await harness.skip(timedelta(hours=20))
        assert 4 <= harness.world.atlassian.calls["find"] <= 8
        harness.world.atlassian.account(ANN.email, verified=True)
        await harness.skip(timedelta(hours=7))
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2


class TestVerifying:
    """Step 6: people verify their Opsgenie email."""

    async def test_a_verified_email_gets_the_authentication_email_immediately(self, harness: MigrationHarness) -> None:
        """A second click shows a friendly page."""
        harness.world.opsgenie.add(BO)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        link_client = TemporalLinkClient(harness.client)
        claims = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
        view = await link_client.view(claims)
        assert view is not None
        assert view.state is LinkState.OPEN
        assert await link_client.follow(claims)
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        view = await link_client.view(claims)
        assert view is not None
        assert view.state is LinkState.DONE
        assert await link_client.follow(claims)
        assert len(harness.world.mailer.sent(BO.email)) == 2

    async def test_five_reminders_are_sent_every_three_days(self, harness: MigrationHarness) -> None:
        """Links of earlier days expire."""
        harness.world.opsgenie.add(BO)
        await harness.start(rules=UNASKED)
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        first = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
        await harness.skip(timedelta(days=40))
        await eventually(lambda: len(harness.world.mailer.sent(BO.email)) == 6)
        assert [m.reminder for m in harness.world.mailer.sent(BO.email)] == [False] + [True] * 5
        assert [m.generation for m in harness.world.mailer.sent(BO.email)] == [1, 2, 3, 4, 5, 6]
        link_client = TemporalLinkClient(harness.client)
        view = await link_client.view(first)
        assert view is not None
        assert view.state is LinkState.EXPIRED
        await link_client.follow(first)
        assert (await harness.person(BO.email)).state is State.EMAIL_UNVERIFIED
        # A person who finds an old mail requests a new one on the page.
        await link_client.request_new_link(first)
        await eventually(lambda: len(harness.world.mailer.sent(BO.email)) == 7)

    async def test_a_signal_by_hand_reaches_the_right_person(self, harness: MigrationHarness) -> None:
        """An address in any spelling is enough; malformed signals are ignored."""
        harness.world.opsgenie.add(BO)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        nonsenses: list[object] = [
            None,
            7,
            [],
            {},
            {"mail": "bo"},
            {"email": None},
            {"email": "nobody@example.com"},
            "💥",
        ]
        for nonsense in nonsenses:
            await harness.handle.signal("email_verified", nonsense)
            await harness.handle.signal("account_authenticated", nonsense)
        await harness.handle.signal("email_verified", {"email": "BO@example.com"})
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        await harness.handle.signal("account_authenticated", {"email": BO.email, "by": {"name": "ops"}})
        assert (await harness.handle.result()).counts[State.CONNECTED] == 2
        who = [entry.by for entry in (await harness.person(BO.email)).timeline if entry.state is State.CONNECTED]
        assert who == [Actor(source=Source.OPERATOR, name="ops")]

    async def test_a_refused_address_is_unreachable_until_an_admin_acts(self, harness: MigrationHarness) -> None:
        """A corrected address is mailed; the former address still finds the person."""
        harness.world.opsgenie.add(BO)
        harness.world.mailer.refused = {BO.email}
        await harness.start()
        assert "550" in (await harness.until(BO.email, State.UNREACHABLE)).reason
        await harness.migration.correct_email(BO.email, "bo.new@example.com", BY)
        await eventually(lambda: harness.world.mailer.sent("bo.new@example.com", Purpose.VERIFICATION))
        assert (await harness.person(BO.email)).email == "bo.new@example.com"
        await harness.handle.signal("email_verified", {"email": "bo.new@example.com"})
        await harness.until("bo.new@example.com", State.AUTHENTICATING)
        with pytest.raises(Refused, match="cannot be used"):
            await harness.migration.correct_email("bo.new@example.com", "no address", BY)

    async def test_a_deferred_mail_is_retried(self, harness: MigrationHarness) -> None:
        """Greylisting delays a mail by a minute; one mail arrives."""
        harness.world.opsgenie.add(BO)
        harness.world.mailer.deferred_once = {BO.email}
        await harness.start()
        await eventually(lambda: harness.step_is(Step.VERIFY))
        await harness.skip(timedelta(minutes=2))
        await eventually(lambda: len(harness.world.mailer.sent(BO.email)) == 1)

    async def test_resend_respects_the_cool_down_and_reports_unknown_people(self, harness: MigrationHarness) -> None:
        """The request is refused before history is written."""
        harness.world.opsgenie.add(BO)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await harness.until(BO.email, State.EMAIL_UNVERIFIED)
        with pytest.raises(Refused, match="wait"):
            await harness.migration.resend(BO.email, by=BY)
        assert (await harness.migration.resend_all(State.EMAIL_UNVERIFIED, BY)).not_now == 1
        await harness.skip(timedelta(seconds=31))
        assert (await harness.migration.resend_all(State.EMAIL_UNVERIFIED, BY)).queued == 1
        await eventually(lambda: len(harness.world.mailer.sent(BO.email)) == 2)
        with pytest.raises(NotFound):
            await harness.migration.resend("nobody@example.com", by=BY)

    async def test_excluded_people_are_not_waited_for(self, harness: MigrationHarness) -> None:
        """The links of excluded people stop working."""
        harness.world.opsgenie.add(BO)
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        with pytest.raises(Refused, match="reason"):
            await harness.migration.exclude(BO.email, " ", BY)
        await harness.migration.exclude(BO.email, "left the company", BY)
        result = await harness.handle.result()
        assert result.counts[State.EXCLUDED] == 1
        view = await TemporalLinkClient(harness.client).view(harness.world.mailer.link(BO.email, Purpose.VERIFICATION))
        assert view is not None
        assert view.state is LinkState.CLOSED

    async def test_people_who_join_later_are_added(self, harness: MigrationHarness) -> None:
        """A refresh also finds emails that Opsgenie has verified."""
        harness.world.opsgenie.add(BO)
        await harness.start(rules=Rules(roster_refresh_interval=timedelta(seconds=1)))
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        harness.world.opsgenie.add(ANN)
        await eventually(lambda: harness.world.mailer.sent(ANN.email, Purpose.AUTHENTICATION))
        harness.world.opsgenie.verify(BO.email)
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        assert (await harness.migration.status()).people_total == 3

    async def test_refresh_queries_the_services_immediately(self, harness: MigrationHarness) -> None:
        """It asks for new people, verified emails, and accounts that were set up."""
        harness.world.opsgenie.add(BO)
        await harness.start(rules=UNASKED)
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await eventually(lambda: harness.step_is(Step.VERIFY))
        harness.world.opsgenie.add(ANN)
        harness.world.opsgenie.verify(BO.email)
        await harness.migration.refresh(BY)
        await eventually(lambda: harness.world.mailer.sent(ANN.email))
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))
        harness.world.atlassian.account(ANN.email, verified=True)
        harness.world.atlassian.account(BO.email, verified=True)
        await harness.migration.refresh(BY)
        assert (await harness.handle.result()).counts[State.CONNECTED] == 3

    async def test_a_mail_server_that_rejects_us_pauses_the_migration(self, harness: MigrationHarness) -> None:
        """Nobody's state changes."""
        harness.world.opsgenie.add(BO)
        harness.world.mailer.problem = ServiceRejected("The mail server refuses the login; check it.")
        await harness.start()
        await eventually(lambda: harness.has_problem("The mail server refuses the login; check it."))
        harness.world.mailer.problem = None
        assert (await harness.person(BO.email)).state is State.EMAIL_UNVERIFIED
        await harness.migration.resume(BY)
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await eventually(lambda: harness.has_problem(""))

    async def test_a_resume_covers_work_that_started_before_it(self, client: Client) -> None:
        """A batch that is rejected after an admin has resumed is retried, and does not pause the cohort again."""
        mailer = RejectsFirstBatch()
        async with running_harness(client, mailer=mailer) as harness:
            harness.world.opsgenie.add(BO)
            await harness.start()
            await mailer.started.wait()
            await harness.migration.pause("Check the login.", BY)
            await eventually(lambda: _cohort_is_paused(harness, paused=True))
            await harness.migration.resume(BY, "Check the login.")
            await eventually(lambda: _cohort_is_paused(harness, paused=False))
            mailer.may_reject.set()
            await eventually(lambda: mailer.sent(BO.email))
            assert not (await harness.migration.status()).problems

    async def test_an_unavailable_service_is_reported_immediately(self, harness: MigrationHarness) -> None:
        """Work resumes by itself when the service is available again."""
        harness.world.opsgenie.add(BO)
        harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
        await harness.start()
        await eventually(lambda: harness.status_shows("The mail server does not answer."))
        harness.world.mailer.problem = None
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        assert not (await harness.migration.status()).problems

    async def test_another_accounts_key_pauses_a_running_migration(self, harness: MigrationHarness) -> None:
        """The key, set by mistake after weeks, does not fail the migration."""
        harness.world.opsgenie.add(BO)
        await harness.start(rules=UNASKED)
        await harness.until(BO.email, State.EMAIL_UNVERIFIED)
        await eventually(lambda: harness.step_is(Step.VERIFY))
        harness.world.opsgenie.problem = Refused("The Opsgenie API key belongs to another Opsgenie account.")
        await harness.migration.refresh(BY)
        await eventually(lambda: harness.waits_for("belongs to another Opsgenie account"))
        harness.world.opsgenie.problem = None
        harness.world.opsgenie.add(ANN)
        await harness.migration.resume(BY)
        await harness.until(ANN.email, State.AUTHENTICATING)

    async def test_retry_after_is_respected_beyond_the_retry_timeout(self, harness: MigrationHarness) -> None:
        """A workflow that retried immediately would fill its history in minutes."""
        harness.world.atlassian.problem = ServiceUnavailable(
            "Atlassian limits the request rate (429).", retry_after=3600
        )
        await harness.start()
        await eventually(lambda: harness.status_shows("Atlassian limits the request rate (429)."))
        await asyncio.sleep(2)
        assert harness.world.atlassian.calls["sites"] == 1

    async def test_no_mail_is_sent_while_paused(self, harness: MigrationHarness) -> None:
        """Facts are still recorded during the pause."""
        harness.world.opsgenie.add(BO)
        await harness.start(rules=UNASKED)
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await harness.migration.pause("Freeze over the holidays.", BY)
        await harness.handle.signal("email_verified", {"email": BO.email})
        await harness.until(BO.email, State.AUTHENTICATING)
        await harness.skip(timedelta(days=10))
        assert len(harness.world.mailer.sent(BO.email)) == 1
        await harness.migration.resume(BY, "Freeze over the holidays.")
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))


class TestCompletion:
    """Step 7: the migration completes."""

    async def test_owners_and_admins_are_notified_of_the_end(self, harness: MigrationHarness) -> None:
        """Each of them gets one notice, with the numbers."""
        harness.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN), ANN)
        for email in ("ada@example.com", ANN.email):
            harness.world.atlassian.account(email, verified=True)
        await harness.start()
        result = await harness.handle.result()
        assert not result.partial
        sent_notices = harness.world.mailer.notices_of(NoticeKind.MIGRATION_COMPLETE)
        assert {order.recipient.email for order in sent_notices} == {OWNER_EMAIL, "ada@example.com"}
        assert sent_notices[0].notice.counts[State.CONNECTED] == 3
        assert len({order.message_id for order in sent_notices}) == 2
        report = await harness.migration.report()
        assert [line.state for line in report.people] == [State.CONNECTED] * 3
        assert all(item.status in {StepStatus.DONE, StepStatus.SKIPPED} for item in await harness.checklist())

    async def test_a_deferred_notice_is_retried(self, harness: MigrationHarness) -> None:
        """The other recipients get their notice only once."""
        harness.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN))
        harness.world.atlassian.account("ada@example.com", verified=True)
        harness.world.mailer.deferred_once = {OWNER_EMAIL}
        await harness.start()
        await harness.handle.result()
        sent_notices = harness.world.mailer.notices_of(NoticeKind.MIGRATION_COMPLETE)
        assert sorted(order.recipient.email for order in sent_notices) == ["ada@example.com", OWNER_EMAIL]

    async def test_a_refused_last_notice_is_shown_in_the_checklist(self, harness: MigrationHarness) -> None:
        """The migration completes nevertheless."""
        harness.world.mailer.problem = ServiceRejected("The mail server refuses us.")
        await harness.start()
        await harness.handle.result()
        last = (await harness.migration.progress()).checklist[-1]
        assert last.note == "1 of 1 people are connected. Owners and admins could not be notified by email."

    async def test_the_request_can_name_the_recipients_of_notices(self, harness: MigrationHarness) -> None:
        await harness.start(notify=["team@example.com"])
        await harness.handle.result()
        assert [o.recipient.email for o in harness.world.mailer.notices] == ["team@example.com"]

    async def test_a_deadline_can_complete_partially(self, harness: MigrationHarness) -> None:
        """The report shows the next step for everyone who is left behind."""
        harness.world.opsgenie.add(ANN, BO)
        deadline = datetime.now(UTC) + timedelta(days=14)
        await harness.start(
            rules=UNASKED.model_copy(update={"deadline": deadline, "at_deadline": AtDeadline.COMPLETE_PARTIAL})
        )
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await harness.skip(timedelta(days=15))
        result = await harness.handle.result()
        assert result.partial
        assert result.counts[State.LEFT_BEHIND] == 2
        lines = {line.email: line for line in (await harness.migration.report()).people}
        assert "not verified" in lines[BO.email].reason
        assert "not set up" in lines[ANN.email].reason
        assert lines[ANN.email].next_step

    async def test_by_default_the_migration_continues_after_the_deadline(self, harness: MigrationHarness) -> None:
        """Owners and admins get one notice; the deadline can be replaced."""
        harness.world.opsgenie.add(ANN)
        await harness.start(rules=UNASKED.model_copy(update={"deadline": datetime.now(UTC) + timedelta(days=14)}))
        await eventually(lambda: harness.world.mailer.sent(ANN.email))
        await harness.skip(timedelta(days=20))
        await eventually(lambda: harness.world.mailer.notices_of(NoticeKind.DEADLINE_PASSED))
        await harness.skip(timedelta(days=20))
        assert len(harness.world.mailer.notices_of(NoticeKind.DEADLINE_PASSED)) == 1
        assert (await harness.person(ANN.email)).state is State.AUTHENTICATING
        with pytest.raises(Refused, match="past"):
            await harness.migration.set_deadline(datetime.now(UTC) - timedelta(days=1), AtDeadline.KEEP_WAITING, BY)
        # The deadline has already passed for the cohort, whose time was skipped.
        await harness.migration.set_deadline(datetime.now(UTC) + timedelta(days=1), AtDeadline.COMPLETE_PARTIAL, BY)
        assert (await harness.handle.result()).counts[State.LEFT_BEHIND] == 1
        assert len(harness.world.mailer.notices_of(NoticeKind.DEADLINE_PASSED)) == 1


class TestFileRosters:
    """A roster from a file on the machine of `starter.py`, which workers cannot read."""

    async def test_the_starter_assigns_people_to_cohorts(self, harness: MigrationHarness) -> None:
        """Six hundred people are in three cohorts; a repeated assignment changes nothing."""
        people = [RosterPerson(email=f"p{n}@example.com", email_verified=True) for n in range(599)]
        people.append(harness.world.opsgenie.people_listed[0])
        for person in people[:550]:
            harness.world.atlassian.account(person.email, verified=True)
        request = harness.file_request(people)
        await migrations.start(harness.client, request)
        handed_out: list[int] = []
        await migrations.assign_people(harness.client, request, people, handed_out.append)
        await migrations.assign_people(harness.client, request, people, handed_out.append)
        assert handed_out[-1] == 600
        await eventually(lambda: len(harness.world.mailer.mails) == 49)
        status = await harness.migration.status()
        assert status.people_total == 600
        assert status.people_connected == 551
        waiting = await harness.migration.people([State.AUTHENTICATING])
        assert len(waiting.people) == 49
        assert harness.world.atlassian.calls["ensure"] <= 8

    async def test_another_roster_is_refused_while_a_migration_runs(self, harness: MigrationHarness) -> None:
        """A request with the same roster returns the running migration."""
        people = [harness.world.opsgenie.people_listed[0], ANN]
        await migrations.start(harness.client, harness.file_request(people))
        assert (await migrations.start(harness.client, harness.file_request(people[::-1]))).already is RunState.RUNNING
        with pytest.raises(Refused, match="another roster"):
            await migrations.start(harness.client, harness.file_request([*people, BO]))


async def test_a_terminated_cohort_fails_the_migration(harness: MigrationHarness) -> None:
    """Otherwise the migration would wait forever."""
    harness.world.opsgenie.add(BO)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(BO.email))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    await harness.cohort().terminate()
    with pytest.raises(WorkflowFailureError) as failed:
        await harness.handle.result()
    assert "outside Landbridge: " in str(failed.value.cause)


async def test_unknown_links_look_like_closed_ones(harness: MigrationHarness) -> None:
    """A link to an unknown person or cohort cannot be distinguished from a link of an ended migration."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    link_client = TemporalLinkClient(harness.client)
    claims = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    stranger: LinkClaims = claims.model_copy(update={"person": 99})
    view = await link_client.view(stranger)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not view.email
    assert await link_client.follow(stranger)
    nowhere = claims.model_copy(update={"cohort_id": "site-migration:nobody:cohort:1"})
    assert await link_client.view(nowhere) == LinkView(state=LinkState.CLOSED)
    assert not await link_client.follow(nowhere)


async def test_the_web_ui_shows_checklist_and_descriptions(harness: MigrationHarness) -> None:
    """Signals, updates and queries have descriptions, and the details show the checklist."""
    harness.world.opsgenie.add(ANN)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(ANN.email))
    await eventually(lambda: harness.step_is(Step.VERIFY))
    for handle, workflow in ((harness.handle, SiteMigrationWorkflow), (harness.cohort(), CohortWorkflow)):
        metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert metadata.definition.type == workflow.__name__
        assert metadata.current_details


async def test_a_pause_needs_a_reason(harness: MigrationHarness) -> None:
    """An empty reason by hand would be in the audit and pause nothing."""
    await harness.start()
    for reason in ("", " "):
        with pytest.raises(Refused, match="Give a reason: the status shows it"):
            await harness.migration.pause(reason, Actor(name="ops"))

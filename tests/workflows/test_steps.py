"""The guide's seven steps, each on the real server; weeks pass in moments."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.activity_io import NoticeKind
from landbridge.domain.errors import NotFound, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.links import LinkClaims, LinkState, LinkView, Purpose
from landbridge.domain.messages import Step, StepStatus
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import ADMIN, RosterPerson, survey
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite, Site
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually
from workflows.cohort import CohortWorkflow
from workflows.site_migration import SiteMigrationWorkflow

BY = Actor(name=OWNER_EMAIL)
ACME = Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
ANN = RosterPerson(email="ann@example.com", name="Ann", email_verified=True)
SELDOM = timedelta(days=60)
UNASKED = Rules(poll_interval=SELDOM, poll_interval_at_most=SELDOM)
"""Nobody asks Atlassian now and then, so that weeks pass in a few leaps."""
BO = RosterPerson(email="bo@example.com", name="Bo")


async def refusal(bench: MigrationHarness) -> str:
    """Return the sentence with which a migration was refused."""
    with pytest.raises(WorkflowFailureError) as failed:
        await bench.handle.result()
    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "Refused"
    return failed.value.cause.message


class TestInitiating:
    """Step 1."""

    async def test_a_user_may_not_initiate(self, bench: MigrationHarness) -> None:
        """Refused with a sentence, and nothing happens."""
        bench.world.opsgenie.add(ANN)
        await bench.start(initiator=ANN.email)
        assert "Only an owner or admin" in await refusal(bench)
        assert not bench.world.atlassian.calls
        assert not bench.world.post.mails
        status = await bench.migration.status()
        assert status.run_state is RunState.FAILED
        assert "Only an owner or admin" in status.failure
        assert ANN.email not in status.failure

    async def test_a_stranger_may_not_initiate(self, bench: MigrationHarness) -> None:
        """Nor anyone who is not on the roster."""
        await bench.start(initiator="stranger@example.com")
        assert "Only an owner or admin" in await refusal(bench)

    async def test_a_roster_that_changed_since_the_plan_is_refused(self, bench: MigrationHarness) -> None:
        """Somebody joined after the plan was made."""
        planned = survey(bench.world.opsgenie.people_listed)
        bench.world.opsgenie.add(ANN)
        await bench.start(plan=planned.digest)
        assert "changed since the plan" in await refusal(bench)
        bench.world.opsgenie.people_listed.pop()
        await bench.start(plan=planned.digest)
        assert (await bench.handle.result()).counts.total == 1

    async def test_an_admin_may_initiate_with_any_spelling_of_the_address(self, bench: MigrationHarness) -> None:
        """Addresses are compared as mailboxes, not as text."""
        bench.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN, email_verified=True))
        bench.world.atlassian.account("ada@example.com", verified=True)
        await bench.start(initiator=" Ada@EXAMPLE.com ")
        assert (await bench.handle.result()).counts[State.CONNECTED] == 2

    async def test_starting_again_returns_the_running_migration(self, bench: MigrationHarness) -> None:
        """It is not an error, unless the request names another site."""
        bench.world.opsgenie.add(ANN)
        assert (await bench.start()).already is None
        assert (await bench.start()).already is RunState.RUNNING
        with pytest.raises(Refused, match="another site"):
            await bench.start(site="other")

    async def test_starting_again_after_completion_must_be_explicit(self, bench: MigrationHarness) -> None:
        """Then people who need no mail get none."""
        await bench.start()
        await bench.handle.result()
        assert (await bench.start()).already is RunState.COMPLETED
        assert (await migrations.start(bench.client, bench.request(), again=True)).already is None
        assert (await bench.handle.result()).counts[State.CONNECTED] == 1
        assert not bench.world.post.mails

    async def test_rejected_credentials_pause_the_migration(self, bench: MigrationHarness) -> None:
        """The status shows the reason, and the migration resumes once it is fixed."""
        bench.world.opsgenie.problem = ServiceRejected("Opsgenie refuses the API key; check it.")
        await bench.start()
        await eventually(lambda: bench.waits_for("Opsgenie refuses the API key; check it."))
        bench.world.opsgenie.problem = None
        await bench.migration.resume(BY)
        assert (await bench.handle.result()).counts.total == 1


class TestChoosingASite:
    """Step 2."""

    async def test_a_request_without_a_site_waits_for_a_choice(self, bench: MigrationHarness) -> None:
        """The sites are listed, and the choice is an update."""
        await bench.start(site="")
        await eventually(lambda: bench.waits_for("Choose a site, or name a new one."))
        progress = await bench.migration.progress()
        assert progress.sites == [ACME]
        assert progress.checklist[1].status is StepStatus.WAITING
        assert (await bench.migration.choose_site("https://acme.atlassian.net/", BY)).site == ACME
        assert (await bench.handle.result()).site == ACME

    async def test_only_a_site_admin_can_select_a_site(self, bench: MigrationHarness) -> None:
        """The request is refused with the sites to choose from; the migration still waits."""
        other = Site(id="2", name="other", url="https://other.atlassian.net")
        bench.world.atlassian.listed_sites.append(other)
        await bench.start(site="other")
        await eventually(lambda: bench.waits_for("not a site admin of other"))
        with pytest.raises(Refused, match=r"No site 'nowhere'.*: acme"):
            await bench.migration.choose_site("nowhere", BY)
        with pytest.raises(Refused, match="not a site admin"):
            await bench.migration.choose_site("other", BY)
        # Somebody makes them site admin meanwhile: Atlassian is asked anew each time.
        bench.world.atlassian.listed_sites[-1] = other.model_copy(update={"admin": True})
        assert (await bench.migration.choose_site("other", BY)).site is not None
        with pytest.raises((Refused, NotFound)):
            await bench.migration.choose_site("acme", BY)

    async def test_admins_are_reminded_of_a_waiting_task(self, bench: MigrationHarness) -> None:
        """All owners and admins, with the command."""
        await bench.start(site="", rules=Rules(task_mail_delay=timedelta(seconds=0)))
        await eventually(lambda: bench.world.post.told(NoticeKind.ADMIN_TASK))
        notice = bench.world.post.told(NoticeKind.ADMIN_TASK)[0]
        assert notice.recipient.email == OWNER_EMAIL
        assert notice.notice.task == "Choose a site, or name a new one."
        assert f"./starter.py choose-site {bench.account}" in notice.notice.command

    async def test_a_choice_does_not_wait_for_the_reminder(self, bench: MigrationHarness) -> None:
        """Although the mail server is unavailable."""
        bench.world.post.problem = ServiceUnavailable("The mail server is away.")
        await bench.start(site="", rules=Rules(task_mail_delay=timedelta(seconds=0)))
        await eventually(lambda: bench.status_shows("The mail server is away."))
        await bench.migration.choose_site("acme", BY)
        await eventually(lambda: bench.step_is(Step.AUTHENTICATE))

    async def test_a_deadline_before_the_choice_of_a_site_only_sends_a_notice(self, bench: MigrationHarness) -> None:
        """Nobody was mailed yet: it ends nothing, whatever the rules say."""
        rules = {"deadline": datetime.now(UTC) + timedelta(days=14), "at_deadline": AtDeadline.COMPLETE_PARTIAL}
        await bench.start(site="", rules=UNASKED.model_copy(update=rules))
        await eventually(lambda: bench.waits_for("Choose a site"))
        await bench.skip(timedelta(days=20))
        await eventually(lambda: bench.world.post.told(NoticeKind.DEADLINE_PASSED))
        assert (await bench.migration.choose_site("acme", BY)).site == ACME
        assert (await bench.handle.result()).counts[State.CONNECTED] == 1
        assert len(bench.world.post.told(NoticeKind.DEADLINE_PASSED)) == 1


class TestSigningUp:
    """Step 3."""

    async def test_an_initiator_without_an_account_signs_up(self, bench: MigrationHarness) -> None:
        """Before the site is created."""
        bench.world.atlassian.accounts.clear()
        await bench.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await bench.handle.result()
        assert bench.world.atlassian.account(OWNER_EMAIL).verified
        assert (await bench.migration.progress()).checklist[2].status is StepStatus.DONE

    async def test_where_no_api_can_it_is_an_admins_task(self, bench: MigrationHarness) -> None:
        """Confirmed by the admin and checked with Atlassian, as often as it takes."""
        bench.world.atlassian.accounts.clear()
        bench.world.atlassian.by_hand = True
        await bench.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await eventually(lambda: bench.waits_for("Sign up to Atlassian."))
        await bench.migration.confirm("sign-up", BY)
        await eventually(lambda: bench.world.atlassian.calls["sign_up"] == 2)
        await eventually(lambda: bench.waits_for("Sign up to Atlassian."))
        bench.world.atlassian.account(OWNER_EMAIL, verified=True)
        await bench.migration.confirm("sign-up", BY)
        await eventually(lambda: bench.waits_for("Create the site fresh."))


class TestCreatingASite:
    """Step 4."""

    async def test_a_taken_site_name_waits_for_another_choice(self, bench: MigrationHarness) -> None:
        """With suggestions; it never fails the migration."""
        bench.world.atlassian.taken = {"fresh"}
        await bench.start(site="", new_site=NewSite(name="fresh", first_name="Olga", last_name="Owner"))
        await eventually(lambda: bench.waits_for("is or was already in use"))
        progress = await bench.migration.progress()
        assert "fresh-team" in progress.suggestions
        with pytest.raises(Refused, match=r"taken.*fresh-team"):
            await bench.migration.name_site(NewSite(name="fresh", first_name="Olga", last_name="Owner"), BY)
        decided = await bench.migration.name_site(NewSite(name="fresh-team", first_name="O", last_name="O"), BY)
        assert decided.site is not None
        assert decided.site.name == "fresh-team"
        assert (await bench.handle.result()).site == decided.site

    async def test_an_invalid_site_name_waits_for_another_choice(self, bench: MigrationHarness) -> None:
        """From the start request or a later choice."""
        await bench.start(site="", new_site=NewSite(name="-Fresh-", first_name="Olga", last_name="Owner"))
        await eventually(lambda: bench.waits_for("only lowercase letters"))
        with pytest.raises(Refused, match="3 to 63 characters"):
            await bench.migration.name_site(NewSite(name="ab", first_name="O", last_name="O"), BY)
        # An existing site is a way out, too, and the checklist says so.
        assert (await bench.migration.choose_site("acme", BY)).site == ACME
        await bench.handle.result()
        checklist = await bench.checklist()
        assert checklist[1].note == ACME.url
        assert checklist[3].status is StepStatus.SKIPPED

    async def test_where_no_api_can_it_is_an_admins_task(self, bench: MigrationHarness) -> None:
        """The site counts once Atlassian lists it; connecting is the next task."""
        bench.world.atlassian.by_hand = True
        await bench.start(site="")
        await eventually(lambda: bench.waits_for("Choose a site"))
        decided = await bench.migration.name_site(NewSite(name="fresh", first_name="O", last_name="O"), BY)
        assert decided.task == "Create the site fresh."
        bench.world.atlassian.listed_sites.append(
            ACME.model_copy(update={"name": "fresh", "url": "https://fresh.example"})
        )
        await bench.migration.confirm("create-site:fresh", BY)
        await eventually(lambda: bench.waits_for("Connect the Opsgenie account"))
        await bench.migration.confirm("connect-site:fresh", BY)
        site = (await bench.handle.result()).site
        assert site is not None
        assert site.name == "fresh"


class TestAuthentication:
    """Step 5."""

    async def test_everyone_gets_an_account_and_only_verified_people_the_email(self, bench: MigrationHarness) -> None:
        """A verified Atlassian account needs nothing; blocked people are left out."""
        bench.world.opsgenie.add(ANN, BO, RosterPerson(email="cy@example.com", blocked=True, email_verified=True))
        await bench.start()
        await bench.until(BO.email, State.EMAIL_UNVERIFIED)
        await eventually(lambda: bench.step_is(Step.VERIFY))
        assert [m.purpose for m in bench.world.post.sent(ANN.email)] == [Purpose.AUTHENTICATION]
        assert [m.purpose for m in bench.world.post.sent(BO.email)] == [Purpose.VERIFICATION]
        assert not bench.world.post.sent(OWNER_EMAIL)
        assert set(bench.world.atlassian.accounts) == {OWNER_EMAIL, ANN.email, BO.email}
        assert bench.world.atlassian.connections == {bench.account: ACME.id}
        assert (await bench.person("cy@example.com")).state is State.SKIPPED

    async def test_atlassians_own_invitation_replaces_the_first_email(self, bench: MigrationHarness) -> None:
        """Ours follow as reminders; nobody is invited before their Opsgenie email is verified."""
        bench.world.atlassian.invites = True
        bench.world.opsgenie.add(ANN, BO)
        await bench.start(rules=UNASKED)
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.VERIFICATION))
        await eventually(lambda: bench.step_is(Step.VERIFY))
        assert not bench.world.post.sent(ANN.email)
        await bench.handle.signal("email_verified", {"email": BO.email})
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))
        await bench.skip(timedelta(days=3, minutes=1))
        await eventually(lambda: len(bench.world.post.sent(ANN.email, Purpose.AUTHENTICATION)) == 1)

    async def test_an_account_that_cannot_be_used_waits_for_an_admin(self, bench: MigrationHarness) -> None:
        """With the reason; once it is fixed, a resend retries."""
        bench.world.opsgenie.add(ANN)
        bench.world.atlassian.account(ANN.email, problem="The account is deactivated; have it reactivated.")
        await bench.start()
        person = await bench.until(ANN.email, State.ATTENTION)
        assert person.reason == "The account is deactivated; have it reactivated."
        bench.world.atlassian.account(ANN.email, problem="")
        await bench.migration.resend(ANN.email, by=BY)
        await eventually(lambda: bench.world.post.sent(ANN.email, Purpose.AUTHENTICATION))

    async def test_a_click_triggers_a_look_up_at_atlassian(self, bench: MigrationHarness) -> None:
        """The click proves nothing; Atlassian's answer does."""
        bench.world.opsgenie.add(ANN)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(ANN.email))
        desk, claims = TemporalLinkClient(bench.client), bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
        before = bench.world.atlassian.calls["find"]
        assert await desk.follow(claims)
        await eventually(lambda: bench.world.atlassian.calls["find"] > before)
        assert (await bench.person(ANN.email)).state is State.AUTHENTICATING
        bench.world.atlassian.account(ANN.email, verified=True)
        assert await desk.returned(claims)
        assert (await bench.handle.result()).counts[State.CONNECTED] == 2

    async def test_a_click_connects_if_the_rules_say_so(self, bench: MigrationHarness) -> None:
        """For accounts that Atlassian's API cannot look up."""
        bench.world.opsgenie.add(ANN)
        await bench.start(rules=Rules(click_counts=True))
        await eventually(lambda: bench.world.post.sent(ANN.email))
        await TemporalLinkClient(bench.client).follow(bench.world.post.link(ANN.email, Purpose.AUTHENTICATION))
        assert (await bench.handle.result()).counts[State.CONNECTED] == 2

    async def test_polling_finds_people_who_set_up_their_account_themselves(self, bench: MigrationHarness) -> None:
        """Every quarter of an hour, with a backoff."""
        bench.world.opsgenie.add(ANN)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(ANN.email))
        await bench.skip(timedelta(hours=20))
        assert 4 <= bench.world.atlassian.calls["find"] <= 8
        bench.world.atlassian.account(ANN.email, verified=True)
        await bench.skip(timedelta(hours=7))
        assert (await bench.handle.result()).counts[State.CONNECTED] == 2


class TestVerifying:
    """Step 6."""

    async def test_a_verified_email_gets_the_authentication_email_immediately(self, bench: MigrationHarness) -> None:
        """And a second click is friendly."""
        bench.world.opsgenie.add(BO)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(BO.email))
        desk, claims = TemporalLinkClient(bench.client), bench.world.post.link(BO.email, Purpose.VERIFICATION)
        view = await desk.view(claims)
        assert view is not None
        assert view.state is LinkState.OPEN
        assert await desk.follow(claims)
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))
        view = await desk.view(claims)
        assert view is not None
        assert view.state is LinkState.DONE
        assert await desk.follow(claims)
        assert len(bench.world.post.sent(BO.email)) == 2

    async def test_five_reminders_are_sent_every_three_days(self, bench: MigrationHarness) -> None:
        """Links of earlier days expire."""
        bench.world.opsgenie.add(BO)
        await bench.start(rules=UNASKED)
        await eventually(lambda: bench.world.post.sent(BO.email))
        first = bench.world.post.link(BO.email, Purpose.VERIFICATION)
        await bench.skip(timedelta(days=40))
        await eventually(lambda: len(bench.world.post.sent(BO.email)) == 6)
        assert [m.reminder for m in bench.world.post.sent(BO.email)] == [False] + [True] * 5
        assert [m.generation for m in bench.world.post.sent(BO.email)] == [1, 2, 3, 4, 5, 6]
        desk = TemporalLinkClient(bench.client)
        view = await desk.view(first)
        assert view is not None
        assert view.state is LinkState.EXPIRED
        await desk.follow(first)
        assert (await bench.person(BO.email)).state is State.EMAIL_UNVERIFIED
        # Who finds an old mail asks for a new one on the page.
        await desk.request_new_link(first)
        await eventually(lambda: len(bench.world.post.sent(BO.email)) == 7)

    async def test_a_signal_by_hand_reaches_the_right_person(self, bench: MigrationHarness) -> None:
        """With only an address, in any spelling; malformed signals are ignored."""
        bench.world.opsgenie.add(BO)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(BO.email))
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
            await bench.handle.signal("email_verified", nonsense)
            await bench.handle.signal("account_authenticated", nonsense)
        await bench.handle.signal("email_verified", {"email": "BO@example.com"})
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))
        await bench.handle.signal("account_authenticated", {"email": BO.email, "by": {"name": "ops"}})
        assert (await bench.handle.result()).counts[State.CONNECTED] == 2
        who = [entry.by for entry in (await bench.person(BO.email)).timeline if entry.state is State.CONNECTED]
        assert who == [Actor(source=Source.OPERATOR, name="ops")]

    async def test_a_refused_address_is_unreachable_until_an_admin_acts(self, bench: MigrationHarness) -> None:
        """A corrected address is mailed; the former address still finds the person."""
        bench.world.opsgenie.add(BO)
        bench.world.post.refused = {BO.email}
        await bench.start()
        assert "550" in (await bench.until(BO.email, State.UNREACHABLE)).reason
        await bench.migration.correct_email(BO.email, "bo.new@example.com", BY)
        await eventually(lambda: bench.world.post.sent("bo.new@example.com", Purpose.VERIFICATION))
        assert (await bench.person(BO.email)).email == "bo.new@example.com"
        await bench.handle.signal("email_verified", {"email": "bo.new@example.com"})
        await bench.until("bo.new@example.com", State.AUTHENTICATING)
        with pytest.raises(Refused, match="cannot be used"):
            await bench.migration.correct_email("bo.new@example.com", "no address", BY)

    async def test_a_deferred_mail_is_retried(self, bench: MigrationHarness) -> None:
        """Greylisting delays a mail by a minute; one mail arrives."""
        bench.world.opsgenie.add(BO)
        bench.world.post.deferred_once = {BO.email}
        await bench.start()
        await eventually(lambda: bench.step_is(Step.VERIFY))
        await bench.skip(timedelta(minutes=2))
        await eventually(lambda: len(bench.world.post.sent(BO.email)) == 1)

    async def test_resend_respects_the_cool_down_and_reports_unknown_people(self, bench: MigrationHarness) -> None:
        """The request is refused before history is written."""
        bench.world.opsgenie.add(BO)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(BO.email))
        await bench.until(BO.email, State.EMAIL_UNVERIFIED)
        with pytest.raises(Refused, match="wait"):
            await bench.migration.resend(BO.email, by=BY)
        assert (await bench.migration.resend_all(State.EMAIL_UNVERIFIED, BY)).not_now == 1
        await bench.skip(timedelta(seconds=31))
        assert (await bench.migration.resend_all(State.EMAIL_UNVERIFIED, BY)).queued == 1
        await eventually(lambda: len(bench.world.post.sent(BO.email)) == 2)
        with pytest.raises(NotFound):
            await bench.migration.resend("nobody@example.com", by=BY)

    async def test_excluded_people_are_not_waited_for(self, bench: MigrationHarness) -> None:
        """Their links stop working."""
        bench.world.opsgenie.add(BO)
        await bench.start()
        await eventually(lambda: bench.world.post.sent(BO.email))
        with pytest.raises(Refused, match="reason"):
            await bench.migration.exclude(BO.email, " ", BY)
        await bench.migration.exclude(BO.email, "left the company", BY)
        result = await bench.handle.result()
        assert result.counts[State.EXCLUDED] == 1
        view = await TemporalLinkClient(bench.client).view(bench.world.post.link(BO.email, Purpose.VERIFICATION))
        assert view is not None
        assert view.state is LinkState.CLOSED

    async def test_people_who_join_later_are_added(self, bench: MigrationHarness) -> None:
        """Also emails that Opsgenie has verified meanwhile."""
        bench.world.opsgenie.add(BO)
        await bench.start(rules=Rules(roster_refresh_interval=timedelta(seconds=1)))
        await eventually(lambda: bench.world.post.sent(BO.email))
        bench.world.opsgenie.add(ANN)
        await eventually(lambda: bench.world.post.sent(ANN.email, Purpose.AUTHENTICATION))
        bench.world.opsgenie.verify(BO.email)
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))
        assert (await bench.migration.status()).people_total == 3

    async def test_refresh_queries_the_services_immediately(self, bench: MigrationHarness) -> None:
        """For new people, verified emails, and accounts that were set up."""
        bench.world.opsgenie.add(BO)
        await bench.start(rules=UNASKED)
        await eventually(lambda: bench.world.post.sent(BO.email))
        await eventually(lambda: bench.step_is(Step.VERIFY))
        bench.world.opsgenie.add(ANN)
        bench.world.opsgenie.verify(BO.email)
        await bench.migration.refresh(BY)
        await eventually(lambda: bench.world.post.sent(ANN.email))
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))
        bench.world.atlassian.account(ANN.email, verified=True)
        bench.world.atlassian.account(BO.email, verified=True)
        await bench.migration.refresh(BY)
        assert (await bench.handle.result()).counts[State.CONNECTED] == 3

    async def test_a_mail_server_that_rejects_us_pauses_the_migration(self, bench: MigrationHarness) -> None:
        """Everyone keeps their state."""
        bench.world.opsgenie.add(BO)
        bench.world.post.problem = ServiceRejected("The mail server refuses the login; check it.")
        await bench.start()
        await eventually(lambda: bench.has_problem("The mail server refuses the login; check it."))
        bench.world.post.problem = None
        assert (await bench.person(BO.email)).state is State.EMAIL_UNVERIFIED
        await bench.migration.resume(BY)
        await eventually(lambda: bench.world.post.sent(BO.email))
        await eventually(lambda: bench.has_problem(""))

    async def test_an_unavailable_service_is_reported_immediately(self, bench: MigrationHarness) -> None:
        """Work resumes by itself when the service is available again."""
        bench.world.opsgenie.add(BO)
        bench.world.post.problem = ServiceUnavailable("The mail server does not answer.")
        await bench.start()
        await eventually(lambda: bench.status_shows("The mail server does not answer."))
        bench.world.post.problem = None
        await eventually(lambda: bench.world.post.sent(BO.email))
        assert not (await bench.migration.status()).problems

    async def test_another_accounts_key_pauses_a_running_migration(self, bench: MigrationHarness) -> None:
        """Set by mistake after weeks, it does not fail the migration."""
        bench.world.opsgenie.add(BO)
        await bench.start(rules=UNASKED)
        await bench.until(BO.email, State.EMAIL_UNVERIFIED)
        await eventually(lambda: bench.step_is(Step.VERIFY))
        bench.world.opsgenie.problem = Refused("The Opsgenie API key belongs to another Opsgenie account.")
        await bench.migration.refresh(BY)
        await eventually(lambda: bench.waits_for("belongs to another Opsgenie account"))
        bench.world.opsgenie.problem = None
        bench.world.opsgenie.add(ANN)
        await bench.migration.resume(BY)
        await bench.until(ANN.email, State.AUTHENTICATING)

    async def test_retry_after_is_respected_beyond_the_retry_timeout(self, bench: MigrationHarness) -> None:
        """A workflow that retried immediately would fill its history in minutes."""
        bench.world.atlassian.problem = ServiceUnavailable("Atlassian limits the request rate (429).", retry_after=3600)
        await bench.start()
        await eventually(lambda: bench.status_shows("Atlassian limits the request rate (429)."))
        await asyncio.sleep(2)
        assert bench.world.atlassian.calls["sites"] == 1

    async def test_no_mail_is_sent_while_paused(self, bench: MigrationHarness) -> None:
        """Facts are still recorded."""
        bench.world.opsgenie.add(BO)
        await bench.start(rules=UNASKED)
        await eventually(lambda: bench.world.post.sent(BO.email))
        await bench.migration.pause("Freeze over the holidays.", BY)
        await bench.handle.signal("email_verified", {"email": BO.email})
        await bench.until(BO.email, State.AUTHENTICATING)
        await bench.skip(timedelta(days=10))
        assert len(bench.world.post.sent(BO.email)) == 1
        await bench.migration.resume(BY, "Freeze over the holidays.")
        await eventually(lambda: bench.world.post.sent(BO.email, Purpose.AUTHENTICATION))


class TestCompletion:
    """Step 7."""

    async def test_owners_and_admins_are_notified_of_the_end(self, bench: MigrationHarness) -> None:
        """Each once, with the numbers."""
        bench.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN), ANN)
        for email in ("ada@example.com", ANN.email):
            bench.world.atlassian.account(email, verified=True)
        await bench.start()
        result = await bench.handle.result()
        assert not result.partial
        told = bench.world.post.told(NoticeKind.MIGRATION_COMPLETE)
        assert {order.recipient.email for order in told} == {OWNER_EMAIL, "ada@example.com"}
        assert told[0].notice.counts[State.CONNECTED] == 3
        assert len({order.message_id for order in told}) == 2
        report = await bench.migration.report()
        assert [line.state for line in report.people] == [State.CONNECTED] * 3
        assert all(item.status in {StepStatus.DONE, StepStatus.SKIPPED} for item in await bench.checklist())

    async def test_a_deferred_notice_is_retried(self, bench: MigrationHarness) -> None:
        """The other recipients get it only once."""
        bench.world.opsgenie.add(RosterPerson(email="ada@example.com", role=ADMIN))
        bench.world.atlassian.account("ada@example.com", verified=True)
        bench.world.post.deferred_once = {OWNER_EMAIL}
        await bench.start()
        await bench.handle.result()
        told = bench.world.post.told(NoticeKind.MIGRATION_COMPLETE)
        assert sorted(order.recipient.email for order in told) == ["ada@example.com", OWNER_EMAIL]

    async def test_a_refused_last_notice_is_shown_in_the_checklist(self, bench: MigrationHarness) -> None:
        """The migration is complete nevertheless."""
        bench.world.post.problem = ServiceRejected("The mail server refuses us.")
        await bench.start()
        await bench.handle.result()
        last = (await bench.migration.progress()).checklist[-1]
        assert last.note == "1 of 1 people are connected. Owners and admins could not be notified by email."

    async def test_the_request_can_name_the_recipients_of_notices(self, bench: MigrationHarness) -> None:
        await bench.start(notify=["team@example.com"])
        await bench.handle.result()
        assert [o.recipient.email for o in bench.world.post.notices] == ["team@example.com"]

    async def test_a_deadline_can_complete_partially(self, bench: MigrationHarness) -> None:
        """The report shows the next step for everyone who is left behind."""
        bench.world.opsgenie.add(ANN, BO)
        deadline = datetime.now(UTC) + timedelta(days=14)
        await bench.start(
            rules=UNASKED.model_copy(update={"deadline": deadline, "at_deadline": AtDeadline.COMPLETE_PARTIAL})
        )
        await eventually(lambda: bench.world.post.sent(BO.email))
        await bench.skip(timedelta(days=15))
        result = await bench.handle.result()
        assert result.partial
        assert result.counts[State.LEFT_BEHIND] == 2
        lines = {line.email: line for line in (await bench.migration.report()).people}
        assert "not verified" in lines[BO.email].reason
        assert "not set up" in lines[ANN.email].reason
        assert lines[ANN.email].next_step

    async def test_by_default_the_migration_continues_after_the_deadline(self, bench: MigrationHarness) -> None:
        """Owners and admins get one notice; the deadline can be replaced."""
        bench.world.opsgenie.add(ANN)
        await bench.start(rules=UNASKED.model_copy(update={"deadline": datetime.now(UTC) + timedelta(days=14)}))
        await eventually(lambda: bench.world.post.sent(ANN.email))
        await bench.skip(timedelta(days=20))
        await eventually(lambda: bench.world.post.told(NoticeKind.DEADLINE_PASSED))
        await bench.skip(timedelta(days=20))
        assert len(bench.world.post.told(NoticeKind.DEADLINE_PASSED)) == 1
        assert (await bench.person(ANN.email)).state is State.AUTHENTICATING
        with pytest.raises(Refused, match="past"):
            await bench.migration.set_deadline(datetime.now(UTC) - timedelta(days=1), AtDeadline.KEEP_WAITING, BY)
        # Already past for the cohort, whose time was skipped.
        await bench.migration.set_deadline(datetime.now(UTC) + timedelta(days=1), AtDeadline.COMPLETE_PARTIAL, BY)
        assert (await bench.handle.result()).counts[State.LEFT_BEHIND] == 1
        assert len(bench.world.post.told(NoticeKind.DEADLINE_PASSED)) == 1


class TestFileRosters:
    """A roster from the starter's disk, with workers elsewhere."""

    async def test_the_starter_assigns_people_to_cohorts(self, bench: MigrationHarness) -> None:
        """Six hundred people are three cohorts; repeating it changes nothing."""
        people = [RosterPerson(email=f"p{n}@example.com", email_verified=True) for n in range(599)]
        people.append(bench.world.opsgenie.people_listed[0])
        for person in people[:550]:
            bench.world.atlassian.account(person.email, verified=True)
        request = bench.file_request(people)
        await migrations.start(bench.client, request)
        handed_out: list[int] = []
        await migrations.assign_people(bench.client, request, people, handed_out.append)
        await migrations.assign_people(bench.client, request, people, handed_out.append)
        assert handed_out[-1] == 600
        await eventually(lambda: len(bench.world.post.mails) == 49)
        status = await bench.migration.status()
        assert status.people_total == 600
        assert status.people_connected == 551
        waiting = await bench.migration.people([State.AUTHENTICATING])
        assert len(waiting.people) == 49
        assert bench.world.atlassian.calls["ensure"] <= 8

    async def test_another_roster_is_refused_while_a_migration_runs(self, bench: MigrationHarness) -> None:
        """The same roster returns the running migration."""
        people = [bench.world.opsgenie.people_listed[0], ANN]
        await migrations.start(bench.client, bench.file_request(people))
        assert (await migrations.start(bench.client, bench.file_request(people[::-1]))).already is RunState.RUNNING
        with pytest.raises(Refused, match="another roster"):
            await migrations.start(bench.client, bench.file_request([*people, BO]))


async def test_a_terminated_cohort_fails_the_migration(bench: MigrationHarness) -> None:
    """Otherwise the migration would wait forever."""
    bench.world.opsgenie.add(BO)
    await bench.start()
    await eventually(lambda: bench.world.post.sent(BO.email))
    await eventually(lambda: bench.step_is(Step.VERIFY))
    await bench.cohort().terminate()
    with pytest.raises(WorkflowFailureError) as failed:
        await bench.handle.result()
    assert "cohort:1 from outside" in str(failed.value.cause)


async def test_unknown_links_look_like_closed_ones(bench: MigrationHarness) -> None:
    """A link to an unknown person or cohort cannot be distinguished from a link of an ended migration."""
    bench.world.opsgenie.add(ANN)
    await bench.start()
    await eventually(lambda: bench.world.post.sent(ANN.email))
    desk, claims = TemporalLinkClient(bench.client), bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
    stranger: LinkClaims = claims.model_copy(update={"person": 99})
    view = await desk.view(stranger)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not view.email
    assert await desk.follow(stranger)
    nowhere = claims.model_copy(update={"cohort_id": "site-migration:nobody:cohort:1"})
    assert await desk.view(nowhere) == LinkView(state=LinkState.CLOSED)
    assert not await desk.follow(nowhere)


async def test_the_web_ui_shows_checklist_and_descriptions(bench: MigrationHarness) -> None:
    """Signals, updates and queries have descriptions; the details show the checklist."""
    bench.world.opsgenie.add(ANN)
    await bench.start()
    await eventually(lambda: bench.world.post.sent(ANN.email))
    await eventually(lambda: bench.step_is(Step.VERIFY))
    for handle, workflow in ((bench.handle, SiteMigrationWorkflow), (bench.cohort(), CohortWorkflow)):
        metadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        assert metadata.definition.type == workflow.__name__
        assert metadata.current_details


async def test_a_pause_needs_a_reason(bench: MigrationHarness) -> None:
    """An empty reason by hand would be in the audit and pause nothing."""
    await bench.start()
    for reason in ("", " "):
        with pytest.raises(Refused, match="Give a reason: the status shows it"):
            await bench.migration.pause(reason, Actor(name="ops"))

"""A cancelled migration ends immediately in every step, notifies owners and admins, and can be undone."""

import asyncio

import pytest
from temporalio.client import Client

from landbridge.client import deletion, migrations
from landbridge.client.answers import RunState
from landbridge.client.links import TemporalLinkClient
from landbridge.domain.activity_io import NoticeKind
from landbridge.domain.audit import Act
from landbridge.domain.errors import NotFound, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.links import LinkState, LinkView, Purpose
from landbridge.domain.messages import CANCELLED, Cancel, Step, StepStatus
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.roster import RosterPerson
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, end_all, eventually, prepared, served

BY = Actor(name="ops")
OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
ANN = RosterPerson(email="ann@example.com", name="Ann", email_verified=True)
BO = RosterPerson(email="bo@example.com", name="Bo")
CY = RosterPerson(email="cy@example.com", name="Cy", email_verified=True)
WHY = "The merger is off."


async def over(harness: MigrationHarness) -> bool:
    """Whether the migration has ended."""
    return (await harness.migration.status()).run_state is not RunState.RUNNING


async def moving(harness: MigrationHarness) -> None:
    """Start a migration, and wait until everyone has received the first mail."""
    harness.world.opsgenie.add(ANN, BO, CY)
    await harness.start()
    await eventually(lambda: len(harness.world.mailer.mails) == 3)
    await eventually(lambda: harness.step_is(Step.VERIFY))


async def test_cancel_ends_the_migration_and_is_shown_everywhere(harness: MigrationHarness) -> None:
    """Connected people stay connected, others are left behind; links, status, report and mail show the reason."""
    await moving(harness)
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    await harness.migration.authenticate(CY.email, BY)
    await harness.until(CY.email, State.CONNECTED)
    await harness.migration.cancel(WHY, OWNER)
    result = await harness.handle.result()
    assert result.cancelled
    assert (result.counts[State.CONNECTED], result.counts[State.LEFT_BEHIND]) == (2, 2)
    ann = await harness.person(ANN.email)
    assert WHY in ann.reason
    assert ann.timeline[-1].by == OWNER
    link_client = TemporalLinkClient(harness.client)
    view = await link_client.view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not await link_client.follow(link)
    status = await harness.migration.status()
    assert (status.run_state, status.step) == (RunState.CANCELED, CANCELLED)
    assert status.progress is not None
    assert status.progress.cancelled == WHY
    statuses = [item.status for item in status.progress.checklist]
    assert statuses[4:] == [StepStatus.DONE, StepStatus.CANCELLED, StepStatus.CANCELLED]
    assert {line.state for line in (await harness.migration.report()).people} == {State.CONNECTED, State.LEFT_BEHIND}
    (notice,) = harness.world.mailer.notices_of(NoticeKind.MIGRATION_CANCELLED)
    assert (notice.recipient.email, notice.notice.reason) == (OWNER_EMAIL, WHY)
    assert not harness.world.mailer.notices_of(NoticeKind.MIGRATION_COMPLETE)
    assert (await harness.migration.audit()).entries[0].act is Act.CANCEL
    assert len(harness.world.mailer.mails) == 3
    assert harness.world.atlassian.calls["revoke"] == 0


async def test_cancel_interrupts_a_batch_of_mails(harness: MigrationHarness) -> None:
    """Mails that were sent by then are in the report; no other mail follows."""
    mailer = harness.world.mailer
    mailer.held = asyncio.Event()
    harness.world.opsgenie.add(ANN, BO, CY)
    await harness.start()
    await eventually(lambda: mailer.mails)
    await harness.migration.cancel(WHY, BY)
    await harness.handle.result()
    mailer.held.set()
    assert len(mailer.mails) == 1
    lines = {line.email: line.mails for line in (await harness.migration.report()).people}
    assert sum(lines.values()) == 1


async def test_no_link_works_after_the_cancel_signal(client: Client) -> None:
    """A click after the cancel signal changes nothing, even if one workflow task delivers both."""
    harness = MigrationHarness(client, "cancelled-and-clicked")
    prepared(harness.world)
    harness.world.opsgenie.add(BO)
    async with served(client, harness.world):
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        await harness.until(BO.email, State.EMAIL_UNVERIFIED)
    link_client, link = TemporalLinkClient(client), harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
    await harness.cohort().signal("cancel", Cancel(reason=WHY, by=BY))
    assert await link_client.follow(link)
    assert await link_client.decline(link)
    async with served(client, harness.world):
        await harness.cohort().result()
        bo = await harness.person(BO.email)
        await end_all(client)
    assert (bo.state, bo.email_verified, bo.declined) == (State.LEFT_BEHIND, False, False)
    assert WHY in bo.reason


async def test_cancel_before_a_site_is_chosen(harness: MigrationHarness) -> None:
    """Only owners and admins know of the migration, and only they are notified."""
    harness.world.opsgenie.add(ANN)
    await harness.start(site="")
    await eventually(lambda: harness.waits_for("Choose a site"))
    await harness.migration.cancel(WHY, BY)
    result = await harness.handle.result()
    assert (result.site, result.counts[State.LEFT_BEHIND]) == (None, 2)
    assert not harness.world.mailer.mails
    assert len(harness.world.mailer.notices_of(NoticeKind.MIGRATION_CANCELLED)) == 1
    assert (await harness.migration.progress()).task == ""


async def test_cancel_while_the_roster_cannot_be_read(harness: MigrationHarness) -> None:
    """No cohorts exist yet, and the migration still ends."""
    harness.world.opsgenie.problem = ServiceUnavailable("Opsgenie is away.")
    await harness.start()
    await eventually(lambda: harness.status_shows("Opsgenie is away."))
    await harness.migration.cancel(WHY, BY)
    assert (await harness.handle.result()).counts.total == 0
    assert (await harness.migration.report()).people == []


async def test_cancel_while_paused(harness: MigrationHarness) -> None:
    """A pause does not delay the end."""
    await moving(harness)
    await harness.migration.pause("Freeze.", BY)
    await harness.migration.cancel(WHY, BY)
    assert (await harness.handle.result()).cancelled
    assert (await harness.migration.progress()).paused == ""


async def test_cancel_while_no_service_responds(harness: MigrationHarness) -> None:
    """Cohorts end and links stop working immediately; only the notice waits for the mail server."""
    await moving(harness)
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    problem = ServiceUnavailable("The mail server does not answer.")
    harness.world.mailer.problem = harness.world.atlassian.problem = harness.world.opsgenie.problem = problem
    await harness.migration.refresh(BY)
    await eventually(lambda: harness.status_shows("The mail server does not answer."))
    await harness.migration.cancel(WHY, BY)
    await harness.cohort().result()
    view = await TemporalLinkClient(harness.client).view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not await over(harness)
    harness.world.mailer.problem = None
    assert (await harness.handle.result()).cancelled
    assert len(harness.world.mailer.notices_of(NoticeKind.MIGRATION_CANCELLED)) == 1


async def test_requests_after_a_cancel_are_refused(harness: MigrationHarness) -> None:
    """While the migration ends, the answer is that it is cancelled; later, that it is over."""
    await moving(harness)
    harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
    await harness.migration.cancel(WHY, BY)
    with pytest.raises(Refused, match="already cancelled"):
        await harness.migration.cancel("again", BY)
    for ask in (harness.migration.pause("x", BY), harness.migration.refresh(BY), harness.migration.resume(BY)):
        with pytest.raises(Refused, match="is cancelled"):
            await ask
    with pytest.raises(NotFound):
        await _until_closed_refuses(harness)
    harness.world.mailer.problem = None
    await harness.handle.result()
    with pytest.raises(NotFound):
        await harness.migration.cancel("again", BY)
    assert [e.act for e in (await harness.migration.audit()).entries].count(Act.CANCEL) == 1


async def _until_closed_refuses(harness: MigrationHarness) -> None:
    await harness.cohort().result()
    await harness.migration.exclude(ANN.email, "x", BY)


async def test_cancel_needs_a_reason(harness: MigrationHarness) -> None:
    """The request is refused before history is written."""
    await moving(harness)
    with pytest.raises(Refused, match="reason"):
        await harness.migration.cancel(" ", BY)


async def test_a_cancellation_in_temporal_cancels_the_migration(harness: MigrationHarness) -> None:
    """A cancellation from the Web UI or the `temporal` command closes the cohorts and notifies owners and admins."""
    await moving(harness)
    await harness.handle.cancel()
    result = await harness.handle.result()
    assert result.cancelled
    assert result.counts[State.LEFT_BEHIND] == 3
    assert len(harness.world.mailer.notices_of(NoticeKind.MIGRATION_CANCELLED)) == 1
    (cancel, _) = (await harness.migration.audit()).entries
    assert (cancel.act, cancel.by, cancel.detail) == (Act.CANCEL, Actor(), "It was cancelled in Temporal.")


async def test_a_cancellation_in_temporal_does_not_interrupt_the_end(harness: MigrationHarness) -> None:
    """The cancellation arrives while owners and admins are being notified."""
    await moving(harness)
    harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
    await harness.migration.cancel(WHY, BY)
    await harness.cohort().result()
    await harness.handle.cancel()
    harness.world.mailer.problem = None
    assert (await harness.handle.result()).cancelled
    assert (await harness.migration.progress()).cancelled == WHY


async def test_no_link_works_after_a_termination(harness: MigrationHarness) -> None:
    """The cohorts end without the migration, and leave people behind with a reason."""
    await moving(harness)
    link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
    await harness.handle.terminate()
    await eventually(lambda: _cohort_ended(harness))
    view = await TemporalLinkClient(harness.client).view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert "outside Landbridge" in (await harness.person(ANN.email)).reason


async def _cohort_ended(harness: MigrationHarness) -> bool:
    status = (await harness.cohort().describe()).status
    return status is not None and status.name == "COMPLETED"


async def test_starting_again_after_a_cancel_must_be_explicit(harness: MigrationHarness) -> None:
    """The same command must not mail everyone again."""
    await moving(harness)
    await harness.migration.cancel(WHY, BY)
    await harness.handle.result()
    assert (await harness.start()).already is RunState.CANCELED
    assert (await migrations.start(harness.client, harness.request(), again=True)).already is None
    await eventually(lambda: len(harness.world.mailer.mails) == 6)
    await harness.until(ANN.email, State.AUTHENTICATING)
    assert (await harness.migration.progress()).cancelled == ""


class TestUndo:
    """The undo revokes invitations that nobody has accepted, according to Atlassian's own list of accounts."""

    async def test_undo_revokes_only_our_unverified_invitations(self, harness: MigrationHarness) -> None:
        """Existing, connected and newly set up accounts remain."""
        atlassian = harness.world.atlassian
        people = {
            name: RosterPerson(email=f"{name}@example.com", email_verified=True)
            for name in ("before", "connected", "byword", "moment", "invited", "excluded", "corrected")
        }
        atlassian.account(people["before"].email)
        harness.world.opsgenie.add(*people.values(), BO)
        await harness.start()
        await eventually(lambda: len(harness.world.mailer.mails) == len(people) + 1)
        atlassian.account(people["connected"].email, verified=True)
        await harness.migration.refresh(BY)
        await harness.until(people["connected"].email, State.CONNECTED)
        await harness.migration.authenticate(people["byword"].email, BY)
        await harness.until(people["byword"].email, State.CONNECTED)
        await harness.migration.exclude(people["excluded"].email, "left", BY)
        await harness.migration.correct_email(people["corrected"].email, "right@example.com", BY)
        await eventually(lambda: harness.world.mailer.sent("right@example.com"))
        atlassian.account(people["moment"].email, verified=True)
        await harness.migration.cancel(WHY, OWNER, undo=True)
        assert (await harness.handle.result()).cancelled
        await eventually(lambda: _undone(harness))
        assert set(atlassian.accounts) == {
            OWNER_EMAIL,
            *(people[n].email for n in ("before", "connected", "byword", "moment")),
        }
        lines = {line.email: line.undone for line in (await harness.migration.report()).people}
        assert lines == {
            OWNER_EMAIL: "",
            people["before"].email: "",
            people["connected"].email: "",
            people["byword"].email: "",
            people["moment"].email: "kept",
            people["invited"].email: "revoked",
            people["excluded"].email: "revoked",
            "right@example.com": "revoked",
            BO.email: "revoked",
        }
        acts = [(entry.act, entry.by) for entry in (await harness.migration.audit()).entries]
        assert (Act.UNDO, OWNER) in acts
        assert (Act.CANCEL, OWNER) in acts

    async def test_undo_can_be_requested_later_and_repeated(self, harness: MigrationHarness) -> None:
        """Owners, admins and operators can request it; a repeated request returns the same result."""
        await moving(harness)
        await harness.migration.cancel(WHY, BY)
        await harness.handle.result()
        assert await harness.migration.undo() is None
        assert len(harness.world.atlassian.accounts) == 4
        with pytest.raises(Refused, match="Only an owner or admin"):
            await harness.migration.revoke_invitations(Actor(source=Source.ADMIN, name=ANN.email))
        for _ in range(2):
            await harness.migration.revoke_invitations(BY)
            await eventually(lambda: _undone(harness))
            assert list(harness.world.atlassian.accounts) == [OWNER_EMAIL]
            progress = await harness.migration.undo()
            assert progress is not None
            assert (progress.revoked, progress.kept, progress.failed) == (3, 0, 0)

    async def test_undo_during_a_cancel_runs_once(self, harness: MigrationHarness) -> None:
        await moving(harness)
        harness.world.mailer.problem = ServiceUnavailable("The mail server does not answer.")
        await harness.migration.cancel(WHY, BY)
        with pytest.raises(Refused, match="already cancelled"):
            await harness.migration.cancel(WHY, BY, undo=True)
        await harness.migration.revoke_invitations(BY)
        with pytest.raises(Refused, match="already being revoked"):
            await harness.migration.revoke_invitations(BY)
        harness.world.mailer.problem = None
        await harness.handle.result()
        await eventually(lambda: _undone(harness))
        assert list(harness.world.atlassian.accounts) == [OWNER_EMAIL]

    async def test_undo_gives_up_while_atlassian_rejects_us(self, harness: MigrationHarness) -> None:
        """Once the problem is fixed, the undo can be requested again."""
        await moving(harness)
        harness.world.atlassian.problem = ServiceRejected("Atlassian denies this to the API key (403).")
        await harness.migration.cancel(WHY, BY, undo=True)
        await harness.handle.result()
        await eventually(lambda: _undone(harness))
        progress = await harness.migration.undo()
        assert progress is not None
        assert "403" in progress.problem
        assert len(harness.world.atlassian.accounts) == 4
        harness.world.atlassian.problem = None
        await harness.migration.revoke_invitations(BY)
        await eventually(lambda: _undone(harness))
        assert list(harness.world.atlassian.accounts) == [OWNER_EMAIL]

    async def test_a_completed_migration_is_not_undone(self, harness: MigrationHarness) -> None:
        await harness.start()
        await harness.handle.result()
        with pytest.raises(Refused, match="was completed"):
            await harness.migration.revoke_invitations(BY)

    async def test_undo_never_cancels_a_running_migration(self, harness: MigrationHarness) -> None:
        """The undo is refused, with and without the run that the sender saw."""
        await moving(harness)
        with pytest.raises(Refused, match="was not cancelled"):
            await harness.migration.revoke_invitations(BY)
        assert (await harness.migration.progress()).cancelled == ""

    async def test_undo_does_not_touch_the_next_migration(self, harness: MigrationHarness) -> None:
        """The undo is for one run, and the next migration cannot start while the undo runs."""
        await moving(harness)
        harness.world.atlassian.problem = ServiceUnavailable("Atlassian is away.")
        await harness.migration.cancel(WHY, BY, undo=True)
        await harness.handle.result()
        with pytest.raises(Refused, match="being revoked"):
            await migrations.start(harness.client, harness.request(), again=True)
        harness.world.atlassian.problem = None
        await eventually(lambda: _undone(harness))
        await migrations.start(harness.client, harness.request(), again=True)
        await eventually(lambda: len(harness.world.mailer.mails) == 6)
        assert await harness.migration.undo() is None
        assert (await harness.migration.audit()).entries[0].act is Act.START
        assert len(harness.world.atlassian.accounts) == 4


async def _undone(harness: MigrationHarness) -> bool:
    progress = await harness.migration.undo()
    return progress is not None and progress.over


class TestForgetting:
    """The data that Temporal keeps can be deleted once the migration and its undo are over."""

    async def test_forget_deletes_the_migration_and_its_undo(self, harness: MigrationHarness) -> None:
        """All runs of all its workflows are deleted, its links stop working, and the request can be repeated."""
        await moving(harness)
        link = harness.world.mailer.link(ANN.email, Purpose.AUTHENTICATION)
        with pytest.raises(Refused, match="has not ended"):
            await deletion.forget(harness.client, harness.account, lambda _: None)
        await harness.migration.cancel(WHY, BY, undo=True)
        await harness.handle.result()
        await eventually(lambda: _undone(harness))
        done: list[int] = []
        assert await deletion.forget(harness.client, harness.account, done.append) == 3
        assert done == [1, 2, 3]
        with pytest.raises(NotFound):
            await harness.migration.status()
        with pytest.raises(NotFound):
            await harness.migration.person(ANN.email)
        link_client = TemporalLinkClient(harness.client)
        assert await link_client.view(link) == LinkView(state=LinkState.CLOSED)
        assert not await link_client.follow(link)
        assert await deletion.forget(harness.client, harness.account, done.append) == 0

    async def test_forget_keeps_other_migrations(self, harness: MigrationHarness) -> None:
        """A migration is kept even if its account's name begins with the name of the deleted one."""
        longer = MigrationHarness(harness.client, f"{harness.account}0", harness.world)
        for one in (harness, longer):
            await one.start()
            await one.handle.result()
        await deletion.forget(harness.client, harness.account, lambda _: None)
        assert (await longer.migration.report()).counts.total == 1

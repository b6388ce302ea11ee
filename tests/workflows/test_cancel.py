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


async def over(bench: MigrationHarness) -> bool:
    """Whether it has ended."""
    return (await bench.migration.status()).run_state is not RunState.RUNNING


async def moving(bench: MigrationHarness) -> None:
    """Take a migration to where everyone has the first mail."""
    bench.world.opsgenie.add(ANN, BO, CY)
    await bench.start()
    await eventually(lambda: len(bench.world.post.mails) == 3)
    await eventually(lambda: bench.step_is(Step.VERIFY))


async def test_cancel_ends_the_migration_and_is_shown_everywhere(bench: MigrationHarness) -> None:
    """Connected people stay connected, others are left behind; links, status, report and mail show the reason."""
    await moving(bench)
    link = bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
    await bench.migration.authenticate(CY.email, BY)
    await bench.until(CY.email, State.CONNECTED)
    await bench.migration.cancel(WHY, OWNER)
    result = await bench.handle.result()
    assert result.cancelled
    assert (result.counts[State.CONNECTED], result.counts[State.LEFT_BEHIND]) == (2, 2)
    ann = await bench.person(ANN.email)
    assert WHY in ann.reason
    assert ann.timeline[-1].by == OWNER
    desk = TemporalLinkClient(bench.client)
    view = await desk.view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not await desk.follow(link)
    status = await bench.migration.status()
    assert (status.run_state, status.step) == (RunState.CANCELED, CANCELLED)
    assert status.progress is not None
    assert status.progress.cancelled == WHY
    statuses = [item.status for item in status.progress.checklist]
    assert statuses[4:] == [StepStatus.DONE, StepStatus.CANCELLED, StepStatus.CANCELLED]
    assert {line.state for line in (await bench.migration.report()).people} == {State.CONNECTED, State.LEFT_BEHIND}
    (notice,) = bench.world.post.told(NoticeKind.MIGRATION_CANCELLED)
    assert (notice.recipient.email, notice.notice.reason) == (OWNER_EMAIL, WHY)
    assert not bench.world.post.told(NoticeKind.MIGRATION_COMPLETE)
    assert (await bench.migration.audit()).entries[0].act is Act.CANCEL
    assert len(bench.world.post.mails) == 3
    assert bench.world.atlassian.calls["revoke"] == 0


async def test_cancel_interrupts_a_batch_of_mails(bench: MigrationHarness) -> None:
    """Mails that were sent by then are in the report; no other mail follows."""
    post = bench.world.post
    post.held = asyncio.Event()
    bench.world.opsgenie.add(ANN, BO, CY)
    await bench.start()
    await eventually(lambda: post.mails)
    await bench.migration.cancel(WHY, BY)
    await bench.handle.result()
    post.held.set()
    assert len(post.mails) == 1
    lines = {line.email: line.mails for line in (await bench.migration.report()).people}
    assert sum(lines.values()) == 1


async def test_no_link_works_after_the_cancel_signal(client: Client) -> None:
    """A click after the cancel signal changes nothing, even if one task brings both."""
    bench = MigrationHarness(client, "cancelled-and-clicked")
    prepared(bench.world)
    bench.world.opsgenie.add(BO)
    async with served(client, bench.world):
        await bench.start()
        await eventually(lambda: bench.world.post.sent(BO.email))
        await bench.until(BO.email, State.EMAIL_UNVERIFIED)
    desk, link = TemporalLinkClient(client), bench.world.post.link(BO.email, Purpose.VERIFICATION)
    await bench.cohort().signal("cancel", Cancel(reason=WHY, by=BY))
    assert await desk.follow(link)
    assert await desk.decline(link)
    async with served(client, bench.world):
        await bench.cohort().result()
        bo = await bench.person(BO.email)
        await end_all(client)
    assert (bo.state, bo.email_verified, bo.declined) == (State.LEFT_BEHIND, False, False)
    assert WHY in bo.reason


async def test_cancel_before_a_site_is_chosen(bench: MigrationHarness) -> None:
    """Only owners and admins know of the migration, and only they are notified."""
    bench.world.opsgenie.add(ANN)
    await bench.start(site="")
    await eventually(lambda: bench.waits_for("Choose a site"))
    await bench.migration.cancel(WHY, BY)
    result = await bench.handle.result()
    assert (result.site, result.counts[State.LEFT_BEHIND]) == (None, 2)
    assert not bench.world.post.mails
    assert len(bench.world.post.told(NoticeKind.MIGRATION_CANCELLED)) == 1
    assert (await bench.migration.progress()).task == ""


async def test_cancel_while_the_roster_cannot_be_read(bench: MigrationHarness) -> None:
    """There are no cohorts yet."""
    bench.world.opsgenie.problem = ServiceUnavailable("Opsgenie is away.")
    await bench.start()
    await eventually(lambda: bench.status_shows("Opsgenie is away."))
    await bench.migration.cancel(WHY, BY)
    assert (await bench.handle.result()).counts.total == 0
    assert (await bench.migration.report()).people == []


async def test_cancel_while_paused(bench: MigrationHarness) -> None:
    """A pause does not delay the end."""
    await moving(bench)
    await bench.migration.pause("Freeze.", BY)
    await bench.migration.cancel(WHY, BY)
    assert (await bench.handle.result()).cancelled
    assert (await bench.migration.progress()).paused == ""


async def test_cancel_while_no_service_responds(bench: MigrationHarness) -> None:
    """Cohorts end and links stop working immediately; only the notice waits for the mail server."""
    await moving(bench)
    link = bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
    problem = ServiceUnavailable("Nobody is there.")
    bench.world.post.problem = bench.world.atlassian.problem = bench.world.opsgenie.problem = problem
    await bench.migration.refresh(BY)
    await eventually(lambda: bench.status_shows("Nobody is there."))
    await bench.migration.cancel(WHY, BY)
    await bench.cohort().result()
    view = await TemporalLinkClient(bench.client).view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert not await over(bench)
    bench.world.post.problem = None
    assert (await bench.handle.result()).cancelled
    assert len(bench.world.post.told(NoticeKind.MIGRATION_CANCELLED)) == 1


async def test_requests_after_a_cancel_are_refused(bench: MigrationHarness) -> None:
    """First because the migration is cancelled, then because it is over."""
    await moving(bench)
    bench.world.post.problem = ServiceUnavailable("Nobody is there.")
    await bench.migration.cancel(WHY, BY)
    with pytest.raises(Refused, match="already cancelled"):
        await bench.migration.cancel("again", BY)
    for ask in (bench.migration.pause("x", BY), bench.migration.refresh(BY), bench.migration.resume(BY)):
        with pytest.raises(Refused, match="is cancelled"):
            await ask
    with pytest.raises(NotFound):
        await _until_closed_refuses(bench)
    bench.world.post.problem = None
    await bench.handle.result()
    with pytest.raises(NotFound):
        await bench.migration.cancel("again", BY)
    assert [e.act for e in (await bench.migration.audit()).entries].count(Act.CANCEL) == 1


async def _until_closed_refuses(bench: MigrationHarness) -> None:
    await bench.cohort().result()
    await bench.migration.exclude(ANN.email, "x", BY)


async def test_cancel_needs_a_reason(bench: MigrationHarness) -> None:
    """The request is refused before history is written."""
    await moving(bench)
    with pytest.raises(Refused, match="reason"):
        await bench.migration.cancel(" ", BY)


async def test_a_cancellation_in_temporal_cancels_the_migration(bench: MigrationHarness) -> None:
    """From the Web UI or the temporal command: cohorts close, owners and admins are notified."""
    await moving(bench)
    await bench.handle.cancel()
    result = await bench.handle.result()
    assert result.cancelled
    assert result.counts[State.LEFT_BEHIND] == 3
    assert len(bench.world.post.told(NoticeKind.MIGRATION_CANCELLED)) == 1
    (cancel, _) = (await bench.migration.audit()).entries
    assert (cancel.act, cancel.by, cancel.detail) == (Act.CANCEL, Actor(), "It was cancelled in Temporal.")


async def test_a_cancellation_in_temporal_does_not_interrupt_the_end(bench: MigrationHarness) -> None:
    """It arrives while owners and admins are being notified."""
    await moving(bench)
    bench.world.post.problem = ServiceUnavailable("Nobody is there.")
    await bench.migration.cancel(WHY, BY)
    await bench.cohort().result()
    await bench.handle.cancel()
    bench.world.post.problem = None
    assert (await bench.handle.result()).cancelled
    assert (await bench.migration.progress()).cancelled == WHY


async def test_no_link_works_after_a_termination(bench: MigrationHarness) -> None:
    """The cohorts end without the migration, and leave people behind with a reason."""
    await moving(bench)
    link = bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
    await bench.handle.terminate()
    await eventually(lambda: _cohort_ended(bench))
    view = await TemporalLinkClient(bench.client).view(link)
    assert view is not None
    assert view.state is LinkState.CLOSED
    assert "from outside" in (await bench.person(ANN.email)).reason


async def _cohort_ended(bench: MigrationHarness) -> bool:
    status = (await bench.cohort().describe()).status
    return status is not None and status.name == "COMPLETED"


async def test_starting_again_after_a_cancel_must_be_explicit(bench: MigrationHarness) -> None:
    """The same command must not mail everyone again."""
    await moving(bench)
    await bench.migration.cancel(WHY, BY)
    await bench.handle.result()
    assert (await bench.start()).already is RunState.CANCELED
    assert (await migrations.start(bench.client, bench.request(), again=True)).already is None
    await eventually(lambda: len(bench.world.post.mails) == 6)
    await bench.until(ANN.email, State.AUTHENTICATING)
    assert (await bench.migration.progress()).cancelled == ""


class TestUndo:
    """Invitations that nobody has accepted are taken back; the judge is Atlassian's own list of accounts."""

    async def test_undo_revokes_only_our_unverified_invitations(self, bench: MigrationHarness) -> None:
        """Existing, connected and newly set up accounts stay."""
        atlassian = bench.world.atlassian
        people = {
            name: RosterPerson(email=f"{name}@example.com", email_verified=True)
            for name in ("before", "connected", "byword", "moment", "invited", "excluded", "corrected")
        }
        atlassian.account(people["before"].email)
        bench.world.opsgenie.add(*people.values(), BO)
        await bench.start()
        await eventually(lambda: len(bench.world.post.mails) == len(people) + 1)
        atlassian.account(people["connected"].email, verified=True)
        await bench.migration.refresh(BY)
        await bench.until(people["connected"].email, State.CONNECTED)
        await bench.migration.authenticate(people["byword"].email, BY)
        await bench.until(people["byword"].email, State.CONNECTED)
        await bench.migration.exclude(people["excluded"].email, "left", BY)
        await bench.migration.correct_email(people["corrected"].email, "right@example.com", BY)
        await eventually(lambda: bench.world.post.sent("right@example.com"))
        atlassian.account(people["moment"].email, verified=True)
        await bench.migration.cancel(WHY, OWNER, undo=True)
        assert (await bench.handle.result()).cancelled
        await eventually(lambda: _undone(bench))
        assert set(atlassian.accounts) == {
            OWNER_EMAIL,
            *(people[n].email for n in ("before", "connected", "byword", "moment")),
        }
        lines = {line.email: line.undone for line in (await bench.migration.report()).people}
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
        acts = [(entry.act, entry.by) for entry in (await bench.migration.audit()).entries]
        assert (Act.UNDO, OWNER) in acts
        assert (Act.CANCEL, OWNER) in acts

    async def test_undo_can_be_requested_later_and_repeated(self, bench: MigrationHarness) -> None:
        """By owners, admins and operators; a repeated request returns the same result."""
        await moving(bench)
        await bench.migration.cancel(WHY, BY)
        await bench.handle.result()
        assert await bench.migration.undo() is None
        assert len(bench.world.atlassian.accounts) == 4
        with pytest.raises(Refused, match="Only an owner or admin"):
            await bench.migration.revoke_invitations(Actor(source=Source.ADMIN, name=ANN.email))
        for _ in range(2):
            await bench.migration.revoke_invitations(BY)
            await eventually(lambda: _undone(bench))
            assert list(bench.world.atlassian.accounts) == [OWNER_EMAIL]
            progress = await bench.migration.undo()
            assert progress is not None
            assert (progress.revoked, progress.kept, progress.failed) == (3, 0, 0)

    async def test_undo_during_a_cancel_runs_once(self, bench: MigrationHarness) -> None:
        await moving(bench)
        bench.world.post.problem = ServiceUnavailable("Nobody is there.")
        await bench.migration.cancel(WHY, BY)
        with pytest.raises(Refused, match="already cancelled"):
            await bench.migration.cancel(WHY, BY, undo=True)
        await bench.migration.revoke_invitations(BY)
        with pytest.raises(Refused, match="already being revoked"):
            await bench.migration.revoke_invitations(BY)
        bench.world.post.problem = None
        await bench.handle.result()
        await eventually(lambda: _undone(bench))
        assert list(bench.world.atlassian.accounts) == [OWNER_EMAIL]

    async def test_undo_gives_up_while_atlassian_rejects_us(self, bench: MigrationHarness) -> None:
        """Once the problem is fixed, the undo can be requested again."""
        await moving(bench)
        bench.world.atlassian.problem = ServiceRejected("Atlassian denies this to the API key (403).")
        await bench.migration.cancel(WHY, BY, undo=True)
        await bench.handle.result()
        await eventually(lambda: _undone(bench))
        progress = await bench.migration.undo()
        assert progress is not None
        assert "403" in progress.problem
        assert len(bench.world.atlassian.accounts) == 4
        bench.world.atlassian.problem = None
        await bench.migration.revoke_invitations(BY)
        await eventually(lambda: _undone(bench))
        assert list(bench.world.atlassian.accounts) == [OWNER_EMAIL]

    async def test_a_completed_migration_is_not_undone(self, bench: MigrationHarness) -> None:
        await bench.start()
        await bench.handle.result()
        with pytest.raises(Refused, match="was completed"):
            await bench.migration.revoke_invitations(BY)

    async def test_undo_never_cancels_a_running_migration(self, bench: MigrationHarness) -> None:
        """With and without the run that the sender saw."""
        await moving(bench)
        with pytest.raises(Refused, match="was not cancelled"):
            await bench.migration.revoke_invitations(BY)
        assert (await bench.migration.progress()).cancelled == ""

    async def test_undo_does_not_touch_the_next_migration(self, bench: MigrationHarness) -> None:
        """The undo is for one run, and the next migration cannot start while the undo runs."""
        await moving(bench)
        bench.world.atlassian.problem = ServiceUnavailable("Atlassian is away.")
        await bench.migration.cancel(WHY, BY, undo=True)
        await bench.handle.result()
        with pytest.raises(Refused, match="being revoked"):
            await migrations.start(bench.client, bench.request(), again=True)
        bench.world.atlassian.problem = None
        await eventually(lambda: _undone(bench))
        await migrations.start(bench.client, bench.request(), again=True)
        await eventually(lambda: len(bench.world.post.mails) == 6)
        assert await bench.migration.undo() is None
        assert (await bench.migration.audit()).entries[0].act is Act.START
        assert len(bench.world.atlassian.accounts) == 4


async def _undone(bench: MigrationHarness) -> bool:
    progress = await bench.migration.undo()
    return progress is not None and progress.over


class TestForgetting:
    """What Temporal keeps can be deleted once all is over."""

    async def test_forget_deletes_the_migration_and_its_undo(self, bench: MigrationHarness) -> None:
        """All runs of all its workflows; its links stop working; the request can be repeated."""
        await moving(bench)
        link = bench.world.post.link(ANN.email, Purpose.AUTHENTICATION)
        with pytest.raises(Refused, match="not over"):
            await deletion.forget(bench.client, bench.account, lambda _: None)
        await bench.migration.cancel(WHY, BY, undo=True)
        await bench.handle.result()
        await eventually(lambda: _undone(bench))
        done: list[int] = []
        assert await deletion.forget(bench.client, bench.account, done.append) == 3
        assert done == [1, 2, 3]
        with pytest.raises(NotFound):
            await bench.migration.status()
        with pytest.raises(NotFound):
            await bench.migration.person(ANN.email)
        desk = TemporalLinkClient(bench.client)
        assert await desk.view(link) == LinkView(state=LinkState.CLOSED)
        assert not await desk.follow(link)
        assert await deletion.forget(bench.client, bench.account, done.append) == 0

    async def test_forget_keeps_other_migrations(self, bench: MigrationHarness) -> None:
        """Also if one name begins with the other."""
        longer = MigrationHarness(bench.client, f"{bench.account}0", bench.world)
        for one in (bench, longer):
            await one.start()
            await one.handle.result()
        await deletion.forget(bench.client, bench.account, lambda _: None)
        assert (await longer.migration.report()).counts.total == 1

"""A request names the run and task that its sender saw; any other run or task refuses it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from landbridge.client import migrations
from landbridge.client.answers import RunState
from landbridge.client.migration import Migration
from landbridge.domain.audit import Act
from landbridge.domain.errors import Refused
from landbridge.domain.messages import Deadline, Step
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import NewSite
from tests.workflows.harness import MigrationHarness, eventually

ANN, BY = "ann@example.com", Actor(name="ops")
LATER = datetime(2099, 3, 1, tzinfo=UTC)
REQUESTS: dict[str, Callable[[Migration], Awaitable[object]]] = {
    "choose_site": lambda migration: migration.choose_site("acme", BY),
    "name_site": lambda migration: migration.name_site(NewSite(name="new", first_name="N", last_name="N"), BY),
    "confirm": lambda migration: migration.confirm("connect-site:acme", BY),
    "pause": lambda migration: migration.pause("x", BY),
    "resume": lambda migration: migration.resume(BY),
    "refresh": lambda migration: migration.refresh(BY),
    "set_deadline": lambda migration: migration.set_deadline(LATER, AtDeadline.KEEP_WAITING, BY),
    "cancel": lambda migration: migration.cancel("x", BY, undo=True),
    "revoke_invitations": lambda migration: migration.revoke_invitations(BY),
    "resend": lambda migration: migration.resend(ANN, by=BY),
    "resend_all": lambda migration: migration.resend_all(State.AUTHENTICATING, BY),
    "verify": lambda migration: migration.verify(ANN, BY),
    "authenticate": lambda migration: migration.authenticate(ANN, BY),
    "exclude": lambda migration: migration.exclude(ANN, "x", BY),
    "correct_email": lambda migration: migration.correct_email(ANN, "new@example.com", BY),
}


async def restarted(harness: MigrationHarness) -> Migration:
    """Start a migration, cancel it and start it again; return a client that saw only the first one."""
    harness.world.opsgenie.add(RosterPerson(email=ANN, email_verified=True))
    await harness.start()
    await eventually(lambda: harness.step_is(Step.VERIFY))
    seen = Migration(harness.client, harness.account, (await harness.migration.summary()).run)
    await seen.cancel("Another try.", BY)
    await harness.handle.result()
    await migrations.start(harness.client, harness.request(), again=True)
    await eventually(lambda: harness.step_is(Step.VERIFY))
    return seen


async def test_the_next_migration_refuses_requests_about_the_last_one(harness: MigrationHarness) -> None:
    """The error says that the migration was started again, and nothing changes."""
    seen = await restarted(harness)
    for ask in REQUESTS.values():
        with pytest.raises(Refused, match="started again in the meantime, so nothing was changed"):
            await ask(seen)
    started = (await harness.migration.summary()).started_at
    assert [one.act for one in (await harness.migration.audit()).entries if one.at >= started] == [Act.START]
    assert (await harness.migration.summary()).run_state is RunState.RUNNING
    ann = await harness.person(ANN)
    assert (ann.state, ann.email) == (State.AUTHENTICATING, ANN)


async def test_an_undo_of_an_earlier_migration_is_refused(harness: MigrationHarness) -> None:
    """The undo is also refused while no migration runs."""
    seen = await restarted(harness)
    await harness.migration.cancel("Enough.", BY)
    await harness.handle.result()
    with pytest.raises(Refused, match="started again"):
        await seen.revoke_invitations(BY)
    assert harness.world.atlassian.calls["revoke"] == 0


async def test_a_request_by_hand_may_omit_the_run(harness: MigrationHarness) -> None:
    """The request is then for the running migration. The task cannot be omitted."""
    harness.world.atlassian.by_hand = True
    await harness.start(site="acme")
    await eventually(lambda: harness.waits_for("Connect the Opsgenie account"))
    await harness.handle.execute_update("pause", {"reason": "x"})
    with pytest.raises(Refused, match=r"Name the completed task: connect-site:acme\."):
        await harness.migration.confirm("", BY)
    await harness.handle.execute_update("confirm", {"task": "connect-site:acme"})
    await eventually(lambda: harness.world.atlassian.connections)


async def test_a_deadline_replaces_only_the_one_that_was_seen(harness: MigrationHarness) -> None:
    """A request that names no former deadline replaces any deadline."""
    harness.world.opsgenie.add(RosterPerson(email=ANN, email_verified=True))
    await harness.start()
    none = Deadline(deadline=None, at_deadline=AtDeadline.KEEP_WAITING)
    await harness.migration.set_deadline(LATER, AtDeadline.KEEP_WAITING, BY, instead_of=none)
    with pytest.raises(Refused, match="deadline was changed in the meantime"):
        await harness.migration.set_deadline(None, AtDeadline.KEEP_WAITING, BY, instead_of=none)
    await harness.migration.set_deadline(None, AtDeadline.KEEP_WAITING, BY)
    assert (await harness.migration.progress()).deadline is None

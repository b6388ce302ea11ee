"""Commands apply to what their user saw, since another admin may act between `status` and the command."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.messages import Step
from landbridge.domain.people import Actor, State
from landbridge.domain.sites import NewSite
from tests.cli.conftest import Cli, request_for
from tests.fakes import World
from tests.workflows.harness import eventually

BY = Actor(name="another admin")
AGAIN = "started again in the meantime, so nothing was changed"


async def restarted(client: Client, migration: Migration, account: str) -> None:
    """Cancel the migration as another admin and start it again, until it waits for people."""
    await migration.cancel("Another try.", BY)
    await eventually(lambda: _is(migration, RunState.CANCELED))
    await migrations.start(client, request_for(account, site="acme"), again=True)

    async def waits_for_people() -> bool:
        return (await migration.progress()).step is Step.VERIFY

    await eventually(waits_for_people)


async def _is(migration: Migration, run_state: RunState) -> bool:
    return (await migration.summary()).run_state is run_state


async def test_commands_for_an_earlier_run_are_refused(
    cli: Cli, client: Client, moving: Migration, account: str
) -> None:
    """Each command names the run that `status` showed before another admin restarted the migration."""
    for_programs, for_people = await asyncio.gather(cli("status", account, "-o", "json"), cli("status", account))
    run = ["--run", MigrationStatus.model_validate_json(for_programs.out).run]
    assert run[1] in for_people.out
    await restarted(client, moving, account)
    before = await moving.audit()
    commands = (
        ["cancel", account, "--reason", "x", "--undo"],
        ["undo", account],
        ["confirm", account, "--task", "connect-site:acme"],
        ["verify", account, "ben@example.com"],
        ["pause", account, "--reason", "x"],
    )
    for ran in await asyncio.gather(*(cli(*command, *run) for command in commands)):
        assert (ran.code, AGAIN in ran.err) == (3, True), ran
    assert await moving.audit() == before
    assert (await moving.summary()).run_state is RunState.RUNNING
    ben = (await moving.person("ben@example.com")).person
    assert (ben.state, ben.email_verified) == (State.EMAIL_UNVERIFIED, False)


async def test_an_undo_never_cancels_a_migration_that_runs(cli: Cli, moving: Migration, account: str) -> None:
    """The command is refused even if it names the current run."""
    ran = await cli("undo", account, "--run", (await moving.summary()).run)
    assert (ran.code, "was not cancelled" in ran.err) == (3, True)
    assert (await moving.progress()).cancelled == ""


@pytest.fixture
async def by_hand(world: World) -> AsyncIterator[World]:
    """Make site creation and connection manual tasks, as with the real Atlassian."""
    world.atlassian.by_hand = True
    yield world
    world.atlassian.by_hand = False


async def test_confirm_names_the_task(cli: Cli, client: Client, by_hand: World, account: str) -> None:
    """If two admins saw the same status, the second `confirm` does not confirm the next task."""
    name = f"site-of-{account}"
    new_site = NewSite(name=name, first_name="Olga", last_name="Owner")
    await migrations.start(client, request_for(account).model_copy(update={"new_site": new_site}))
    migration = Migration(client, account)

    async def waits_for(task: str) -> bool:
        return (await migration.progress()).task_id == task

    await eventually(lambda: waits_for(f"create-site:{name}"))
    unnamed = await cli("confirm", account)
    assert (unnamed.code, f"Name the completed task: create-site:{name}." in unnamed.err) == (3, True)
    command = (await migration.progress()).command.split()
    assert command[1:] == ["confirm", account, "--task", f"create-site:{name}", "--run", command[-1]]
    assert " ".join(command) in (await cli("status", account)).out
    site = by_hand.atlassian.listed_sites[0].model_copy(update={"name": name, "url": f"https://{name}.example"})
    by_hand.atlassian.listed_sites.append(site)
    assert (await cli(*command[1:])).code == 0
    await eventually(lambda: waits_for(f"connect-site:{name}"))
    late = await cli(*command[1:])
    assert (late.code, f"no longer waits for the task create-site:{name}" in late.err) == (3, True)
    assert account not in by_hand.atlassian.connections
    other = await cli("choose-site", account, "acme")
    assert (other.code, "already chosen" in other.err) == (3, True)
    assert (await cli("confirm", account, "--task", f"connect-site:{name}")).code == 0
    await eventually(lambda: account in by_hand.atlassian.connections)


async def test_replacing_a_chosen_site_needs_the_task(cli: Cli, client: Client, by_hand: World, account: str) -> None:
    """A new site was named but not yet created. Choosing another site requires the id of that task."""
    assert by_hand
    new_site = NewSite(name="fresh", first_name="Olga", last_name="Owner")
    await migrations.start(client, request_for(account).model_copy(update={"new_site": new_site}))
    migration = Migration(client, account)

    async def waits_for_the_site() -> bool:
        return (await migration.progress()).task_id == "create-site:fresh"

    await eventually(waits_for_the_site)
    refused = await cli("choose-site", account, "acme")
    assert (refused.code, "name the pending task: create-site:fresh." in refused.err) == (3, True)
    assert (await cli("choose-site", account, "acme", "--task", "create-site:fresh")).code == 0

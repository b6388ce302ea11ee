import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import asking, first_step, following, options, session, start_options, status_view, text
from landbridge.cli.options import Account, By, Output, Output_
from landbridge.cli.start_options import RuleOptions, SiteOptions
from landbridge.client import migrations
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.errors import BadInput, NotFound


async def start(
    account: Account,
    /,
    *,
    initiator: Annotated[str, Parameter(help="Address of the owner or admin who initiates it.", metavar="EMAIL")],
    roster: Annotated[Path | None, options.ROSTER] = None,
    notify: Annotated[
        list[str] | None,
        Parameter(
            help="Who is told of tasks and of the end, instead of all owners and admins; may be repeated.",
            metavar="EMAIL",
        ),
    ] = None,
    plan: Annotated[
        str,
        Parameter(help="The plan that was agreed on: with another roster, nothing is started.", metavar="DIGEST"),
    ] = "",
    yes: Annotated[bool, Parameter(help="Do not ask.")] = False,
    again: Annotated[bool, Parameter(help="Start another one although one was completed or cancelled.")] = False,
    wait: Annotated[bool, Parameter(help="Wait for its end, and exit by its outcome.")] = False,
    output: Output_ = Output.TABLE,
    site: SiteOptions | None = None,
    rules: RuleOptions | None = None,
    by: By = "",
) -> int:
    """Start a migration, or show the one that runs."""
    people = await start_options.read_roster(roster) if roster else None
    request = start_options.request(
        account,
        initiator=initiator,
        site=site or SiteOptions(),
        rules=rules or RuleOptions(),
        notify=notify or [],
        people=people,
        plan=plan.strip(),
        by=options.actor(by),
    )
    if not yes and not asking.possible():
        raise BadInput("Cannot prompt: stdin is not a terminal. Pass --yes.")
    client = await session.connect()
    migration = Migration(client, account)
    if not yes and not await _stands(migration, again=again) and not await asking.agreed(request, people, roster):
        raise BadInput("Nothing was started.")

    started = await migrations.start(client, request, again=again)
    if output is Output.JSON:
        text.write_json(started)
    if started.already is not None and started.already is not RunState.RUNNING:
        how = "cancelled" if started.already is RunState.CANCELED else "completed"
        text.say(f"The migration of {account} was {how}; nothing was started. For another one: --again")
        status = await migration.status()
        _show(status, output)
        return following.exit_of(status)
    text.say(f"The migration of {account} {'runs already' if started.already else 'is started'}.")

    status = await first_step.take(client, migration, request, people)
    if wait:
        return await _wait(migration, output)
    _show(status, output)
    if status.progress is None and status.run_state is RunState.RUNNING:
        text.say(f"It waits for a worker. See how it goes on: ./starter.py status {account}")
    return following.exit_of(status)


async def _stands(migration: Migration, *, again: bool) -> bool:
    """Return whether one stands that would only be shown, so that there is nothing to ask."""
    try:
        status = await migration.status()
    except NotFound:
        return False
    return status.run_state is RunState.RUNNING or (status.restart_needs_again and not again)


async def _wait(migration: Migration, output: Output) -> int:
    try:
        if output is Output.TABLE and text.redraws():
            return following.exit_of(await following.watch(migration))
        status = await following.tell(migration)
    except asyncio.CancelledError:
        text.say("The migration goes on; only the waiting has ended.")
        raise
    _show(status, output)
    return following.exit_of(status)


def _show(status: MigrationStatus, output: Output) -> None:
    if output is Output.TABLE:
        text.out().print(status_view.render(status))

"""The command `start`."""

import asyncio
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, prompts, session, start_options, start_progress, status_view, text, watch
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
            help="Whom to notify of tasks and of the end, instead of all owners and admins; can be repeated.",
            metavar="EMAIL",
        ),
    ] = None,
    plan: Annotated[
        str,
        Parameter(help="Digest of a plan; nothing is started if the roster has changed since.", metavar="DIGEST"),
    ] = "",
    yes: Annotated[bool, Parameter(help="Do not ask for confirmation.")] = False,
    again: Annotated[bool, Parameter(help="Start even if a migration was completed or cancelled.")] = False,
    wait: Annotated[bool, Parameter(help="Wait for the end; the exit code is the outcome.")] = False,
    output: Output_ = Output.TABLE,
    site: SiteOptions | None = None,
    rules: RuleOptions | None = None,
    by: By = "",
) -> int:
    """Start a migration, or show the one that is already running."""
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
    if not yes and not prompts.can_prompt():
        raise BadInput("Cannot prompt: stdin is not a terminal. Pass --yes.")
    client = await session.connect()
    migration = Migration(client, account)
    needs_prompt = not yes and not await _would_only_show(migration, again=again)
    if needs_prompt and not await prompts.confirm_start(request, people, roster):
        raise BadInput("Nothing was started.")

    started = await migrations.start(client, request, again=again)
    if output is Output.JSON:
        text.write_json(started)
    if started.already is not None and started.already is not RunState.RUNNING:
        outcome = "cancelled" if started.already is RunState.CANCELED else "completed"
        text.say(f"The migration of {account} was {outcome}; nothing was started. To start another one: --again")
        status = await migration.status()
        _show(status, output)
        return watch.exit_code(status)
    text.say(f"The migration of {account} {'is already running' if started.already else 'has started'}.")

    status = await start_progress.follow_start(client, migration, request, people)
    if wait:
        return await _wait(migration, output)
    _show(status, output)
    if status.progress is None and status.run_state is RunState.RUNNING:
        text.say(f"The migration waits for a worker. To follow it: ./starter.py status {account}")
    return watch.exit_code(status)


async def _would_only_show(migration: Migration, *, again: bool) -> bool:
    """Return whether `start` would only show an existing migration, so that there is nothing to confirm."""
    try:
        status = await migration.status()
    except NotFound:
        return False
    return status.run_state is RunState.RUNNING or (status.restart_needs_again and not again)


async def _wait(migration: Migration, output: Output) -> int:
    try:
        if output is Output.TABLE and text.redraws():
            return watch.exit_code(await watch.watch(migration))
        status = await watch.wait(migration)
    except asyncio.CancelledError:
        text.say("Stopped waiting; the migration continues.")
        raise
    _show(status, output)
    return watch.exit_code(status)


def _show(status: MigrationStatus, output: Output) -> None:
    if output is Output.TABLE:
        text.out().print(status_view.render(status))

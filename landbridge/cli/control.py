"""Commands that control a running migration: site, tasks, pause, refresh, deadline."""

import shlex
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, prompts, session, text
from landbridge.cli.options import Account, By, Output, Output_, Run
from landbridge.cli.times import WhenOrNone
from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import Decided
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import NewSite

Task = Annotated[
    str, Parameter(help="The open task, to replace a site that was already chosen; see status.", metavar="TASK")
]


async def choose_site(
    account: Account,
    site: Annotated[str, Parameter(help="The site's name or URL.")],
    /,
    *,
    task: Task = "",
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Choose an existing site."""
    if not site.strip():
        raise BadInput("The site's name is empty.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    _show(await migration.choose_site(site, actor, task=task), output)


async def name_site(
    account: Account,
    name: Annotated[str, Parameter(help="The first part of the new URL: NAME.atlassian.net.")],
    /,
    *,
    first_name: Annotated[str, Parameter(help="First name of the site admin, who is the initiator.", metavar="NAME")],
    last_name: Annotated[str, Parameter(help="Last name of the site admin, who is the initiator.", metavar="NAME")],
    task: Task = "",
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Name a new site."""
    new_site = NewSite(name=name, first_name=first_name, last_name=last_name)
    sites.check(new_site)
    actor = options.actor(by)
    migration = await session.migration(account, run)
    _show(await migration.name_site(new_site, actor, task=task), output)


def _show(decided: Decided, output: Output) -> None:
    if output is Output.JSON:
        text.write_json(decided)
    elif decided.site is not None:
        text.say(f"The people will move to {decided.site.url}")
    elif decided.task:
        text.say(f"{decided.task}\nThen run: {decided.command}")


async def confirm(
    account: Account,
    /,
    *,
    task: Annotated[str, Parameter(help="The task, as status shows it.", metavar="TASK")] = "",
    run: Run = "",
    by: By = "",
) -> None:
    """Report that a task is done."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.confirm(task, actor)
    text.say(f"Recorded. To follow the migration: ./starter.py status {account}")


async def pause(
    account: Account,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Shown in the status.")],
    run: Run = "",
    by: By = "",
) -> None:
    """Pause a migration."""
    reason = options.reason(reason)
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.pause(reason, actor)
    text.say(f"Paused. To resume: {shlex.join(['./starter.py', 'resume', account, '--reason', reason])}")


async def resume(
    account: Account,
    /,
    *,
    reason: Annotated[
        str, Parameter(help="The reason of the pause, as status shows it. Default: you are asked.", metavar="TEXT")
    ] = "",
    run: Run = "",
    by: By = "",
) -> None:
    """Resume a paused migration."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    if not reason and prompts.can_prompt():
        reason = (await migration.progress()).paused
        if reason and not await prompts.confirm(f"Paused: {reason.rstrip('.')}. Resume?"):
            raise BadInput("Nothing was changed.")
    await migration.resume(actor, reason)
    text.say("Resumed.")


async def refresh(account: Account, /, *, run: Run = "", by: By = "") -> None:
    """Check Opsgenie and Atlassian for changes now."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.refresh(actor)
    text.say("Checking Opsgenie and Atlassian for changes.")


async def set_deadline(
    account: Account,
    when: WhenOrNone,
    /,
    *,
    at_deadline: options.AtDeadline_ = AtDeadline.KEEP_WAITING,
    run: Run = "",
    by: By = "",
) -> None:
    """Change or remove the deadline."""
    if when is None and at_deadline is not AtDeadline.KEEP_WAITING:
        raise BadInput("--at-deadline needs a deadline: leave it out if you remove the deadline.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.set_deadline(when, at_deadline, actor)
    text.say("The deadline was removed." if when is None else f"The deadline is {text.local(when)}.")

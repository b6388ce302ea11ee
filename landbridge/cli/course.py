import shlex
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import asking, moments, options, session, text
from landbridge.cli.options import Account, By, Run
from landbridge.domain.errors import BadInput
from landbridge.domain.rules import AtDeadline


async def pause(
    account: Account,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Stands in the status.")],
    run: Run = "",
    by: By = "",
) -> None:
    """Start nothing new until resumed."""
    reason = options.reason(reason, "it stands in the status")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.pause(reason, actor)
    text.say(f"Paused. Go on: {shlex.join(['./starter.py', 'resume', account, '--reason', reason])}")


async def resume(
    account: Account,
    /,
    *,
    reason: Annotated[
        str, Parameter(help="That of the pause, as status shows it. Without it, the command asks.", metavar="TEXT")
    ] = "",
    run: Run = "",
    by: By = "",
) -> None:
    """Go on after a pause."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    if not reason and asking.possible():
        reason = (await migration.progress()).paused
        if reason and not await asking.yes(f"Paused: {reason.rstrip('.')}. Resume?"):
            raise BadInput("Nothing was done.")
    await migration.resume(actor, reason)
    text.say("It goes on.")


async def refresh(account: Account, /, *, run: Run = "", by: By = "") -> None:
    """Ask Opsgenie and Atlassian at once."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.refresh(actor)
    text.say("Opsgenie and Atlassian are asked.")


async def set_deadline(
    account: Account,
    when: moments.WhenOrNone,
    /,
    *,
    at_deadline: options.AtDeadline_ = AtDeadline.KEEP_WAITING,
    run: Run = "",
    by: By = "",
) -> None:
    """Set another deadline, or none."""
    if when is None and at_deadline is not AtDeadline.KEEP_WAITING:
        raise BadInput("Without a deadline nothing happens at it: leave --at-deadline out.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.set_deadline(when, at_deadline, actor)
    text.say("There is no deadline any more." if when is None else f"The deadline is {text.local(when)}.")

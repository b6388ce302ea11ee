from typing import Annotated

from cyclopts import Parameter

from cli import moments, options, session, text
from cli.options import Account, By
from domain.errors import BadInput
from domain.rules import AtDeadline


async def pause(
    account: Account, /, *, reason: Annotated[str, options.Reason, Parameter(help="Stands in the status.")], by: By = ""
) -> None:
    """Start nothing new until resumed."""
    reason = options.reason(reason, "it stands in the status")
    actor = options.actor(by)
    migration = await session.migration(account)
    await migration.pause(reason, actor)
    text.say(f"Paused. Go on: ./starter.py resume {account}")


async def resume(account: Account, /, *, by: By = "") -> None:
    """Go on after a pause."""
    actor = options.actor(by)
    migration = await session.migration(account)
    await migration.resume(actor)
    text.say("It goes on.")


async def refresh(account: Account, /, *, by: By = "") -> None:
    """Ask Opsgenie and Atlassian at once."""
    actor = options.actor(by)
    migration = await session.migration(account)
    await migration.refresh(actor)
    text.say("Opsgenie and Atlassian are asked.")


async def set_deadline(
    account: Account,
    when: moments.WhenOrNone,
    /,
    *,
    at_deadline: options.AtDeadline_ = AtDeadline.KEEP_WAITING,
    by: By = "",
) -> None:
    """Set another deadline, or none."""
    if when is None and at_deadline is not AtDeadline.KEEP_WAITING:
        raise BadInput("Without a deadline nothing happens at it: leave --at-deadline out.")
    actor = options.actor(by)
    migration = await session.migration(account)
    await migration.set_deadline(when, at_deadline, actor)
    text.say("There is no deadline any more." if when is None else f"The deadline is {text.local(when)}.")

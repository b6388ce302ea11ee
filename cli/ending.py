import asyncio
import time
from typing import Annotated

from cyclopts import Parameter

from cli import asking, options, session, status_view, text
from cli.options import Account, By
from domain.errors import BadInput
from domain.messages import UndoProgress
from runtime.exits import Exit
from steering import forgetting
from steering.answers import MigrationStatus, RunState
from steering.migration import Migration

PATIENCE_SECONDS = 60
"""How long the end is waited for; it comes by itself."""
_LOOK_SECONDS = 0.5

Yes = Annotated[bool, Parameter(help="Do not ask.")]


async def cancel(
    account: Account,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Stands in the report; owners and admins are told.")],
    undo: Annotated[bool, Parameter(help="Also remove whom Landbridge invited and who has not accepted.")] = False,
    yes: Yes = False,
    by: By = "",
) -> int:
    """End a migration before its time."""
    reason = options.reason(reason, "owners and admins are told")
    actor = options.actor(by)
    removed = (
        " Whom Landbridge has invited and who has not set up the account is removed from the Atlassian organization."
        if undo
        else ""
    )
    await _agree(
        account,
        f"The migration of {account} ends: no more mail, no link works. Whoever is connected stays so.{removed}",
        yes=yes,
    )
    migration = await session.migration(account)
    await migration.cancel(reason.strip(), actor, undo=undo)
    status, undone = await _ended(migration, undo=undo)
    if status.run_state is RunState.RUNNING or (undo and (undone is None or not undone.over)):
        text.say(f"It is being cancelled, and goes on by itself. See: ./starter.py status {account}")
    else:
        text.say("Cancelled.")
    text.out().print(status_view.render(status))
    if undone is not None:
        for sentence in _undone(undone, account):
            text.say(sentence)
        return Exit.FAILED if undone.over and (undone.trouble or undone.failed) else Exit.DONE
    return Exit.DONE


async def _ended(migration: Migration, *, undo: bool) -> tuple[MigrationStatus, UndoProgress | None]:
    """Look until the migration, and its undo, have ended; at most for `PATIENCE_SECONDS`."""
    until = time.monotonic() + PATIENCE_SECONDS
    with text.err().status("What is under way breaks off …"):
        while True:
            status = await migration.status()
            undone = await migration.undo() if undo and status.progress is not None else None
            over = status.run_state is not RunState.RUNNING and (not undo or (undone is not None and undone.over))
            if over or time.monotonic() > until:
                return status, undone
            await asyncio.sleep(_LOOK_SECONDS)


def _undone(undone: UndoProgress, account: str) -> list[str]:
    said = [
        (
            f"{undone.revoked} invitations revoked, {undone.kept} kept since the person has set up the account, "
            f"{undone.failed} that Atlassian did not revoke. See who: ./starter.py report {account}"
        ),
        (
            "The Atlassian accounts themselves stay: its API cannot delete them. Invitations that Atlassian mailed "
            "itself cannot be called back."
        ),
    ]
    if undone.trouble:
        again = " Mend it, and cancel with --undo again." if undone.over else ""
        said.append(f"The undo {'gave up' if undone.over else 'waits'}: {undone.trouble}{again}")
    return said


async def forget(account: Account, /, *, yes: Yes = False) -> None:
    """Delete what Temporal keeps of a migration that is over."""
    await _agree(
        account,
        f"All that Temporal keeps of the migration of {account} is deleted: people, timelines, audit and report.",
        yes=yes,
    )
    client = await session.connect()
    with text.err().status("Temporal deletes …") as line:
        deleted = await forgetting.forget(client, account, lambda done: line.update(f"{done} runs are deleted …"))
    if not deleted:
        text.say(f"Temporal keeps nothing of a migration of {account}.")
        return
    text.say(f"Forgotten: {deleted} workflow runs are deleted.")
    text.say(
        "Not deleted: mails and the logs of mail servers; what Opsgenie and Atlassian know; Landbridge's own logs, "
        "which hold no addresses or names; Temporal's archive and backups of its database, where there are any."
    )


async def _agree(account: str, what: str, *, yes: bool) -> None:
    if yes:
        return
    if not asking.possible():
        raise BadInput("Nobody is here to be asked: say --yes.")
    if not await asking.named(account, what):
        raise BadInput("Nothing was done.")

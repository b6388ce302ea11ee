import asyncio
import time
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import asking, options, session, status_view, text
from landbridge.cli.options import Account, By
from landbridge.client import deletion
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import UndoProgress
from landbridge.platform.exits import Exit

PATIENCE_SECONDS = 60
"""How long the end is waited for; it comes by itself."""
_LOOK_SECONDS = 0.5

_REMOVED = "Whom Landbridge has invited and who has not set up the account is removed from the Atlassian organization."
WhichRun = Annotated[
    str, Parameter(help="The migration that is meant, as status shows it. Without it, you are asked.", metavar="RUN")
]


async def cancel(
    account: Account,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Stands in the report; owners and admins are told.")],
    undo: Annotated[bool, Parameter(help="Also remove whom Landbridge invited and who has not accepted.")] = False,
    run: WhichRun = "",
    by: By = "",
) -> int:
    """End a migration before its time."""
    reason = options.reason(reason, "owners and admins are told")
    actor = options.actor(by)
    removed = f" {_REMOVED}" if undo else ""
    what = f"The migration of {account} ends: no more mail, no link works. Whoever is connected stays so.{removed}"
    migration = await _agreed(account, run, what)
    await migration.cancel(reason.strip(), actor, undo=undo)
    return await _tell_end(account, migration, undo=undo)


async def undo(account: Account, /, *, run: WhichRun = "", by: By = "") -> int:
    """Revoke the invitations of a migration that was cancelled or failed."""
    actor = options.actor(by)
    migration = await _agreed(account, run, f"{_REMOVED} Whoever is connected stays so.")
    await migration.revoke_invitations(actor)
    return await _tell_end(account, migration, undo=True)


async def _agreed(account: str, run: str, what: str) -> Migration:
    """Return the migration that is meant: the one that was named, or the one that is shown and agreed on.

    Raises:
        BadInput: none was named, and nobody can be asked or somebody answered no.

    """
    if run:
        return await session.migration(account, run)
    if not asking.possible():
        raise BadInput("Cannot prompt: stdin is not a terminal. Pass --run RUN, as status shows it.")
    status = await (await session.migration(account)).status()
    text.err().print(status_view.render(status))
    if not await asking.named(account, what):
        raise BadInput("Nothing was done.")
    return await session.migration(account, status.run)


async def _tell_end(account: str, migration: Migration, *, undo: bool) -> int:
    status, undone = await _ended(migration, undo=undo)
    if status.run_state is RunState.RUNNING or (undo and (undone is None or not undone.over)):
        text.say(f"That is under way, and goes on by itself. See: ./starter.py status {account}")
    elif status.run_state is RunState.CANCELED:
        text.say("Cancelled.")
    text.out().print(status_view.render(status))
    if undone is not None:
        for sentence in _undone(undone, account):
            text.say(sentence)
        return Exit.FAILED if undone.over and (undone.problem or undone.failed) else Exit.DONE
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
    if undone.problem:
        again = f" Fix it, and run it again: ./starter.py undo {account}" if undone.over else ""
        said.append(f"The undo {'gave up' if undone.over else 'waits'}: {undone.problem}{again}")
    return said


async def forget(account: Account, /, *, yes: Annotated[bool, Parameter(help="Do not ask.")] = False) -> None:
    """Delete what Temporal keeps of a migration that is over."""
    if not yes:
        if not asking.possible():
            raise BadInput("Cannot prompt: stdin is not a terminal. Pass --yes.")
        what = f"All that Temporal keeps of the migration of {account} is deleted: people, timelines, audit and report."
        if not await asking.named(account, what):
            raise BadInput("Nothing was done.")
    client = await session.connect()
    with text.err().status("Temporal deletes …") as line:
        deleted = await deletion.forget(client, account, lambda done: line.update(f"{done} runs are deleted …"))
    if not deleted:
        text.say(f"Temporal keeps nothing of a migration of {account}.")
        return
    text.say(f"Forgotten: {deleted} workflow runs are deleted.")
    text.say(
        "Not deleted: mails and the logs of mail servers; what Opsgenie and Atlassian know; Landbridge's own logs, "
        "which hold no addresses or names; Temporal's archive and backups of its database, where there are any."
    )

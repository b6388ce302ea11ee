"""The commands `cancel`, `undo` and `forget`."""

import asyncio
import time
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, prompts, session, status_view, text
from landbridge.cli.options import Account, By
from landbridge.client import deletion
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import UndoProgress
from landbridge.platform.exits import Exit

TIMEOUT_SECONDS = 60
"""How long cancel and undo wait for the end; the migration also ends if the command has stopped waiting."""
_POLL_SECONDS = 0.5

_REMOVED = (
    "People whom Landbridge invited and who have not set up their account are removed from the Atlassian organization."
)
_UNAFFECTED = "Connected people are not affected."
RequiredRun = Annotated[
    str, Parameter(help="The migration's run, as status shows it. Default: you are asked.", metavar="RUN")
]


async def cancel(
    account: Account,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Shown in the report and sent to owners and admins.")],
    undo: Annotated[bool, Parameter(help="Also revoke open invitations.")] = False,
    run: RequiredRun = "",
    by: By = "",
) -> int:
    """Cancel a migration."""
    reason = options.reason(reason)
    actor = options.actor(by)
    removed = f" {_REMOVED}" if undo else ""
    consequence = (
        f"This cancels the migration of {account}: no more mail is sent, and mailed links stop working.{removed} "
        f"{_UNAFFECTED}"
    )
    migration = await _confirmed(account, run, consequence)
    await migration.cancel(reason.strip(), actor, undo=undo)
    return await _show_end(account, migration, undo=undo)


async def undo(account: Account, /, *, run: RequiredRun = "", by: By = "") -> int:
    """Revoke the open invitations of a cancelled or failed migration."""
    actor = options.actor(by)
    migration = await _confirmed(account, run, f"{_REMOVED} {_UNAFFECTED}")
    await migration.revoke_invitations(actor)
    return await _show_end(account, migration, undo=True)


async def _confirmed(account: str, run: str, consequence: str) -> Migration:
    """Return the migration that `run` names, or that the user has seen and confirmed.

    Raises:
        BadInput: no run was given, and the user cannot be asked or did not confirm.

    """
    if run:
        return await session.migration(account, run)
    if not prompts.can_prompt():
        raise BadInput("Cannot prompt: stdin is not a terminal. Pass --run RUN, as status shows it.")
    status = await (await session.migration(account)).status()
    text.err().print(status_view.render(status))
    if not await prompts.confirm_account(account, consequence):
        raise BadInput("Nothing was changed.")
    return await session.migration(account, status.run)


async def _show_end(account: str, migration: Migration, *, undo: bool) -> int:
    status, progress = await _wait_for_end(migration, undo=undo)
    if status.run_state is RunState.RUNNING or (undo and (progress is None or not progress.over)):
        text.say(f"Still in progress; it continues in the background. To follow it: ./starter.py status {account}")
    elif status.run_state is RunState.CANCELED:
        text.say("Cancelled.")
    text.out().print(status_view.render(status))
    if progress is not None:
        for sentence in _undo_summary(progress, account):
            text.say(sentence)
        return Exit.FAILED if progress.over and (progress.problem or progress.failed) else Exit.DONE
    return Exit.DONE


async def _wait_for_end(migration: Migration, *, undo: bool) -> tuple[MigrationStatus, UndoProgress | None]:
    """Poll until the migration (and its undo) has ended, for at most `TIMEOUT_SECONDS`."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with text.err().status("Waiting for running work to stop …"):
        while True:
            status = await migration.status()
            progress = await migration.undo() if undo and status.progress is not None else None
            ended = status.run_state is not RunState.RUNNING and (not undo or (progress is not None and progress.over))
            if ended or time.monotonic() > deadline:
                return status, progress
            await asyncio.sleep(_POLL_SECONDS)


def _undo_summary(progress: UndoProgress, account: str) -> list[str]:
    sentences = [
        (
            f"{progress.revoked} invitations revoked, {progress.kept} kept because the account is set up, "
            f"{progress.failed} not revoked by Atlassian. For details: ./starter.py report {account}"
        ),
        (
            "The Atlassian accounts themselves still exist: Atlassian's API cannot delete them. Invitations that "
            "Atlassian has mailed cannot be recalled."
        ),
    ]
    if progress.problem:
        again = f" Fix it, then run: ./starter.py undo {account}" if progress.over else ""
        state = "failed" if progress.over else "is waiting"
        sentences.append(f"The undo {state}: {progress.problem}{again}")
    return sentences


async def forget(
    account: Account, /, *, yes: Annotated[bool, Parameter(help="Do not ask for confirmation.")] = False
) -> None:
    """Delete the data of an ended migration from Temporal."""
    if not yes:
        if not prompts.can_prompt():
            raise BadInput("Cannot prompt: stdin is not a terminal. Pass --yes.")
        consequence = (
            f"This deletes from Temporal all data of the migration of {account}: people, timelines, audit and report."
        )
        if not await prompts.confirm_account(account, consequence):
            raise BadInput("Nothing was deleted.")
    client = await session.connect()
    with text.err().status("Deleting …") as line:
        deleted = await deletion.forget(client, account, lambda done: line.update(f"{done} runs deleted …"))
    if not deleted:
        text.say(f"Temporal has no data of a migration of {account}.")
        return
    text.say(f"Deleted {deleted} workflow runs.")
    text.say(
        "Not deleted: mails, and the logs of mail servers; data in Opsgenie and Atlassian; Temporal's archive and "
        "database backups, if there are any; Landbridge's logs, which contain no addresses or names."
    )

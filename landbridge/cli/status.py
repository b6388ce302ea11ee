"""The commands `status` and `list`."""

from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import session, status_view, text, watch
from landbridge.cli.options import Account, Output, Output_
from landbridge.client import migrations
from landbridge.client.answers import MigrationStatus
from landbridge.domain.errors import BadInput
from landbridge.platform.exits import Exit


async def status(
    account: Account,
    /,
    *,
    watch_: Annotated[
        bool, Parameter(name="--watch", help="Keep showing the status until the migration ends or Ctrl-C.")
    ] = False,
    output: Output_ = Output.TABLE,
) -> int:
    """Show the status of a migration; works without a worker."""
    if watch_ and output is Output.JSON:
        raise BadInput("--watch works with tables only. For JSON, poll with: status -o json")
    migration = await session.migration(account)
    if watch_:
        return _exit_code(await watch.watch(migration))
    answer = await migration.status()
    if output is Output.JSON:
        text.write_json(answer)
    else:
        text.out().print(status_view.render(answer))
    return _exit_code(answer)


def _exit_code(status: MigrationStatus) -> Exit:
    return Exit.FAILED if status.failing else Exit.DONE


async def list_migrations(*, output: Output_ = Output.TABLE) -> None:
    """List all migrations that Temporal still keeps, newest first."""
    summaries = await migrations.listed(await session.connect())
    if output is Output.JSON:
        text.write_json(summaries)
        return
    if not summaries:
        text.say("There are no migrations. To start one: ./starter.py start ACCOUNT --initiator EMAIL")
        return
    text.out().print(status_view.render_list(summaries))
    for summary in summaries:
        if summary.stuck:
            name = summary.opsgenie_account
            text.say(f"The migration of {name} is stuck. To find out why: ./starter.py status {name}")

from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import following, session, status_view, text
from landbridge.cli.options import Account, Output, Output_
from landbridge.client.answers import MigrationStatus
from landbridge.domain.errors import BadInput
from landbridge.platform.exits import Exit


async def status(
    account: Account,
    /,
    *,
    watch: Annotated[bool, Parameter(help="Keep showing it, until it is over or Ctrl-C.")] = False,
    output: Output_ = Output.TABLE,
) -> int:
    """Show how a migration stands; answers without a worker too."""
    if watch and output is Output.JSON:
        raise BadInput("--watch is for people to look at; for JSON, ask again whenever you need it.")
    migration = await session.migration(account)
    if watch:
        return _exit_of(await following.watch(migration))
    answer = await migration.status()
    if output is Output.JSON:
        text.write_json(answer)
    else:
        text.out().print(status_view.render(answer))
    return _exit_of(answer)


def _exit_of(status: MigrationStatus) -> Exit:
    return Exit.FAILED if status.failing else Exit.DONE

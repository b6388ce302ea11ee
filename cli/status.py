from typing import Annotated

from cyclopts import Parameter

from cli import following, session, status_view, text
from cli.options import Account, Output, Output_
from domain.errors import BadInput
from runtime.exits import Exit
from steering.answers import MigrationStatus


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

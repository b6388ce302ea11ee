"""The command `plan`."""

import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, plan_view, planning, start_options, text
from landbridge.cli.options import Account, ExportFormat, ExportFormat_
from landbridge.cli.start_options import SiteOptions
from landbridge.domain import ids
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.plan import PlanLine
from landbridge.platform import logs
from landbridge.platform.exits import Exit


async def plan(
    account: Account,
    /,
    *,
    initiator: Annotated[str, Parameter(help="Address of the owner or admin who will initiate it.", metavar="EMAIL")],
    roster: Annotated[Path | None, options.ROSTER] = None,
    output: ExportFormat_ = ExportFormat.TABLE,
    site: SiteOptions | None = None,
) -> int:
    """Show what a migration would do; exit with 2 if something blocks it."""
    logs.configure()
    existing, new = (site or SiteOptions()).parse()
    request = MigrationRequest(
        opsgenie_account=ids.check_opsgenie_account(account),
        initiator=start_options.address("--initiator", initiator),
        site=existing,
        new_site=new,
    )
    result = await (planning.from_file(request, roster) if roster else planning.from_opsgenie(request))
    match output:
        case ExportFormat.JSON:
            text.write_json(result)
        case ExportFormat.CSV:
            text.write_csv(PlanLine, result.people)
            for blocker in result.blockers:
                text.say(blocker.message)
        case ExportFormat.TABLE:
            text.out().print(plan_view.render(result, _start_command(request, roster)), crop=False)
    return Exit.BAD_INPUT if result.blockers else Exit.DONE


def _start_command(request: MigrationRequest, roster: Path | None) -> str:
    """Return the command that starts the planned migration."""
    words = ["./starter.py", "start", request.opsgenie_account, "--initiator", request.initiator]
    words += ["--roster", str(roster)] if roster else []
    words += ["--site", request.site] if request.site else []
    if new := request.new_site:
        words += ["--new-site", new.name, "--first-name", new.first_name, "--last-name", new.last_name]
    return shlex.join(words)

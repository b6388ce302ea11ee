import shlex
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, plan_view, planning, start_options, text
from landbridge.cli.options import Account
from landbridge.cli.spreadsheet import SheetOutput, SheetOutput_, as_csv
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
    initiator: Annotated[str, Parameter(help="Address of the owner or admin who is to initiate it.", metavar="EMAIL")],
    roster: Annotated[Path | None, options.ROSTER] = None,
    output: SheetOutput_ = SheetOutput.TABLE,
    site: SiteOptions | None = None,
) -> int:
    """Say what a migration would do, and what stops it; exit with 2 if something does."""
    logs.configure()
    existing, new = (site or SiteOptions()).named()
    request = MigrationRequest(
        opsgenie_account=ids.check_opsgenie_account(account),
        initiator=start_options.address("--initiator", initiator),
        site=existing,
        new_site=new,
    )
    made = await (planning.from_file(request, roster) if roster else planning.from_opsgenie(request))
    match output:
        case SheetOutput.JSON:
            text.write_json(made)
        case SheetOutput.CSV:
            text.write(as_csv(PlanLine, made.people))
            for stop in made.stops:
                text.say(stop.sentence)
        case SheetOutput.TABLE:
            text.out().print(plan_view.render(made, _start_of(request, roster)), crop=False)
    return Exit.BAD_INPUT if made.stops else Exit.DONE


def _start_of(request: MigrationRequest, roster: Path | None) -> str:
    """Return the command that starts what was planned."""
    words = ["./starter.py", "start", request.opsgenie_account, "--initiator", request.initiator]
    words += ["--roster", str(roster)] if roster else []
    words += ["--site", request.site] if request.site else []
    if new := request.new_site:
        words += ["--new-site", new.name, "--first-name", new.first_name, "--last-name", new.last_name]
    return shlex.join(words)

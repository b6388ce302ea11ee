from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from landbridge.cli import session, text
from landbridge.cli.options import Account
from landbridge.cli.spreadsheet import SheetOutput, SheetOutput_, as_csv
from landbridge.cli.status_view import STATE_STYLES
from landbridge.client.answers import Report, ReportLine
from landbridge.domain.people import State


async def report(
    account: Account,
    /,
    *,
    output: SheetOutput_ = SheetOutput.TABLE,
) -> None:
    """Show who made it, who did not, and what to do next."""
    migration = await session.migration(account)
    match output:
        case SheetOutput.JSON:
            text.write_json(await migration.report())
        case SheetOutput.CSV:
            # Written once everyone has been read: a file that ends in the middle looks like a whole one.
            lines = [line async for page in migration.everyone() for line in page]
            text.write(as_csv(ReportLine, lines))
        case SheetOutput.TABLE:
            _show(await migration.report())


def _show(answer: Report) -> None:
    out = text.out()
    where = answer.site.url if answer.site else "no site yet"
    out.print(text.cell(f"{answer.opsgenie_account} → {where}: {answer.run_state}", "bold"))
    counts = [f"{answer.counts[state]} {state}" for state in State if answer.counts[state]]
    out.print(text.cell(f"{text.people(answer.counts.total)}: {', '.join(counts)}"))
    for state in State:
        lines = [line for line in answer.people if line.state is state is not State.CONNECTED]
        for next_step in dict.fromkeys(line.next_step for line in lines):
            out.print()
            heading = Text(f"{state}: ", f"bold {STATE_STYLES.get(state, 'cyan')}")
            out.print(heading.append(next_step, "default not bold"))
            out.print(_those([line for line in lines if line.next_step == next_step]))


def _those(lines: Sequence[ReportLine]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines:
        undone = f" (invitation {line.undone})" if line.undone else ""
        table.add_row(text.cell(f"  {line.email}"), text.cell(f"{line.reason}{undone}"))
    return table

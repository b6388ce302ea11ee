from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from cli import session, text
from cli.options import Account
from cli.spreadsheet import SheetOutput, SheetOutput_, as_csv
from cli.status_view import STATE_STYLES
from domain.people import NEXT_STEP, State
from steering.answers import Report, ReportLine


async def report(
    account: Account,
    /,
    *,
    output: SheetOutput_ = SheetOutput.TABLE,
) -> None:
    """Show who made it, who did not, and what to do next."""
    migration = await session.migration(account)
    answer = await migration.report()
    match output:
        case SheetOutput.JSON:
            text.write_json(answer)
        case SheetOutput.CSV:
            text.write(as_csv(ReportLine, answer.people))
        case SheetOutput.TABLE:
            _show(answer)


def _show(answer: Report) -> None:
    out = text.out()
    where = answer.site.url if answer.site else "no site yet"
    out.print(text.cell(f"{answer.opsgenie_account} → {where}: {answer.run_state}", "bold"))
    counts = [f"{answer.counts[state]} {state}" for state in State if answer.counts[state]]
    out.print(text.cell(f"{answer.counts.total} people: {', '.join(counts)}"))
    for state in State:
        lines = [line for line in answer.people if line.state is state]
        if lines and state is not State.CONNECTED:
            out.print()
            heading = Text(f"{state}: ", f"bold {STATE_STYLES.get(state, 'cyan')}")
            out.print(heading.append(NEXT_STEP[state], "default not bold"))
            out.print(_those(lines))


def _those(lines: Sequence[ReportLine]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines:
        table.add_row(text.cell(f"  {line.email}"), text.cell(line.reason))
    return table

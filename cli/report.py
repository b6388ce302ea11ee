import csv
import io
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from cyclopts import Parameter
from rich.table import Table
from rich.text import Text

from cli import session, text
from cli.options import SHOWN, Account
from cli.status_view import STATE_STYLES
from domain.people import NEXT_STEP, State
from steering.answers import Report, ReportLine

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - spreadsheets take the wide ones too
"""What makes a spreadsheet run a cell (OWASP, CSV Injection)."""


class ReportOutput(StrEnum):
    """In what form the report is wanted."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


async def report(
    account: Account,
    /,
    *,
    output: Annotated[
        ReportOutput,
        Parameter(
            name=("--output", "-o"),
            metavar="FORM",
            help="A table of who is not connected; everyone as JSON for programs, or as CSV for a spreadsheet.",
        ),
        SHOWN,
    ] = ReportOutput.TABLE,
) -> None:
    """Show who made it, who did not, and what to do next."""
    migration = await session.migration(account)
    answer = await migration.report()
    match output:
        case ReportOutput.JSON:
            text.write_json(answer)
        case ReportOutput.CSV:
            text.write(as_csv(answer.people))
        case ReportOutput.TABLE:
            _show(answer)


def as_csv(lines: Iterable[ReportLine]) -> str:
    """Return the lines as CSV that a spreadsheet takes for nothing but text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(ReportLine.model_fields)
    for line in lines:
        writer.writerow(_harmless(value) for value in line.model_dump(mode="json").values())
    return file.getvalue()


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


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

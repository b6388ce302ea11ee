"""The commands `report` and `audit`."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from landbridge.cli import session, text
from landbridge.cli.options import Account, ExportFormat, ExportFormat_, Output, Output_
from landbridge.cli.status_view import STATE_STYLES
from landbridge.client.answers import Report, ReportLine
from landbridge.domain.audit import Audit, AuditEntry
from landbridge.domain.people import State


async def report(account: Account, /, *, output: ExportFormat_ = ExportFormat.TABLE) -> None:
    """Show who is connected, who is not, and what to do next."""
    migration = await session.migration(account)
    match output:
        case ExportFormat.JSON:
            text.write_json(await migration.report())
        case ExportFormat.CSV:
            # Read everyone before writing: a truncated CSV file looks like a complete one.
            lines = [line async for page in migration.everyone() for line in page]
            text.write_csv(ReportLine, lines)
        case ExportFormat.TABLE:
            _show(await migration.report())


def _show(answer: Report) -> None:
    out = text.out()
    site = answer.site.url if answer.site else "no site yet"
    out.print(text.cell(f"{answer.opsgenie_account} → {site}: {answer.run_state}", "bold"))
    counts = [f"{answer.counts[state]} {state}" for state in State if answer.counts[state]]
    out.print(text.cell(f"{text.people(answer.counts.total)}: {', '.join(counts)}"))
    for state in State:
        lines = [line for line in answer.people if line.state is state is not State.CONNECTED]
        for next_step in dict.fromkeys(line.next_step for line in lines):
            out.print()
            heading = Text(f"{state}: ", f"bold {STATE_STYLES.get(state, 'cyan')}")
            out.print(heading.append(next_step, "default not bold"))
            out.print(_people_table([line for line in lines if line.next_step == next_step]))


def _people_table(lines: Sequence[ReportLine]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines:
        undone = f" (invitation {line.undone})" if line.undone else ""
        table.add_row(text.cell(f"  {line.email}"), text.cell(f"{line.reason}{undone}"))
    return table


async def audit(account: Account, /, *, output: Output_ = Output.TABLE) -> None:
    """Show who requested what, newest first."""
    migration = await session.migration(account)
    found = await migration.audit()
    session.warn_if_unverified(migration, [entry.by for entry in found.entries])
    if output is Output.JSON:
        text.write_json(found)
        return
    text.out().print(_audit_table(found))
    if found.left_out:
        text.say(f"{found.left_out} older entries are not shown; they are in Temporal's workflow histories.")


def _audit_table(found: Audit) -> Table:
    table = text.table("when", "who", "act", "about")
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for entry in found.entries:
        about = text.cell(_about(entry))
        table.add_row(text.local(entry.at, "seconds"), text.cell(text.who(entry.by)), text.cell(entry.act), about)
    return table


def _about(entry: AuditEntry) -> str:
    people = text.people(entry.people) if entry.people else ""
    return ": ".join(filter(None, (entry.about, people, entry.detail)))

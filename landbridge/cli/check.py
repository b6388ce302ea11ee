from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from landbridge.cli import check_services, checkup, text
from landbridge.cli.check_temporal import TemporalChecks
from landbridge.cli.checkup import Finding, Health
from landbridge.cli.options import Output, Output_
from landbridge.domain.errors import BadInput
from landbridge.platform import logs
from landbridge.platform.exits import Exit

_MARKS = {
    Health.WELL: ("✓", "green"),
    Health.UNWELL: ("✗", "red"),
    Health.WRONG_SETTING: ("✗", "red"),
    Health.NOT_CHECKED: ("·", "dim"),
}


async def check(*, output: Output_ = Output.TABLE) -> int:
    """Look at every neighbour; exit with 1 if one is not well, with 2 if a setting is missing or wrong."""
    findings = _logs()
    with text.err().status("All neighbours are looked at …"):
        findings += await checkup.examine([*TemporalChecks().checks(), *check_services.checks()])
    if output is Output.JSON:
        text.write_json(findings)
    else:
        text.out().print(_table(findings))
    healths = {finding.health for finding in findings}
    if Health.WRONG_SETTING in healths:
        return Exit.BAD_INPUT
    return Exit.DONE if healths == {Health.WELL} else Exit.FAILED


def _logs() -> list[Finding]:
    """Set up logs; return what is wrong with their settings, so that everything else is still looked at."""
    try:
        logs.configure()
    except BadInput as error:
        return [Finding(neighbour="Logs", health=Health.WRONG_SETTING, found=str(error))]
    return []


def _table(findings: Sequence[Finding]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    apart = "\n" if text.out().is_terminal else " "
    for finding in findings:
        mark, style = _MARKS[finding.health]
        told = text.cell(finding.found, "" if finding.health is Health.WELL else style)
        if finding.remedy:
            told.append(f"{apart}→ {text.plain(finding.remedy)}", "default")
        table.add_row(Text(mark, style), Text(finding.neighbour, "bold"), told)
    return table

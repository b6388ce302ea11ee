"""The command `check`."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from landbridge.cli import check_services, checks, text
from landbridge.cli.check_temporal import TemporalChecks
from landbridge.cli.checks import CheckResult, CheckStatus
from landbridge.cli.options import Output, Output_
from landbridge.domain.errors import BadInput
from landbridge.platform import logs
from landbridge.platform.exits import Exit

_MARKS = {
    CheckStatus.OK: ("✓", "green"),
    CheckStatus.FAILED: ("✗", "red"),
    CheckStatus.MISCONFIGURED: ("✗", "red"),
    CheckStatus.SKIPPED: ("·", "dim"),
}


async def check(*, output: Output_ = Output.TABLE) -> int:
    """Check all services; exit with 1 if a check fails, with 2 if a setting is missing or wrong."""
    results = _configure_logs()
    with text.err().status("Checking all services …"):
        results += await checks.run_checks([*TemporalChecks().checks(), *check_services.checks()])
    if output is Output.JSON:
        text.write_json(results)
    else:
        text.out().print(_table(results))
    statuses = {result.status for result in results}
    if CheckStatus.MISCONFIGURED in statuses:
        return Exit.BAD_INPUT
    return Exit.DONE if statuses == {CheckStatus.OK} else Exit.FAILED


def _configure_logs() -> list[CheckResult]:
    """Configure logging; return a result instead of raising if that fails, so that the other checks still run."""
    try:
        logs.configure()
    except BadInput as error:
        return [CheckResult(service="Logs", status=CheckStatus.MISCONFIGURED, message=str(error))]
    return []


def _table(results: Sequence[CheckResult]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column()
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    separator = "\n" if text.out().is_terminal else " "
    for result in results:
        mark, style = _MARKS[result.status]
        message = text.cell(result.message, "" if result.status is CheckStatus.OK else style)
        if result.remedy:
            message.append(f"{separator}→ {text.plain(result.remedy)}", "default")
        table.add_row(Text(mark, style), Text(result.service, "bold"), message)
    return table

from collections.abc import Sequence

from rich.table import Table

from landbridge.cli import session, text
from landbridge.cli.options import Output, Output_
from landbridge.client import migrations
from landbridge.client.answers import MigrationSummary


async def show_list(*, output: Output_ = Output.TABLE) -> None:
    """List the summaries that Temporal still knows, newest first."""
    summaries = await migrations.listed(await session.connect())
    if output is Output.JSON:
        text.write_json(summaries)
        return
    if not summaries:
        text.say("There is no migration yet. Start one: ./starter.py start ACCOUNT --initiator EMAIL")
        return
    text.out().print(table(summaries))
    for one in summaries:
        if one.stuck:
            text.say(f"The migration of {one.opsgenie_account} is stuck: ./starter.py status {one.opsgenie_account}")


def table(summaries: Sequence[MigrationSummary]) -> Table:
    """Return one row for each migration: all but a long name stays on its line in 80 columns."""
    listed = text.table("migration", "state", "step", "started", "deadline")
    for column in listed.columns[1:]:
        column.no_wrap = True
    for one in summaries:
        listed.add_row(
            text.cell(one.opsgenie_account),
            one.condition,
            text.cell(one.step),
            text.local(one.started_at),
            text.local(one.deadline),
        )
    return listed

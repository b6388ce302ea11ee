from cli import session, text
from cli.options import Output, Output_
from steering import starting


async def show_list(*, output: Output_ = Output.TABLE) -> None:
    """List the migrations that Temporal still knows, newest first."""
    migrations = await starting.listed(await session.connect())
    if output is Output.JSON:
        text.write_json(migrations)
        return
    if not migrations:
        text.say("There is no migration yet. Start one: ./starter.py start ACCOUNT --initiator EMAIL")
        return
    table = text.table("migration", "state", "step", "started", "deadline")
    for one in migrations:
        table.add_row(
            text.cell(one.opsgenie_account),
            one.run_state,
            text.cell(one.step),
            text.local(one.started_at),
            text.local(one.deadline),
        )
    text.out().print(table)

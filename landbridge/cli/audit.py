from rich.table import Table

from landbridge.cli import session, text
from landbridge.cli.options import Account, Output, Output_
from landbridge.domain.audit import Audit, AuditEntry


async def audit(account: Account, /, *, output: Output_ = Output.TABLE) -> None:
    """Show who asked what, newest first."""
    migration = await session.migration(account)
    found = await migration.audit()
    session.say_if_unchecked(migration, [entry.by for entry in found.entries])
    if output is Output.JSON:
        text.write_json(found)
        return
    text.out().print(_list(found))
    if found.left_out:
        text.say(f"{found.left_out} older acts are not in the list any more; Temporal's histories have them.")


def _list(found: Audit) -> Table:
    table = text.table("when", "who", "act", "about")
    table.columns[0].no_wrap = table.columns[2].no_wrap = True
    for entry in found.entries:
        about = text.cell(_about(entry))
        table.add_row(text.local(entry.at, "seconds"), text.cell(text.who(entry.by)), text.cell(entry.act), about)
    return table


def _about(entry: AuditEntry) -> str:
    people = text.people(entry.people) if entry.people else ""
    return ": ".join(filter(None, (entry.about, people, entry.detail)))

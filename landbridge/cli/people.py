from datetime import UTC, datetime
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number
from rich.table import Table
from rich.text import Text

from landbridge.cli import session, text
from landbridge.cli.options import SHOWN, Account, Email, Output, Output_, States
from landbridge.cli.status_view import STATE_STYLES
from landbridge.client.answers import FoundPerson, People
from landbridge.domain import pasted
from landbridge.domain.people import Person, State

_MAX_NAME_LENGTH = 18
"""Columns for a name in a list: beside it the address must fit into 80, whole."""


async def people(
    account: Account,
    /,
    *,
    state: States = None,
    search: Annotated[
        str, Parameter(help="Only people whose name or address holds this, in any spelling.", metavar="TEXT")
    ] = "",
    page: Annotated[str, Parameter(help="Which page, as the one before it says; else the first.", metavar="PAGE")] = "",
    limit: Annotated[
        int, Parameter(help="People on a page, 250 at most.", metavar="N", validator=Number(gte=1, lte=250)), SHOWN
    ] = 50,
    output: Output_ = Output.TABLE,
) -> None:
    """List people, cohort by cohort."""
    migration = await session.migration(account)
    found = await migration.people(state or [], search=pasted.address(search), page=page, limit=limit)
    if output is Output.JSON:
        text.write_json(found)
        return
    if found.people:
        text.out().print(_list(found))
    shown = text.people(len(found.people))
    text.say(f"{shown}. There may be more: --page {found.next}" if found.next else f"{shown}, and no more.")


def _list(page: People) -> Table:
    now = datetime.now(UTC)
    table = text.table("email", "name", "state", "for")
    if text.out().is_terminal:
        name = table.columns[1]
        name.no_wrap, name.overflow, name.max_width = True, "ellipsis", _MAX_NAME_LENGTH
    table.columns[2].no_wrap = table.columns[3].no_wrap = True
    for person in page.people:
        table.add_row(
            text.cell(person.email), text.cell(person.name), _state(person.state), text.age(now - person.since)
        )
    return table


async def person(account: Account, email: Email, /, *, output: Output_ = Output.TABLE) -> None:
    """Show one person."""
    migration = await session.migration(account)
    found = await migration.person(email)
    session.say_if_unchecked(migration, [entry.by for entry in found.person.timeline])
    if output is Output.JSON:
        text.write_json(found)
    else:
        text.out().print(_facts(found), Text(), _timeline(found.person), sep="\n")


def _facts(found: FoundPerson) -> Table:
    person = found.person
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("email", text.cell(person.email, "bold"))
    if person.former_emails:
        facts.add_row("formerly", text.cell(", ".join(person.former_emails)))
    facts.add_row("name", text.cell(person.name))
    facts.add_row("role", text.cell(f"{person.role}{', signs in by SSO' if person.sso else ''}"))
    facts.add_row("state", _state(person.state).append(f" since {text.local(person.since)}", "default"))
    if person.reason:
        facts.add_row("reason", text.cell(person.reason))
    facts.add_row("Opsgenie email", "verified" if person.email_verified else "not verified")
    if person.account_id:
        facts.add_row("Atlassian account", text.cell(person.account_id))
    for purpose, mailing in person.mailings.items():
        last = f", the last {text.local(mailing.sent_at)}" if mailing.sent_at else ""
        facts.add_row(f"{purpose} mails", f"{mailing.sent or 'none yet'}{last}")
    if person.due is not None:
        facts.add_row("Landbridge acts", text.local(person.due))
    facts.add_row("what next", found.next_step)
    return facts


def _timeline(person: Person) -> Table:
    table = text.table("when", "what", "by")
    table.columns[0].no_wrap = True
    for entry in person.timeline:
        what = ": ".join(filter(None, (entry.state, entry.what)))
        table.add_row(text.local(entry.at, "seconds"), text.cell(what), text.cell(text.who(entry.by)))
    return table


def _state(state: State) -> Text:
    return Text(str(state), STATE_STYLES.get(state, "cyan"))

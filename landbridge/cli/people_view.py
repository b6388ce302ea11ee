"""Renders people on a terminal."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.cli.status_view import STATE_STYLES
from landbridge.client.answers import FoundPerson, People
from landbridge.domain.people import Person, State

_MAX_NAME_WIDTH = 18
"""Columns for a name in the list, so that a whole address fits next to it in 80 columns."""


def render_list(page: People) -> Table:
    """Return a table with one row per person."""
    now = datetime.now(UTC)
    table = text.table("email", "name", "state", "for")
    if text.out().is_terminal:
        name = table.columns[1]
        name.no_wrap, name.overflow, name.max_width = True, "ellipsis", _MAX_NAME_WIDTH
    table.columns[2].no_wrap = table.columns[3].no_wrap = True
    for person in page.people:
        table.add_row(
            text.cell(person.email), text.cell(person.name), _state(person.state), text.age(now - person.since)
        )
    return table


def render_person(found: FoundPerson) -> RenderableType:
    """Return a person's facts and timeline."""
    return Group(_facts(found), Text(), _timeline(found.person))


def _facts(found: FoundPerson) -> Table:
    person = found.person
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("email", text.cell(person.email, "bold"))
    if person.former_emails:
        facts.add_row("former emails", text.cell(", ".join(person.former_emails)))
    facts.add_row("name", text.cell(person.name))
    facts.add_row("role", text.cell(f"{person.role}{', signs in by SSO' if person.sso else ''}"))
    facts.add_row("state", _state(person.state).append(f" since {text.local(person.since)}", "default"))
    if person.reason:
        facts.add_row("reason", text.cell(person.reason))
    facts.add_row("Opsgenie email", "verified" if person.email_verified else "not verified")
    if person.account_id:
        facts.add_row("Atlassian account", text.cell(person.account_id))
    for purpose, mailing in person.mailings.items():
        last = f", last sent {text.local(mailing.sent_at)}" if mailing.sent_at else ""
        facts.add_row(f"{purpose} mails", f"{mailing.sent or 'none yet'}{last}")
    if person.due is not None:
        facts.add_row("next action", text.local(person.due))
    facts.add_row("next step", found.next_step)
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

"""A plan on a terminal: what stops it, what happens to how many, and who needs a look."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.domain.links import Purpose
from landbridge.domain.plan import Fate, Plan, PlanLine
from landbridge.domain.survey import Manager

SHOWN_AT_MOST = 12
"""People named under one heading; the other forms name everyone."""
_MEANINGS = {
    Fate.NEW: "are invited, and get an Atlassian account",
    Fate.ADOPTED: "have an Atlassian account, not verified yet",
    Fate.NEEDS_NOTHING: "have a verified Atlassian account, and get no mail",
    Fate.OVER_LICENCE: "cannot be invited: no seat is left",
    Fate.UNUSABLE: "have an Atlassian account that cannot be used",
    Fate.BLOCKED: "are blocked in Opsgenie, and not moved",
    Fate.DUPLICATE: "stand on the roster twice; the first row counts",
    Fate.INVALID: "cannot be used as the roster has them",
}
_STYLES = {
    Fate.NEEDS_NOTHING: "green",
    Fate.OVER_LICENCE: "red",
    Fate.UNUSABLE: "red",
    Fate.BLOCKED: "dim",
    Fate.DUPLICATE: "red",
    Fate.INVALID: "red",
}
_LOOKED_AT = (Fate.OVER_LICENCE, Fate.UNUSABLE, Fate.INVALID, Fate.DUPLICATE, Fate.BLOCKED)
"""Whose people are named."""


def render(plan: Plan, start: str) -> RenderableType:
    """Return the whole picture, to be printed without cropping; `start` is the command that would do it."""
    parts: list[RenderableType] = [_heading(plan)]
    if plan.people:
        parts += [_fates(plan), _besides(plan)]
        parts += [part for fate in _LOOKED_AT for part in _those(f"{fate}", _of(plan, fate), _STYLES[fate])]
        first = [line for line in plan.people if line.mail is Purpose.VERIFICATION]
        parts += _those("verify first", first, "cyan", reasons=False)
    parts += [text.lines(Text(), text.cell(remark, "yellow")) for remark in plan.remarks]
    parts.append(_end(plan, start))
    return Group(*parts)


def _heading(plan: Plan) -> Text:
    return text.lines(
        text.cell(f"{plan.opsgenie_account} → {plan.site or 'an Atlassian site'}, by {plan.initiator}", "bold"),
        Text("A dry run: nothing was changed, nobody got mail."),
    )


def _fates(plan: Plan) -> Group:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column()
    for fate in Fate:
        if number := plan.totals[fate]:
            table.add_row(Text(f"  {fate}", _STYLES.get(fate, "cyan")), str(number), _MEANINGS[fate])
    return Group(Text(f"\n{text.people(plan.totals.people)}", "bold"), table)


def _besides(plan: Plan) -> Text:
    totals = plan.totals
    mails = [f"{number} the {purpose} email" for purpose, number in totals.by_mail.items()]
    said = [f"First mails: {' and '.join(mails) or 'none'}."]
    if totals.sso:
        said.append(f"{totals.sso} sign in by SSO: they are asked for no password.")
    if number := totals.by_manager.get(Manager.THIS_ORGANIZATION):
        said.append(f"{number} accounts are or will be managed by this organization.")
    if number := totals.by_manager.get(Manager.ANOTHER_ORGANIZATION):
        said.append(f"{number} accounts are managed by another organization, which decides over them.")
    return Text("\n".join(["", *said]))


def _of(plan: Plan, fate: Fate) -> list[PlanLine]:
    return [line for line in plan.people if line.fate is fate]


def _those(heading: str, lines: Sequence[PlanLine], style: str, *, reasons: bool = True) -> list[RenderableType]:
    if not lines:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines[:SHOWN_AT_MOST]:
        table.add_row(text.cell(f"  {line.email}"), text.cell(line.reason if reasons else line.name))
    parts: list[RenderableType] = [Text(f"\n{heading}", f"bold {style}"), table]
    if len(lines) > SHOWN_AT_MOST:
        parts.append(Text(f"  … and {len(lines) - SHOWN_AT_MOST} more: -o csv has all."))
    return parts


def _end(plan: Plan, start: str) -> RenderableType:
    if plan.stops:
        stops = [text.cell(f"✗ {stop.sentence}", "red") for stop in plan.stops]
        return text.lines(Text("\nThis stops it:", "bold red"), *stops)
    # Whole on one line, however narrow the terminal: it is to be copied.
    command = Text(text.plain(f"{start} --plan {plan.digest}"), no_wrap=True, overflow="ignore")
    return Group(Text("\nNothing stops it. With this very roster:", "bold green"), command)

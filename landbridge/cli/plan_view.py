"""A plan on a terminal: what stops it, what happens to how many, and who needs a look."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.domain.links import Purpose
from landbridge.domain.plan import Plan, PlanLine, PlannedAction
from landbridge.domain.survey import Manager

MAX_LINES = 12
"""People named under one heading; the other forms name everyone."""
_MEANINGS = {
    PlannedAction.NEW: "are invited, and get an Atlassian account",
    PlannedAction.ADOPTED: "have an Atlassian account, not verified yet",
    PlannedAction.NEEDS_NOTHING: "have a verified Atlassian account, and get no mail",
    PlannedAction.OVER_LICENCE: "cannot be invited: no seat is left",
    PlannedAction.UNUSABLE: "have an Atlassian account that cannot be used",
    PlannedAction.BLOCKED: "are blocked in Opsgenie, and not moved",
    PlannedAction.DUPLICATE: "stand on the roster twice; the first row counts",
    PlannedAction.INVALID: "cannot be used as the roster has them",
}
_STYLES = {
    PlannedAction.NEEDS_NOTHING: "green",
    PlannedAction.OVER_LICENCE: "red",
    PlannedAction.UNUSABLE: "red",
    PlannedAction.BLOCKED: "dim",
    PlannedAction.DUPLICATE: "red",
    PlannedAction.INVALID: "red",
}
_LOOKED_AT = (
    PlannedAction.OVER_LICENCE,
    PlannedAction.UNUSABLE,
    PlannedAction.INVALID,
    PlannedAction.DUPLICATE,
    PlannedAction.BLOCKED,
)
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
    for fate in PlannedAction:
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


def _of(plan: Plan, fate: PlannedAction) -> list[PlanLine]:
    return [line for line in plan.people if line.fate is fate]


def _those(heading: str, lines: Sequence[PlanLine], style: str, *, reasons: bool = True) -> list[RenderableType]:
    if not lines:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines[:MAX_LINES]:
        table.add_row(text.cell(f"  {line.email}"), text.cell(line.reason if reasons else line.name))
    parts: list[RenderableType] = [Text(f"\n{heading}", f"bold {style}"), table]
    if len(lines) > MAX_LINES:
        parts.append(Text(f"  … and {len(lines) - MAX_LINES} more: -o csv has all."))
    return parts


def _end(plan: Plan, start: str) -> RenderableType:
    if plan.stops:
        stops = [text.cell(f"✗ {stop.sentence}", "red") for stop in plan.stops]
        return text.lines(Text("\nThis stops it:", "bold red"), *stops)
    # Whole on one line, however narrow the terminal: it is to be copied.
    command = Text(text.plain(f"{start} --plan {plan.digest}"), no_wrap=True, overflow="ignore")
    return Group(Text("\nNothing stops it. With this very roster:", "bold green"), command)

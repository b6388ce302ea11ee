"""Renders a plan on a terminal: counts, people with problems, and what blocks the migration."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.domain.links import Purpose
from landbridge.domain.plan import Plan, PlanLine, PlannedAction
from landbridge.domain.survey import Manager

MAX_LINES = 12
"""People listed under one heading; JSON and CSV list everyone."""
_MEANINGS = {
    PlannedAction.NEW: "will be invited and get an Atlassian account",
    PlannedAction.ADOPTED: "have an Atlassian account that is not verified yet",
    PlannedAction.NEEDS_NOTHING: "have a verified Atlassian account and get no mail",
    PlannedAction.OVER_LICENCE: "cannot be invited: the site has no seats left",
    PlannedAction.UNUSABLE: "have an Atlassian account that cannot be used",
    PlannedAction.BLOCKED: "are blocked in Opsgenie and will not be moved",
    PlannedAction.DUPLICATE: "are on the roster twice; the first row is used",
    PlannedAction.INVALID: "have a roster row that cannot be used",
}
_STYLES = {
    PlannedAction.NEEDS_NOTHING: "green",
    PlannedAction.OVER_LICENCE: "red",
    PlannedAction.UNUSABLE: "red",
    PlannedAction.BLOCKED: "dim",
    PlannedAction.DUPLICATE: "red",
    PlannedAction.INVALID: "red",
}
_LISTED = (
    PlannedAction.OVER_LICENCE,
    PlannedAction.UNUSABLE,
    PlannedAction.INVALID,
    PlannedAction.DUPLICATE,
    PlannedAction.BLOCKED,
)
"""Actions for which the people are listed."""


def render(plan: Plan, start: str) -> RenderableType:
    """Render the plan, to be printed without cropping; `start` is the command that starts the migration."""
    parts: list[RenderableType] = [_heading(plan)]
    if plan.people:
        parts += [_counts(plan), _totals(plan)]
        parts += [
            part for action in _LISTED for part in _list(str(action), _with_action(plan, action), _STYLES[action])
        ]
        unverified = [line for line in plan.people if line.mail is Purpose.VERIFICATION]
        parts += _list("have to verify their address first", unverified, "cyan", reasons=False)
    parts += [text.lines(Text(), text.cell(remark, "yellow")) for remark in plan.remarks]
    parts.append(_end(plan, start))
    return Group(*parts)


def _heading(plan: Plan) -> Text:
    return text.lines(
        text.cell(f"{plan.opsgenie_account} → {plan.site or 'an Atlassian site'}, by {plan.initiator}", "bold"),
        Text("A dry run: nothing was changed, and no mail was sent."),
    )


def _counts(plan: Plan) -> Group:
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(justify="right")
    table.add_column()
    for action in PlannedAction:
        if number := plan.totals[action]:
            table.add_row(Text(f"  {action}", _STYLES.get(action, "cyan")), str(number), _MEANINGS[action])
    return Group(Text(f"\n{text.people(plan.totals.people)}", "bold"), table)


def _totals(plan: Plan) -> Text:
    totals = plan.totals
    mails = [f"{number} {purpose} emails" for purpose, number in totals.by_mail.items()]
    sentences = [f"First mails: {', '.join(mails) or 'none'}."]
    if totals.sso:
        sentences.append(f"Sign in by SSO, so need no password: {totals.sso}.")
    if number := totals.by_manager.get(Manager.THIS_ORGANIZATION):
        sentences.append(f"Accounts that this organization manages or will manage: {number}.")
    if number := totals.by_manager.get(Manager.ANOTHER_ORGANIZATION):
        sentences.append(f"Accounts that another organization manages and controls: {number}.")
    return Text("\n".join(["", *sentences]))


def _with_action(plan: Plan, action: PlannedAction) -> list[PlanLine]:
    return [line for line in plan.people if line.action is action]


def _list(heading: str, lines: Sequence[PlanLine], style: str, *, reasons: bool = True) -> list[RenderableType]:
    if not lines:
        return []
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for line in lines[:MAX_LINES]:
        table.add_row(text.cell(f"  {line.email}"), text.cell(line.reason if reasons else line.name))
    parts: list[RenderableType] = [Text(f"\n{heading}", f"bold {style}"), table]
    if len(lines) > MAX_LINES:
        parts.append(Text(f"  … and {len(lines) - MAX_LINES} more; -o csv lists all."))
    return parts


def _end(plan: Plan, start: str) -> RenderableType:
    if plan.blockers:
        blockers = [text.cell(f"✗ {blocker.message}", "red") for blocker in plan.blockers]
        return text.lines(Text("\nThe migration is blocked:", "bold red"), *blockers)
    # Do not wrap the command, so that it can be copied.
    command = Text(text.plain(f"{start} --plan {plan.digest}"), no_wrap=True, overflow="ignore")
    return Group(Text("\nThe migration can start. To start it with exactly this roster:", "bold green"), command)

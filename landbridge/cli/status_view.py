"""Renders migrations on a terminal: the status (first what needs your attention), and the list of all migrations."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.client.answers import MigrationStatus, MigrationSummary, RunState
from landbridge.domain.messages import RESUME, ChecklistItem, Progress, StepStatus
from landbridge.domain.people import Counts, State
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import Site

_MARKS = {
    StepStatus.TODO: ("·", "dim"),
    StepStatus.RUNNING: ("▶", "bold cyan"),
    StepStatus.WAITING: ("!", "bold yellow"),
    StepStatus.DONE: ("✓", "green"),
    StepStatus.SKIPPED: ("-", "dim"),
    StepStatus.CANCELLED: ("✗", "red"),
}
STATE_STYLES = {
    State.CONNECTED: "green",
    State.UNREACHABLE: "red",
    State.ATTENTION: "red",
    State.LEFT_BEHIND: "red",
    State.SKIPPED: "dim",
    State.EXCLUDED: "dim",
}
_BAR_WIDTH = 30
"""Columns of the longest bar."""


def render(status: MigrationStatus, problem: str = "") -> RenderableType:
    """Render the whole status; `problem` says why it may be out of date."""
    parts: list[RenderableType] = [_heading(status)]
    parts += [_warning(sentence) for sentence in _problems(status, problem)]
    progress = status.progress
    if progress is not None:
        if progress.task:
            parts.append(_task(progress))
        parts.append(_steps(progress))
    parts.append(_people(status))
    parts += [Text(sentence) for sentence in _remarks(status)]
    return Group(*parts)


def line(status: MigrationStatus, problem: str = "") -> str:
    """Return the changing parts of the status in one line."""
    step = f" in step {status.step}" if status.step and status.run_state is RunState.RUNNING else ""
    parts = [f"{status.run_state}{step}, {text.people(status.people_total)}{_counts(status)}."]
    if status.progress is not None and status.progress.task:
        parts.append(f"Needs your attention: {status.progress.task} {status.progress.command}")
    return " ".join(" ".join([*parts, *_problems(status, problem)]).split())


def _heading(status: MigrationStatus) -> Text:
    site = status.progress.site if status.progress else None
    heading = text.cell(f"{status.opsgenie_account} → {site.url if site else 'an Atlassian site'}", "bold")
    since = f"started {text.local(status.started_at)}"
    if status.closed_at is not None:
        since += f", ended {text.local(status.closed_at)}"
    step = f" in step {status.step}" if status.step and status.run_state is RunState.RUNNING else ""
    return text.lines(heading, text.cell(f"{status.condition}{step}, {since}, run {status.run}"))


def _problems(status: MigrationStatus, problem: str) -> list[str]:
    running = status.run_state is RunState.RUNNING
    progress = status.progress
    problems = [problem] if problem else []
    if progress is not None and progress.cancelled:
        problems.append(f"{'Being cancelled' if running else 'Cancelled'}: {progress.cancelled}")
    if status.failure:
        problems.append(f"Failed: {status.failure}")
    problems += [f"{task.problem} {task.remedy}" for task in status.failing]
    if progress is None and not status.failing:
        problems.append(
            "No worker responds: the migration makes no progress until you start one (worker.py)."
            if running
            else "No worker responds, so the steps cannot be shown."
        )
    elif progress is not None and running and progress.paused:
        # If Landbridge paused the migration itself, the reason is also shown as the task.
        problems.append("Paused." if progress.task_id == RESUME else f"Paused: {progress.paused}")
    elif progress is not None and running and status.paused:
        problems.append(
            f"Some cohorts are paused. Once the cause is fixed: ./starter.py resume {status.opsgenie_account}"
        )
    # Paused cohorts also report the reason of the pause as a problem.
    shown = progress.paused if progress is not None else ""
    return problems + [problem for problem in status.problems if running and problem != shown]


def _warning(sentence: str) -> RenderableType:
    return text.cell(sentence, "yellow")


def _task(progress: Progress) -> RenderableType:
    lines = [text.cell(progress.task)]
    if progress.url:
        lines.append(text.cell(f"Open: {progress.url}"))
    if progress.site is None and progress.sites:
        lines.append(text.cell(f"Sites of {progress.initiator}: {', '.join(map(_site, progress.sites))}"))
    if progress.suggestions:
        lines.append(text.cell(f"Free names: {', '.join(progress.suggestions)}"))
    lines.append(text.cell(progress.command, "bold"))
    return Panel(
        text.lines(*lines), title="Needs your attention", title_align="left", border_style="yellow", expand=False
    )


def _site(site: Site) -> str:
    return site.name if site.admin else f"{site.name} (not a site admin)"


def _steps(progress: Progress) -> RenderableType:
    steps = Table.grid(padding=(0, 1))
    steps.add_column()
    steps.add_column(no_wrap=True)
    steps.add_column(overflow="fold")
    for number, item in enumerate(progress.checklist, start=1):
        mark, style = _MARKS[item.status]
        steps.add_row(Text(mark, style), Text(f"{number} {item.title}", style), text.cell(_item_status(item)))
    return Padding(steps, (1, 0, 0, 0), expand=False)


def _item_status(item: ChecklistItem) -> str:
    match item.status:
        case StepStatus.WAITING:
            # The task is shown in full above.
            return str(item.status)
        case StepStatus.TODO | StepStatus.RUNNING:
            return f"{item.status} ({item.owner}){f': {item.note}' if item.note else ''}"
    return f"{item.status}{f': {item.note}' if item.note else ''}"


def _people(status: MigrationStatus) -> RenderableType:
    summary = Text(f"\n{text.people(status.people_total)}", "bold")
    summary.append(_counts(status), "not bold")
    return Group(summary, _bars(status.counts)) if status.counts.total else summary


def _counts(status: MigrationStatus) -> str:
    for_admins = status.counts.for_admins
    attention = f", {for_admins} of them {'needs' if for_admins == 1 else 'need'} your attention" if for_admins else ""
    return f": {status.people_connected} connected, {status.people_waiting} waiting{attention}"


def _bars(counts: Counts) -> Table:
    largest = max(counts.by_state.values())
    bars = Table.grid(padding=(0, 1))
    bars.add_column()
    bars.add_column(justify="right")
    bars.add_column()
    for state in State:
        if number := counts[state]:
            style = STATE_STYLES.get(state, "cyan")
            bars.add_row(
                Text(f"  {state}", style), str(number), Text("━" * max(1, _BAR_WIDTH * number // largest), style)
            )
    return bars


def _remarks(status: MigrationStatus) -> list[str]:
    remarks = []
    if not status.exact:
        remarks.append("The numbers may be up to an hour old, and older while no worker runs.")
    if status.deadline is not None and status.run_state is RunState.RUNNING:
        partial = status.progress is not None and status.progress.at_deadline is AtDeadline.COMPLETE_PARTIAL
        then = (
            "the migration ends with the people who are connected"
            if partial
            else "you are notified and the migration continues"
        )
        remarks.append(f"Deadline: {text.local(status.deadline)}. Then {then}.")
    return remarks


def render_list(summaries: Sequence[MigrationSummary]) -> Table:
    """Return one row per migration; in 80 columns only a long account name is wrapped."""
    table = text.table("migration", "state", "step", "started", "deadline")
    for column in table.columns[1:]:
        column.no_wrap = True
    for summary in summaries:
        table.add_row(
            text.cell(summary.opsgenie_account),
            summary.condition,
            text.cell(summary.step),
            text.local(summary.started_at),
            text.local(summary.deadline),
        )
    return table

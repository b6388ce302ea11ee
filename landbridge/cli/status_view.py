"""A migration's status on a terminal: first what waits for you, then the steps and the people."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from landbridge.cli import text
from landbridge.client.answers import MigrationStatus, RunState
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
_BAR = 30
"""Columns of the longest bar."""


def render(status: MigrationStatus, problem: str = "") -> RenderableType:
    """Return the whole picture; `problem` is what keeps us from looking right now."""
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
    """Return the same in one line, as far as it changes while a migration goes on."""
    step = f" in step {status.step}" if status.step and status.run_state is RunState.RUNNING else ""
    parts = [f"{status.run_state}{step}, {text.people(status.people_total)}{_how_many(status)}."]
    if status.progress is not None and status.progress.task:
        parts.append(f"Waits for you: {status.progress.task} {status.progress.command}")
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
        problems.append(f"{'It is being cancelled' if running else 'It was cancelled'}: {progress.cancelled}")
    if status.failure:
        problems.append(f"It failed: {status.failure}")
    problems += [f"{task.problem} {task.remedy}" for task in status.failing]
    if progress is None and not status.failing:
        problems.append(
            "No worker answers: nothing goes on until one is started (worker.py)."
            if running
            else "No worker answers: the steps cannot be shown."
        )
    elif progress is not None and running and progress.paused:
        # What Landbridge pauses for is its task as well.
        problems.append("Paused." if progress.task_id == RESUME else f"Paused: {progress.paused}")
    elif progress is not None and running and status.paused:
        problems.append(f"Paused in part. Once the cause is fixed: ./starter.py resume {status.opsgenie_account}")
    # Cohorts that are paused tell it too, in the same words.
    told = progress.paused if progress is not None else ""
    return problems + [problem for problem in status.problems if running and problem != told]


def _warning(sentence: str) -> RenderableType:
    return text.cell(sentence, "yellow")


def _task(progress: Progress) -> RenderableType:
    lines = [text.cell(progress.task)]
    if progress.url:
        lines.append(text.cell(f"There: {progress.url}"))
    if progress.site is None and progress.sites:
        lines.append(text.cell(f"Sites of {progress.initiator}: {', '.join(map(_site, progress.sites))}"))
    if progress.suggestions:
        lines.append(text.cell(f"Free names: {', '.join(progress.suggestions)}"))
    lines.append(text.cell(progress.command, "bold"))
    return Panel(
        text.lines(*lines), title="This waits for you", title_align="left", border_style="yellow", expand=False
    )


def _site(site: Site) -> str:
    return site.name if site.admin else f"{site.name} (not a site admin of it)"


def _steps(progress: Progress) -> RenderableType:
    steps = Table.grid(padding=(0, 1))
    steps.add_column()
    steps.add_column(no_wrap=True)
    steps.add_column(overflow="fold")
    for number, item in enumerate(progress.checklist, start=1):
        mark, style = _MARKS[item.status]
        steps.add_row(Text(mark, style), Text(f"{number} {item.title}", style), text.cell(_how_far(item)))
    return Padding(steps, (1, 0, 0, 0), expand=False)


def _how_far(item: ChecklistItem) -> str:
    match item.status:
        case StepStatus.WAITING:
            # What waits is told above, whole.
            return str(item.status)
        case StepStatus.TODO | StepStatus.RUNNING:
            return f"{item.status} ({item.owner}){f': {item.note}' if item.note else ''}"
    return f"{item.status}{f': {item.note}' if item.note else ''}"


def _people(status: MigrationStatus) -> RenderableType:
    summary = Text(f"\n{text.people(status.people_total)}", "bold")
    summary.append(_how_many(status), "not bold")
    return Group(summary, _bars(status.counts)) if status.counts.total else summary


def _how_many(status: MigrationStatus) -> str:
    for_you = f", {status.counts.for_admins} of them for you" if status.counts.for_admins else ""
    return f": {status.people_connected} connected, {status.people_waiting} waiting{for_you}"


def _bars(counts: Counts) -> Table:
    most = max(counts.by_state.values())
    bars = Table.grid(padding=(0, 1))
    bars.add_column()
    bars.add_column(justify="right")
    bars.add_column()
    for state in State:
        if number := counts[state]:
            style = STATE_STYLES.get(state, "cyan")
            bars.add_row(Text(f"  {state}", style), str(number), Text("━" * max(1, _BAR * number // most), style))
    return bars


def _remarks(status: MigrationStatus) -> list[str]:
    remarks = []
    if not status.exact:
        remarks.append("The numbers may be up to an hour old, and older while no worker runs.")
    if status.deadline is not None and status.run_state is RunState.RUNNING:
        partial = status.progress is not None and status.progress.at_deadline is AtDeadline.COMPLETE_PARTIAL
        then = "the migration ends with whoever is there" if partial else "you are told and it waits on"
        remarks.append(f"Deadline {text.local(status.deadline)}: then {then}.")
    return remarks

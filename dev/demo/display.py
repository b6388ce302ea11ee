"""Shows the demo: a live view on a terminal, otherwise one plain line for each event."""

import time
from collections import deque
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from landbridge.client.answers import MigrationStatus
from landbridge.domain.messages import ChecklistItem, Owner, StepStatus
from landbridge.domain.people import FOR_ADMINS, SETTLED, Counts, State

_MARKS = {
    StepStatus.TODO: ("·", "dim"),
    StepStatus.RUNNING: ("▶", "bold cyan"),
    StepStatus.WAITING: ("!", "bold yellow"),
    StepStatus.DONE: ("✓", "green"),
    StepStatus.SKIPPED: ("-", "dim"),
}
_ACTIVE = {StepStatus.RUNNING, StepStatus.WAITING}
_RECENT_EVENTS = 5
"""Events in the live view: few enough that a terminal of 24 lines also has room for the admin's commands."""
_REFRESHES_PER_SECOND = 4
_NO_WRAP_COLUMNS = 10_000
"""The width when the output is not a terminal."""


def open_console() -> Console:
    """Return a console on stdout; if it is not a terminal, lines are not wrapped."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _NO_WRAP_COLUMNS
    return console


class Display:
    """Shows the demo. The admin's commands stay on the screen; the live view below them is updated."""

    def __init__(self) -> None:
        self.console = open_console()
        self._began = time.monotonic()
        self._status: MigrationStatus | None = None
        self._mails: dict[str, int] = {}
        self._recent: deque[str] = deque(maxlen=_RECENT_EVENTS)
        self._printed: set[str] = set()
        self._live = Live(
            console=self.console, get_renderable=self._live_view, refresh_per_second=_REFRESHES_PER_SECOND
        )

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if self.console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, sentence: str, style: str = "") -> None:
        """Print a sentence that stays on the screen."""
        self.console.print(Text(sentence, style))

    def command(self, command: str, answer: str) -> None:
        """Print one of the admin's commands and its outcome."""
        self.console.print(Text(f"$ {command}", "bold"))
        if answer:
            self.console.print(Text(f"  {answer}", "yellow" if answer.startswith("Refused") else ""))

    def event(self, sentence: str) -> None:
        """Show an event."""
        line = f"{time.monotonic() - self._began:5.1f} s  {sentence}"
        self._recent.append(line)
        if not self.console.is_terminal:
            self.console.print(Text(line))

    def update(self, status: MigrationStatus, mails: dict[str, int]) -> None:
        """Show the migration's status, and how many mails of each kind were delivered."""
        self._status, self._mails = status, mails
        for item in status.progress.checklist if status.progress else []:
            line = f"step {item.step.split()[0]} {item.title}: {_detail(item)}"
            if item.status is not StepStatus.TODO and line not in self._printed and not self.console.is_terminal:
                self._printed.add(line)
                self.event(line)

    def _live_view(self) -> RenderableType:
        if self._status is None or self._status.progress is None:
            return Text("…", "dim")
        return Group(
            Text(),
            _steps(self._status.progress.checklist),
            Text(),
            _bar(self._status.counts),
            _numbers(self._status.counts),
            Text("Mails   " + ", ".join(f"{number} {kind}" for kind, number in self._mails.items())),
            Text(),
            *(Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in self._recent),
            *(Text() for _ in range(_RECENT_EVENTS - len(self._recent))),
        )


def _steps(items: list[ChecklistItem]) -> Table:
    steps = Table.grid(padding=(0, 1), expand=True)
    steps.add_column()
    steps.add_column(no_wrap=True)
    steps.add_column(overflow="fold", ratio=1)
    for item in items:
        mark, style = _MARKS[item.status]
        title = Text(f"{item.step.split()[0]} {item.title}", style)
        steps.add_row(Text(mark, style), title, Text(_detail(item), "" if item.status in _ACTIVE else "dim"))
    return steps


def _detail(item: ChecklistItem) -> str:
    """Return the note of a step, and who has to act if it is not Landbridge."""
    note = item.note or str(item.status)
    waits_for_others = item.status in _ACTIVE and item.owner is not Owner.LANDBRIDGE
    return f"waiting for {item.owner}: {note}" if waits_for_others else note


def _bar(counts: Counts) -> Table:
    line = Table.grid(padding=(0, 1), expand=True)
    line.add_column()
    line.add_column(ratio=1)
    line.add_column(no_wrap=True)
    line.add_row(
        "People ",
        ProgressBar(total=max(1, counts.total), completed=counts.settled),
        f"{counts.settled} of {counts.total} done",
    )
    return line


def _numbers(counts: Counts) -> Text:
    numbers = Text("  ")
    for state in State:
        if number := counts[state]:
            style = "green" if state is State.CONNECTED else "red" if state in FOR_ADMINS else ""
            numbers.append(f"{number} {state}  ", "dim" if state in SETTLED and not style else style)
    return numbers

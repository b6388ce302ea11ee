"""What one sees of the demo: on a terminal a live picture, otherwise plain lines, one for each thing that happens."""

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
from landbridge.domain.messages import ChecklistItem, StepStatus
from landbridge.domain.people import FOR_ADMINS, SETTLED, Counts, State

_MARKS = {
    StepStatus.TODO: ("·", "dim"),
    StepStatus.RUNNING: ("▶", "bold cyan"),
    StepStatus.WAITING: ("!", "bold yellow"),
    StepStatus.DONE: ("✓", "green"),
    StepStatus.SKIPPED: ("-", "dim"),
}
_LATELY = 5
"""Happenings that the picture shows: with it, 24 lines have room for what the admin did."""
_REFRESH = 4
"""Pictures a second."""
_UNBROKEN = 10_000
"""Columns where nobody looks."""


def open_console() -> Console:
    """Return stdout for people; a program that reads it gets every line whole."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNBROKEN
    return console


class Display:
    """Shows the demo. What the admin does stays on the screen, everything else moves on."""

    def __init__(self) -> None:
        self.console = open_console()
        self._began = time.monotonic()
        self._status: MigrationStatus | None = None
        self._mails: dict[str, int] = {}
        self._lately: deque[str] = deque(maxlen=_LATELY)
        self._reported: set[str] = set()
        self._live = Live(console=self.console, get_renderable=self._picture, refresh_per_second=_REFRESH)

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
        """Say something that stays on the screen."""
        self.console.print(Text(sentence, style))

    def act(self, command: str, answer: str) -> None:
        """Show what the admin did, and what came of it."""
        self.console.print(Text(f"$ {command}", "bold"))
        if answer:
            self.console.print(Text(f"  {answer}", "yellow" if answer.startswith("Refused") else ""))

    def happened(self, sentence: str) -> None:
        """Show something that happened."""
        line = f"{time.monotonic() - self._began:5.1f} s  {sentence}"
        self._lately.append(line)
        if not self.console.is_terminal:
            self.console.print(Text(line))

    def seen(self, status: MigrationStatus, mails: dict[str, int]) -> None:
        """Take a new look at the migration, and at how many mails of each kind were delivered."""
        self._status, self._mails = status, mails
        for item in status.progress.checklist if status.progress else []:
            line = f"step {item.step.split()[0]} {item.title}: {_how_far(item)}"
            if item.status is not StepStatus.TODO and line not in self._reported and not self.console.is_terminal:
                self._reported.add(line)
                self.happened(line)

    def _picture(self) -> RenderableType:
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
            *(Text(line, "dim", no_wrap=True, overflow="ellipsis") for line in self._lately),
            *(Text() for _ in range(_LATELY - len(self._lately))),
        )


def _steps(items: list[ChecklistItem]) -> Table:
    steps = Table.grid(padding=(0, 1), expand=True)
    steps.add_column()
    steps.add_column(no_wrap=True)
    steps.add_column(overflow="fold", ratio=1)
    for item in items:
        mark, style = _MARKS[item.status]
        title = Text(f"{item.step.split()[0]} {item.title}", style)
        steps.add_row(Text(mark, style), title, Text(_how_far(item), "" if item.status in _ACTIVE else "dim"))
    return steps


_ACTIVE = {StepStatus.RUNNING, StepStatus.WAITING}


def _how_far(item: ChecklistItem) -> str:
    """Return the note of what is over, and the owner of what is not."""
    if item.status is StepStatus.WAITING:
        return f"{item.owner}: {item.note}"
    if item.status is StepStatus.RUNNING:
        return f"{item.owner}: {item.note}" if item.note else str(item.owner)
    return item.note or str(item.status)


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

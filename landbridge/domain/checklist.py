"""The guide's seven steps as a checklist: each step's status, owner and note."""

from dataclasses import dataclass, field
from datetime import datetime

from landbridge.domain import markdown
from landbridge.domain.messages import STEP_OWNERS, STEP_TITLES, ChecklistItem, Owner, Step, StepStatus
from landbridge.domain.text import NO_TEXT, Text

_MARKS = {
    StepStatus.TODO: "☐",
    StepStatus.RUNNING: "▶",
    StepStatus.WAITING: "✋",
    StepStatus.DONE: "☑",
    StepStatus.SKIPPED: "-",
    StepStatus.CANCELLED: "✗",
}


def _item(step: Step, status: StepStatus, note: Text = NO_TEXT, since: datetime | None = None) -> ChecklistItem:
    owner = Owner.ADMINS if status is StepStatus.WAITING else STEP_OWNERS[step]
    return ChecklistItem(step=step, title=STEP_TITLES[step], owner=owner, status=status, note=note, since=since)


@dataclass
class Checklist:
    """All seven steps; one step is the current one."""

    items: list[ChecklistItem] = field(default_factory=lambda: [_item(step, StepStatus.TODO) for step in Step])
    """In the guide's order."""
    step: Step = Step.INITIATE
    """The current step: the one that was last marked as running or waiting."""

    def mark(self, step: Step, status: StepStatus, now: datetime, note: Text = NO_TEXT) -> None:
        """Set a step's status and note."""
        self.items = [_item(step, status, note, now) if item.step is step else item for item in self.items]
        if status in {StepStatus.RUNNING, StepStatus.WAITING} or step is Step.COMPLETE:
            self.step = step

    def cancel(self, now: datetime, reason: Text) -> None:
        """Mark every unfinished step as cancelled; the current step carries the reason."""
        for item in self.items:
            if item.status not in {StepStatus.DONE, StepStatus.SKIPPED}:
                self.mark(item.step, StepStatus.CANCELLED, now, reason if item.step is self.step else NO_TEXT)

    def markdown(self) -> str:
        """Return the checklist for Temporal's Web UI."""
        rows = (
            f"- {_MARKS[i.status]} **{i.title}** ({i.status}){f': {markdown.plain(i.note)}' if i.note else ''}"
            for i in self.items
        )
        return "\n".join(rows)

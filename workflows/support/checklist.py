"""The guide's steps as a checklist: how far each is, since when, and what there is to do."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import markdown
    from landbridge.domain.messages import STEP_OWNERS, STEP_TITLES, ChecklistItem, Owner, Step, StepStatus
    from landbridge.domain.text import NO_TEXT, Text


class Checklist:
    """All seven steps; exactly one is under way until the last is done."""

    def __init__(self) -> None:
        self._items = {step: _item(step, StepStatus.TODO) for step in Step}
        self.step = Step.INITIATE

    def restore(self, items: Sequence[ChecklistItem], step: Step) -> None:
        """Take over the steps as another run has left them."""
        self._items = {item.step: item for item in items}
        self.step = step

    def mark(self, step: Step, status: StepStatus, now: datetime, note: Text = NO_TEXT) -> None:
        """Say how far a step is; the newest one that is running or waiting is the step the migration is in."""
        self._items[step] = _item(step, status, note, now)
        if status in {StepStatus.RUNNING, StepStatus.WAITING} or step is Step.COMPLETE:
            self.step = step

    def cancel(self, now: datetime, reason: Text) -> None:
        """Say that the migration is cancelled: in the step it is in, and in all that were to come."""
        ahead = [item.step for item in self._items.values() if item.status not in {StepStatus.DONE, StepStatus.SKIPPED}]
        for step in ahead:
            self._items[step] = _item(step, StepStatus.CANCELLED, reason if step is self.step else NO_TEXT, now)

    def items(self) -> list[ChecklistItem]:
        """Return the steps in the guide's order."""
        return [self._items[step] for step in Step]

    def markdown(self) -> str:
        """Return the list for the Web UI."""
        marks = {
            StepStatus.TODO: "☐",
            StepStatus.RUNNING: "▶",
            StepStatus.WAITING: "✋",
            StepStatus.DONE: "☑",
            StepStatus.SKIPPED: "-",
            StepStatus.CANCELLED: "✗",
        }
        rows = (
            f"- {marks[i.status]} **{i.title}** ({i.status}){f': {markdown.plain(i.note)}' if i.note else ''}"
            for i in self.items()
        )
        return "\n".join(rows)


def _item(step: Step, status: StepStatus, note: Text = NO_TEXT, since: datetime | None = None) -> ChecklistItem:
    owner = Owner.ADMINS if status is StepStatus.WAITING else STEP_OWNERS[step]
    return ChecklistItem(step=step, title=STEP_TITLES[step], owner=owner, status=status, note=note, since=since)

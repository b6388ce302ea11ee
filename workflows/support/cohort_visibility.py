"""What a cohort shows in search attributes and in Temporal's Web UI, and when it updates them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import markdown
    from landbridge.domain.cohort_state import milestones
    from landbridge.domain.messages import CohortStatus
    from landbridge.domain.people import State
    from workflows.support import search_attributes

SIGNIFICANT_SHARE = 10
"""A significant change: at least one in this many people has changed state. Each update is a billable action."""
SIGNIFICANT_UPDATE_INTERVAL = timedelta(minutes=1)
"""Between two updates, after a significant change. For newer numbers, query the cohort."""
MIN_UPDATE_INTERVAL = timedelta(minutes=10)
"""Between two updates, after a smaller change, if the workflow is running anyway."""
MAX_UPDATE_INTERVAL = timedelta(hours=1)
"""Between two updates, after a smaller change, if only a timer would wake the workflow."""


class CohortVisibility:
    """Updates search attributes and details; `status` returns the cohort's status, `now` the time of its timer."""

    def __init__(self, opsgenie_account: str, status: Callable[[], CohortStatus], now: Callable[[], datetime]) -> None:
        self._opsgenie_account = opsgenie_account
        self._status = status
        self._now = now
        self._visible: CohortStatus | None = None
        self._updated_at: datetime | None = None

    def next_update(self) -> datetime | None:
        """Return when the next update is due; None: nothing has changed."""
        status, visible = self._status(), self._visible
        if status == visible:
            return None
        if visible is None or self._updated_at is None or milestones(status) != milestones(visible):
            return workflow.now()
        if status.counts.moved_since(visible.counts) * SIGNIFICANT_SHARE >= status.counts.total:
            return self._updated_at + SIGNIFICANT_UPDATE_INTERVAL
        if self._now() - self._updated_at >= MIN_UPDATE_INTERVAL:
            return workflow.now()
        return self._updated_at + MAX_UPDATE_INTERVAL

    def update(self, *, paused: bool) -> None:
        """Update now."""
        status, self._updated_at = self._status(), workflow.now()
        self._visible, counts = status, status.counts
        workflow.upsert_search_attributes(
            [
                search_attributes.OPSGENIE_ACCOUNT.value_set(self._opsgenie_account),
                search_attributes.MIGRATION_PAUSED.value_set(paused),
                search_attributes.PEOPLE_TOTAL.value_set(counts.total),
                search_attributes.PEOPLE_WAITING.value_set(counts.waiting),
                search_attributes.PEOPLE_CONNECTED.value_set(counts[State.CONNECTED]),
                search_attributes.PEOPLE_BY_STATE.value_set(counts.packed()),
            ]
        )
        rows = "\n".join(f"| {state} | {number} |" for state, number in counts.by_state.items())
        problem = f"**{markdown.plain(status.problem)}**\n\n" if status.problem else ""
        workflow.set_current_details(f"{problem}| state | people |\n| --- | ---: |\n{rows}\n")

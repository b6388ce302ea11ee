"""What a migration shows in search attributes and in Temporal's Web UI; the CLI can read it without a worker."""

from datetime import datetime

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import markdown
    from landbridge.domain.messages import CANCELLED
    from landbridge.domain.migration import MigrationState
    from workflows.support import search_attributes


class MigrationVisibility:
    """Updates the details, and the search attributes if they have changed."""

    def __init__(self, opsgenie_account: str, state: MigrationState) -> None:
        self._opsgenie_account = opsgenie_account
        self._state = state
        self._visible: tuple[str, datetime | None, bool] | None = None

    def update(self) -> None:
        """Update now."""
        state = self._state
        step = CANCELLED if state.cancelled else str(state.checklist.step)
        visible = (step, state.rules.deadline, bool(state.paused))
        if visible != self._visible:
            self._visible = visible
            deadline = search_attributes.MIGRATION_DEADLINE
            workflow.upsert_search_attributes(
                [
                    search_attributes.OPSGENIE_ACCOUNT.value_set(self._opsgenie_account),
                    search_attributes.MIGRATION_STEP.value_set(step),
                    search_attributes.MIGRATION_PAUSED.value_set(bool(state.paused)),
                    deadline.value_set(state.rules.deadline) if state.rules.deadline else deadline.value_unset(),
                ]
            )
        task = ""
        if state.task:
            task = f"**{markdown.plain(state.task.task)}**\n\n{markdown.code(state.task.command)}\n\n"
        workflow.set_current_details(task + state.checklist.markdown())

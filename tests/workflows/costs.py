"""Counts the events of workflows, and the actions that Temporal Cloud would bill, from their histories."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

_BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED,
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
}
"""Each of these events is one action; see https://docs.temporal.io/evaluate/cloud/actions. A signal is billed to the
workflow that receives it. Queries are actions too, but are in no history."""

_OF_THE_TEST = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_OPTIONS_UPDATED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIME_SKIPPING_TRANSITIONED,
}
"""Events that time skipping adds. They do not occur in production."""


@dataclass(frozen=True)
class Cost:
    """The events and actions of some workflows so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    """The number of events of each type."""
    actions: int = 0

    @property
    def events(self) -> int:
        """The number of all events."""
        return self.kinds.total()

    def __add__(self, other: "Cost") -> "Cost":
        """Return the sum of two costs."""
        return Cost(self.kinds + other.kinds, self.actions + other.actions)


async def cost(client: Client, workflow_id: str) -> Cost:
    """Return the cost of all runs of a workflow."""
    kinds, actions = Counter[str](), 0
    async for history in client.list_workflows(f"WorkflowId = '{workflow_id}'").map_histories():
        kinds.update(EventType.Name(e.event_type) for e in history.events if e.event_type not in _OF_THE_TEST)
        actions += _actions(history.events)
    return Cost(kinds, actions)


def _actions(events: Sequence[HistoryEvent]) -> int:
    actions, tasks_with_local_activities = 0, set()
    for event in events:
        if event.event_type in _BILLED:
            actions += 1
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            # Each attempt, and at least one heartbeat: each of our activities sends one as soon as it starts.
            actions += 2 * event.activity_task_started_event_attributes.attempt
        elif event.event_type == EventType.EVENT_TYPE_MARKER_RECORDED:
            # All local activities of one workflow task are one action.
            tasks_with_local_activities.add(event.marker_recorded_event_attributes.workflow_task_completed_event_id)
    return actions + len(tasks_with_local_activities)

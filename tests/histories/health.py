"""What Temporal's histories say of a migration's workflows."""

from collections import Counter

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from domain import ids


async def failures(client: Client, account: str) -> dict[str, int]:
    """Return how often a workflow task failed in any run of an account's workflows, by workflow."""
    told: Counter[str] = Counter()
    async for execution in client.list_workflows(f"WorkflowId STARTS_WITH '{ids.migration(account)}'"):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                told[f"{execution.id}: {event.workflow_task_failed_event_attributes.failure.message}"] += 1
    return dict(told)

"""Every run of an account's workflows that Temporal still keeps."""

from temporalio.client import Client, WorkflowExecution

from domain import ids
from steering.calls import told


async def of_account(client: Client, opsgenie_account: str) -> list[WorkflowExecution]:
    """Return the runs of an account's migrations, of their cohorts and undos; new ones may not be listed yet."""
    migration = ids.migration(opsgenie_account)
    query = f"WorkflowId = '{migration}' OR WorkflowId STARTS_WITH '{migration}:'"
    async with told(f"migration of {opsgenie_account}"):
        return [execution async for execution in client.list_workflows(query)]

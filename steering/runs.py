"""The runs of an account's workflows that Temporal still keeps."""

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription

from domain import ids
from steering.calls import told


async def of_account(client: Client, opsgenie_account: str) -> list[WorkflowExecution]:
    """Return the runs of an account's migrations, of their cohorts and undos; new ones may not be listed yet."""
    migration = ids.migration(opsgenie_account)
    query = f"WorkflowId = '{migration}' OR WorkflowId STARTS_WITH '{migration}:'"
    async with told(f"migration of {opsgenie_account}"):
        return [execution async for execution in client.list_workflows(query)]


def first_run_id(workflow: WorkflowExecutionDescription) -> str:
    """Return the id of the run that a chain of runs began with: it tells one migration of an account from another."""
    return workflow.raw_description.workflow_execution_info.first_run_id

"""The runs of an account's workflows that Temporal still keeps."""

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.calls import told
from landbridge.domain import ids
from landbridge.domain.text import text

PAUSED = "MigrationPaused = true"
"""Workflows that start nothing new until somebody resumes them, as Temporal's list filter says it."""
FAILING = "TemporalReportedProblems IS NOT NULL"
"""Workflows whose tasks fail again and again. The server sets the attribute after five attempts, about a minute."""


async def of_account(client: Client, opsgenie_account: str) -> list[WorkflowExecution]:
    """Return the runs of an account's migrations, of their cohorts and undos; new ones may not be listed yet."""
    async with told(text("migration of {opsgenie_account}", opsgenie_account=opsgenie_account)):
        return [execution async for execution in client.list_workflows(_of(opsgenie_account))]


async def running(client: Client, condition: str, opsgenie_account: str = "") -> list[WorkflowExecution]:
    """Return the running workflows that a list filter finds, of one account or of all."""
    query = f"ExecutionStatus = 'Running' AND {condition}"
    if opsgenie_account:
        query += f" AND ({_of(opsgenie_account)})"
    async with told(text("list of migrations")):
        try:
            return [execution async for execution in client.list_workflows(query)]
        except RPCError as error:
            # Where nobody has registered the attribute yet, no workflow has it.
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                return []
            raise


def _of(opsgenie_account: str) -> str:
    migration = ids.migration(opsgenie_account)
    return f"WorkflowId = '{migration}' OR WorkflowId STARTS_WITH '{migration}:'"


def first_run_id(workflow: WorkflowExecutionDescription) -> str:
    """Return the id of the run that a chain of runs began with: it tells one migration of an account from another."""
    return workflow.raw_description.workflow_execution_info.first_run_id

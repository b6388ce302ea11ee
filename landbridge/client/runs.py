"""Lists the workflow runs that Temporal still keeps."""

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.calls import translate_rpc_errors
from landbridge.domain import ids
from landbridge.domain.text import text

PAUSED = "MigrationPaused = true"
"""List filter: paused workflows, which start nothing new until an admin resumes them."""
FAILING = "TemporalReportedProblems IS NOT NULL"
"""List filter: workflows whose tasks fail repeatedly. The server sets it after five attempts, about a minute."""


async def of_account(client: Client, opsgenie_account: str) -> list[WorkflowExecution]:
    """Return all runs of an account's migrations, cohorts and undos; runs that just started may be missing."""
    async with translate_rpc_errors(text("migration of {opsgenie_account}", opsgenie_account=opsgenie_account)):
        return [execution async for execution in client.list_workflows(_of(opsgenie_account))]


async def running(client: Client, condition: str, opsgenie_account: str = "") -> list[WorkflowExecution]:
    """Return the running workflows that match a list filter, of one account or of all accounts."""
    query = f"ExecutionStatus = 'Running' AND {condition}"
    if opsgenie_account:
        query += f" AND ({_of(opsgenie_account)})"
    async with translate_rpc_errors(text("list of migrations")):
        try:
            return [execution async for execution in client.list_workflows(query)]
        except RPCError as error:
            # The search attribute is not registered in this namespace, so no workflow has it.
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                return []
            raise


def _of(opsgenie_account: str) -> str:
    migration = ids.migration(opsgenie_account)
    return f"WorkflowId = '{migration}' OR WorkflowId STARTS_WITH '{migration}:'"


def first_run_id(workflow: WorkflowExecutionDescription) -> str:
    """Return the first run id of a chain of runs: it distinguishes one migration of an account from another."""
    return workflow.raw_description.workflow_execution_info.first_run_id

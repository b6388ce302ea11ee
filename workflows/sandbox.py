"""The sandbox workflows run in, for workers and for replays alike."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("activities", "domain", "dns", "email_validator", "idna", "structlog")
"""Modules that workflows share with the process. Pydantic loads the address check's parts only when it is first used,
and inside the sandbox that would take too long."""


def runner() -> SandboxedWorkflowRunner:
    """Return the runner for every worker and replayer of Landbridge."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))

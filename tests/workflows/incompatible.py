"""Workflows of a build that decides otherwise than ours: it cannot replay what ours has begun."""

from datetime import timedelta
from typing import Any

from temporalio import workflow


@workflow.defn(name="CohortWorkflow")
class IncompatibleCohort:
    """Waits, where ours looks up accounts."""

    @workflow.run
    async def run(self, _: Any) -> None:  # noqa: ANN401 - it reads nothing
        """Wait."""
        await workflow.sleep(timedelta(days=1))


@workflow.defn(name="SiteMigrationWorkflow")
class IncompatibleMigration:
    """Waits, where ours reads the roster."""

    @workflow.run
    async def run(self, _: Any) -> None:  # noqa: ANN401 - it reads nothing
        """Wait."""
        await workflow.sleep(timedelta(days=1))

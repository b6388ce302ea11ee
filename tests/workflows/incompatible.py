"""Workflows of an incompatible build: they cannot replay our histories."""

from datetime import timedelta
from typing import Any

from temporalio import workflow


@workflow.defn(name="CohortWorkflow")
class IncompatibleCohort:
    """Waits where the real workflow looks up accounts."""

    @workflow.run
    async def run(self, _: Any) -> None:  # noqa: ANN401 - it reads nothing
        """Wait for an event that the real history does not contain."""
        await workflow.sleep(timedelta(days=1))


@workflow.defn(name="SiteMigrationWorkflow")
class IncompatibleMigration:
    """Waits where the real workflow reads the roster."""

    @workflow.run
    async def run(self, _: Any) -> None:  # noqa: ANN401 - it reads nothing
        """Wait for an event that the real history does not contain."""
        await workflow.sleep(timedelta(days=1))

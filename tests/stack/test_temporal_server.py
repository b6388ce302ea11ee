import os
import signal
from pathlib import Path

import pytest
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

from dev.stack import ports, temporal_server
from dev.stack.processes import ProgramFailed
from dev.stack.temporal_server import TemporalServer
from landbridge.domain import searchable
from landbridge.platform.exits import TemporalUnreachable
from landbridge.platform.temporal import connection


def on_disk(folder: Path) -> TemporalServer:
    """Return a server with its database in a folder."""
    return TemporalServer(port=ports.preferred_or_free(0), database=folder / "temporal.db")


async def test_the_server_has_the_search_attributes(tmp_path: Path) -> None:
    """All search attributes of the workflows are registered at startup."""
    server = on_disk(tmp_path)
    async with temporal_server.running(server, tmp_path):
        client = await connection.connect(environment=server.environment)
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
        assert set(searchable.KINDS) <= set(listed.custom_attributes)


async def test_a_killed_server_restarts_without_losing_workflows(tmp_path: Path) -> None:
    """A workflow that was started before `kill -9` exists after the restart."""
    server = on_disk(tmp_path)
    async with temporal_server.running(server, tmp_path) as supervisor:
        client = await connection.connect(environment=server.environment)
        await client.start_workflow("Waiting", id="waiting", task_queue="nobody")
        os.kill(supervisor.pids[temporal_server.NAME], signal.SIGKILL)
        # The client retries while the server restarts.
        assert (await client.get_workflow_handle("waiting").describe()).id == "waiting"


async def test_a_damaged_database_is_reported(tmp_path: Path) -> None:
    """The message names the file and the remedy. The server overwrites nothing."""
    server = on_disk(tmp_path)
    (tmp_path / "temporal.db").write_text("not a database" * 1000)
    with pytest.raises(ProgramFailed, match=r"Its database .*temporal\.db is damaged: restore it from a copy"):
        async with temporal_server.running(server, tmp_path):
            pass


async def test_an_unreachable_server_is_reported() -> None:
    """The message names the address and the remedy."""
    server = TemporalServer(port=ports.preferred_or_free(0))
    with pytest.raises(TemporalUnreachable, match=f"{server.address}: nothing listens there. Start it"):
        await connection.connect(environment=server.environment)

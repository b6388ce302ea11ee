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
    """Return a server with its store in a folder."""
    return TemporalServer(port=ports.preferred_or_free(0), database=folder / "temporal.db")


async def test_it_knows_the_search_attributes(tmp_path: Path) -> None:
    """A migration can be found and counted from the start."""
    server = on_disk(tmp_path)
    async with temporal_server.running(server, tmp_path):
        client = await connection.connect(environment=server.environment)
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="default"))
        assert set(searchable.KINDS) <= set(listed.custom_attributes)


async def test_a_killed_server_comes_back_with_all_that_it_knew(tmp_path: Path) -> None:
    """A workflow that was started before `kill -9` is there after it."""
    server = on_disk(tmp_path)
    async with temporal_server.running(server, tmp_path) as supervisor:
        client = await connection.connect(environment=server.environment)
        await client.start_workflow("Waiting", id="waiting", task_queue="nobody")
        os.kill(supervisor.pids[temporal_server.NAME], signal.SIGKILL)
        # The client tries again by itself while the server is away.
        assert (await client.get_workflow_handle("waiting").describe()).id == "waiting"


async def test_a_damaged_store_is_a_sentence(tmp_path: Path) -> None:
    """Nothing is overwritten, and the person learns which file it is."""
    server = on_disk(tmp_path)
    (tmp_path / "temporal.db").write_text("not what it should be" * 1000)
    with pytest.raises(ProgramFailed, match=r"Its store .*temporal\.db is damaged: put a good copy in its place"):
        async with temporal_server.running(server, tmp_path):
            pass


async def test_a_server_that_is_not_there_is_a_sentence() -> None:
    """It names the address and what to do."""
    server = TemporalServer(port=ports.preferred_or_free(0))
    with pytest.raises(TemporalUnreachable, match=f"{server.address}: nothing listens there. Start it"):
        await connection.connect(environment=server.environment)

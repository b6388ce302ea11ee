import os
import subprocess
import sysconfig
from pathlib import Path

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

from dev.stack import ports, temporal_server
from landbridge.domain import searchable
from landbridge.platform.temporal import connection

SCRIPT = Path(__file__).parent.parent.parent / "deploy" / "temporal" / "create-namespace.sh"


async def test_the_script_creates_the_namespace_and_is_idempotent(tmp_path: Path) -> None:
    """The script registers exactly the search attributes of the workflows."""
    server = temporal_server.TemporalServer(port=ports.preferred_or_free(0))
    environment = {**server.environment, "TEMPORAL_NAMESPACE": "moving"}
    path = f"{sysconfig.get_path('scripts')}:{os.environ['PATH']}"
    async with temporal_server.running(server, tmp_path):
        for _ in range(2):
            subprocess.run(  # noqa: ASYNC221, S603 - our own script, and nothing runs concurrently
                ["/bin/sh", str(SCRIPT)], env={"PATH": path, **environment}, check=True, stdout=subprocess.DEVNULL
            )
        client = await connection.connect(environment=environment)
        listed = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace="moving"))
        ours = {
            name: IndexedValueType.Name(kind).removeprefix("INDEXED_VALUE_TYPE_").capitalize()
            for name, kind in listed.custom_attributes.items()
        }
    assert {name: ours.get(name) for name in searchable.KINDS} == searchable.KINDS


def test_the_script_requires_the_namespace_variable() -> None:
    """The error says that a profile is not enough."""
    ran = subprocess.run(["/bin/sh", str(SCRIPT)], env={}, capture_output=True, text=True, check=False)  # noqa: S603 - our own script
    assert ran.returncode != 0
    assert "even if a profile has it: TEMPORAL_NAMESPACE=default" in ran.stderr

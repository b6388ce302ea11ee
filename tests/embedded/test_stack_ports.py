import socket
from pathlib import Path

from embedded import ports
from embedded.stack import Stack


async def test_a_stack_goes_elsewhere_when_a_port_is_taken_meanwhile(tmp_path: Path) -> None:
    """Two stacks that start at the same moment do not fail each other."""
    said: list[str] = []
    stack = Stack(tmp_path, say=said.append)
    host, _, port = stack.temporal_address.rpartition(":")
    with socket.create_server((host, int(port))):
        async with stack:
            assert stack.temporal_address != f"{host}:{port}"
            assert await ports.accepts(int(stack.temporal_address.rpartition(":")[2]))
            assert set(stack.pids) == {"temporal", "emulator", "mailbox", "worker", "portal"}
    assert said == []

import asyncio
import socket
from pathlib import Path

from dev.stack import ports
from dev.stack.stack import PREFERRED, Stack


async def test_a_stack_goes_elsewhere_when_a_port_is_taken_meanwhile(tmp_path: Path) -> None:
    """What came between choosing and starting does not fail it."""
    said: list[str] = []
    stack = Stack(tmp_path, say=said.append)
    host, _, port = stack.temporal_address.rpartition(":")
    with socket.create_server((host, int(port))):
        async with stack:
            assert stack.temporal_address != f"{host}:{port}"
            assert await ports.accepts(int(stack.temporal_address.rpartition(":")[2]))
            assert set(stack.pids) == {"temporal", "emulator", "mailbox", "worker", "portal"}
    assert said == []


async def test_stacks_that_start_at_the_same_moment_do_not_take_each_other_for_their_own(tmp_path: Path) -> None:
    """Another one's program that listens first is not what this one waits for."""
    said: list[str] = []
    preferred = dict.fromkeys(PREFERRED, 0)
    preferred["emulator"], preferred["mailbox"] = ports.preferred_or_free(0), ports.preferred_or_free(0)
    stacks = [Stack(tmp_path / name, say=said.append, preferred=preferred) for name in ("one", "another")]

    async def started(stack: Stack) -> dict[str, int]:
        async with stack:
            return stack.pids

    one, another = await asyncio.gather(*map(started, stacks))
    assert said == []
    assert len({*one.values(), *another.values()}) == 10
    assert stacks[0].emulator_url != stacks[1].emulator_url

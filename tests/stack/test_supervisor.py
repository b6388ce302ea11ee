import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from dev.stack import ports
from dev.stack.processes import Program, ProgramFailed
from dev.stack.supervisor import Supervisor

SERVER = """
import os, signal, socket, sys
name, port, journal = sys.argv[1:]
def log(event):
    with open(journal, "a") as file:
        file.write(f"{name} {event}\\n")
def stop(*_):
    log("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
server = socket.create_server(("127.0.0.1", int(port)))
log("started")
while True:
    server.accept()[0].close()
"""
"""A stub server. It listens, and it writes to a journal when it starts and stops."""


def server(name: str, journal: Path, *, port: int = 0) -> Program:
    """Return a stub server that writes to `journal` when it starts and stops."""
    port = port or ports.preferred_or_free(0)
    command = [sys.executable, "-S", "-c", SERVER, name, str(port), str(journal)]
    return Program(name, command, os.environ, ports=[port], ready=partial(ports.accepts, port))


def never_ready(code: str) -> Program:
    """Return a Python program that is never ready."""

    async def is_ready() -> bool:
        return False

    return Program("part", [sys.executable, "-S", "-c", code], os.environ, ready=is_ready)


async def until(condition: Callable[[], bool | Awaitable[bool]]) -> None:
    """Poll until a condition in another process is true."""
    while not (  # noqa: ASYNC110 - another process cannot set an event here
        await result if isinstance(result := condition(), Awaitable) else result
    ):
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Return whether a process does not exist or is a zombie."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or ") Z " in status.read_text()


async def test_programs_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    """A program may depend on the programs before it."""
    journal = tmp_path / "journal"
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        await supervisor.start(server("first", journal))
        await supervisor.start(server("second", journal))
    assert journal.read_text().split("\n")[:-1] == [
        "first started",
        "second started",
        "second stopped",
        "first stopped",
    ]


async def test_a_program_that_dies_is_restarted_and_reported(tmp_path: Path) -> None:
    """A killed program is started again and listens on its port."""
    messages: asyncio.Queue[str] = asyncio.Queue()
    port = ports.preferred_or_free(0)
    async with Supervisor(tmp_path, messages.put_nowait) as supervisor:
        await supervisor.start(server("part", tmp_path / "journal", port=port))
        first = supervisor.pids["part"]
        os.kill(first, signal.SIGKILL)
        assert (
            await messages.get() == f"part exited with code -9 and will be restarted; its log is {tmp_path}/part.log."
        )
        await until(lambda: ports.accepts(port))
        assert supervisor.pids["part"] != first


async def test_a_program_that_exits_at_start_is_reported_with_its_last_log_line(tmp_path: Path) -> None:
    """The message also names the log."""
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(
            ProgramFailed,
            match=r"part exited with code 7; its log is .*part\.log\. Last line of the log: no such setting",
        ):
            await supervisor.start(never_ready("import sys; print('no such setting'); sys.exit(7)"))


async def test_a_missing_program_is_reported(tmp_path: Path) -> None:
    """The message names the path."""
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(ProgramFailed, match=r"part cannot be started: .*nowhere"):
            await supervisor.start(Program("part", [str(tmp_path / "nowhere")]))


async def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    """Another owner's program on the port must not pass the readiness probe."""
    port = ports.preferred_or_free(0)
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        await supervisor.start(server("first", tmp_path / "journal", port=port))
        with pytest.raises(ProgramFailed, match=f"second cannot be started: another program has port {port}"):
            await supervisor.start(server("second", tmp_path / "journal", port=port))


async def test_a_program_that_ignores_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    """After the supervisor has stopped, neither the program nor its children are running."""
    child = tmp_path / "child"
    stubborn = (
        "import pathlib, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "other = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        f"pathlib.Path({str(child)!r}).write_text(str(other.pid))\n"
        "time.sleep(600)\n"
    )

    async def ready() -> bool:
        return child.exists() and child.read_text() != ""

    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        command = [sys.executable, "-S", "-c", stubborn]
        await supervisor.start(Program("part", command, os.environ, ready=ready, stop_timeout=0.1))
        pid = supervisor.pids["part"]
    await until(lambda: gone(pid))
    await until(lambda: gone(int(child.read_text())))


async def test_no_program_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    """`kill -9` of the stack's owner leaves no process behind."""
    port = ports.preferred_or_free(0)
    owner_code = f"""
import asyncio, sys
from pathlib import Path
from dev.stack.supervisor import Supervisor
from tests.stack.test_supervisor import server

async def main():
    async with Supervisor(Path({str(tmp_path)!r}), lambda _: None) as supervisor:
        await supervisor.start(server("part", Path({str(tmp_path / "journal")!r}), port={port}))
        print(supervisor.pids["part"], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", owner_code, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parent.parent.parent
    )
    assert owner.stdout is not None
    part = int(await owner.stdout.readline())
    owner.kill()
    await owner.wait()
    await until(lambda: gone(part))
    assert ports.is_free(port)

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dev.stack import ports
from dev.stack.processes import Program, ProgramFailed
from dev.stack.supervisor import Supervisor

SERVER = """
import os, signal, socket, sys
name, port, journal = sys.argv[1:]
def note(what):
    with open(journal, "a") as file:
        file.write(f"{name} {what}\\n")
def end(*_):
    note("stopped")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
server = socket.create_server(("127.0.0.1", int(port)))
note("started")
while True:
    server.accept()[0].close()
"""
"""A stand-in for a part of the stack: it listens, and writes down what happens to it."""


def server(name: str, journal: Path, *, port: int = 0) -> Program:
    """Return a stand-in that notes in `journal` that it started and stopped."""
    port = port or ports.preferred_or_free(0)
    command = [sys.executable, "-S", "-c", SERVER, name, str(port), str(journal)]
    return Program(name, command, os.environ, ports=[port], ready=partial(ports.accepts, port))


def never_ready(code: str) -> Program:
    """Return a Python program that never says that it is ready."""

    async def is_ready() -> bool:
        return False

    return Program("part", [sys.executable, "-S", "-c", code], os.environ, ready=is_ready)


async def until(happened: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait for what another process does."""
    while not (  # noqa: ASYNC110 - it happens in another process, which sets no event here
        await answer if isinstance(answer := happened(), Awaitable) else answer
    ):
        await asyncio.sleep(0.02)


def gone(pid: int) -> bool:
    """Return whether a process is no more, or only waits for somebody to read its end."""
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or ") Z " in status.read_text()


async def test_programs_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    """Each leans only on those before it, at the start and at the end."""
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


async def test_programs_that_lean_on_nobody_start_together(tmp_path: Path) -> None:
    """None waits for another to be ready."""
    journal = tmp_path / "journal"

    async def other_stands() -> bool:
        return journal.exists() and "second started" in journal.read_text()

    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        first = replace(server("first", journal), ready=other_stands)
        await supervisor.start(first, server("second", journal))
        assert supervisor.pids.keys() == {"first", "second"}


async def test_if_one_of_them_fails_the_others_end(tmp_path: Path) -> None:
    """Nothing is left behind half started."""
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(ProgramFailed, match="code 7"):
            await supervisor.start(never_ready("import time; time.sleep(60)"), never_ready("import sys; sys.exit(7)"))
        assert not supervisor.pids


async def test_a_program_that_dies_is_started_again_and_told_of(tmp_path: Path) -> None:
    """A killed program is back on its port, and somebody heard of it."""
    said: asyncio.Queue[str] = asyncio.Queue()
    port = ports.preferred_or_free(0)
    async with Supervisor(tmp_path, said.put_nowait) as supervisor:
        await supervisor.start(server("part", tmp_path / "journal", port=port))
        first = supervisor.pids["part"]
        os.kill(first, signal.SIGKILL)
        assert await said.get() == f"part ended with code -9 and is started again; its log is {tmp_path}/part.log."
        await until(lambda: ports.accepts(port))
        assert supervisor.pids["part"] != first


async def test_a_program_that_does_not_start_is_explained(tmp_path: Path) -> None:
    """The last thing that it said stands in the sentence, with the place of its log."""
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(
            ProgramFailed, match=r"part ended with code 7; its log is .*part\.log\. It said last: no such setting"
        ):
            await supervisor.start(never_ready("import sys; print('no such setting'); sys.exit(7)"))


async def test_a_program_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """A missing binary is no traceback."""
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(ProgramFailed, match=r"part cannot be started: .*nowhere"):
            await supervisor.start(Program("part", [str(tmp_path / "nowhere")]))


async def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    """Another program's answers do not pass for the stack's own."""
    port = ports.preferred_or_free(0)
    async with Supervisor(tmp_path, lambda _: None) as supervisor:
        await supervisor.start(server("first", tmp_path / "journal", port=port))
        with pytest.raises(ProgramFailed, match=f"second cannot be started: another program has port {port}"):
            await supervisor.start(server("second", tmp_path / "journal", port=port))


async def test_a_program_that_will_not_stop_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    """Nothing is left behind: neither the program nor its children."""
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
        await supervisor.start(Program("part", command, os.environ, ready=ready, stop_within=0.1))
        pid = supervisor.pids["part"]
    await until(lambda: gone(pid))
    await until(lambda: gone(int(child.read_text())))


async def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """`kill -9` of the whole stack's owner leaves no process behind."""
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

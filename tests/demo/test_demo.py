"""The demo and the local stack as people start them: starter.py as a process, and every process of the stack."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests import thread_imports

STARTER = Path(__file__).parents[2] / "starter.py"
DISTRACTING = {"TEMPORAL_PROFILE": "production", "TEMPORAL_API_KEY": "real", "LANDBRIDGE_SMTP_HOST": "mail.example.com"}
"""What a person may have set for a real migration; a local stack must not hear of it."""


@asynccontextmanager
async def started(*arguments: str | Path, **environment: str) -> AsyncIterator[Process]:
    """Start starter.py, and see to it that it ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        STARTER,
        *arguments,
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environment},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def ended(process: Process) -> tuple[int, str]:
    """Return the exit code, and what it wrote from now on."""
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def said(process: Process, words: str) -> str:
    """Read what it writes until these words come; return it."""
    assert process.stdout is not None
    heard = ""
    while words not in heard:
        line = await process.stdout.readline()
        assert line, heard
        heard += line.decode()
    return heard


def at_work_in(folder: Path) -> list[str]:
    """Return the command lines of processes that name a folder; where there is no /proc, none are known."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(process.read_text().replace("\0", " "))
    return [line for line in lines if str(folder) in line]


async def test_the_demo_moves_everyone_and_has_it_judged(tmp_path: Path) -> None:
    """It ends with every reachable person connected, and exits with 0 because what others recorded agrees.

    It imports nothing in a thread: a second thread could see a half-loaded module.
    """
    imports = tmp_path / "thread-imports"
    variables = DISTRACTING | thread_imports.recorded_in(imports)
    async with started("demo", "--folder", tmp_path / "demo", **variables) as process:
        code, output = await ended(process)
    assert code == 0, output
    assert imports.read_text() == ""
    assert "25 people: 22 connected, 2 skipped, 1 excluded" in output
    assert "✗" not in output
    assert output.count("✓") == 13
    for act in (
        "start acme --initiator",
        "choose-site acme acme-wiki",
        "name-site acme acme --first-name",
        "name-site acme acme-team --first-name",
        "resend acme somchai.jaidee@example.com",
        "exclude acme refused@example.com",
    ):
        assert f"$ ./starter.py {act}" in output
    assert "asks for a new link" in output
    assert not (tmp_path / "demo" / "environment").exists()
    for name in ("worker", "portal"):
        log = (tmp_path / "demo" / "logs" / f"{name}.log").read_text()
        assert f"{name}_stopped" in log
        assert "Traceback" not in log


async def test_a_demo_that_is_ended_leaves_nothing_running(tmp_path: Path) -> None:
    """Whoever has seen enough gets their machine back."""
    async with started("demo", "--folder", tmp_path) as process:
        await said(process, "$ ./starter.py start")
        assert len(at_work_in(tmp_path)) > 1 or not Path("/proc").exists()
        process.send_signal(signal.SIGTERM)
        code, output = await ended(process)
    assert code == 143, output
    assert at_work_in(tmp_path) == []
    assert not (tmp_path / "environment").exists()


async def test_dev_serves_until_ctrl_c(tmp_path: Path) -> None:
    """A shell that has sourced the file it names speaks to the stack; Ctrl-C is its ordinary end."""
    async with started("dev", "--folder", tmp_path, **DISTRACTING) as dev:
        heard = await said(dev, f"source {tmp_path}/environment")
        assert f"{tmp_path}/mailbox" in heard
        listing = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            f'. "{tmp_path}/environment"; exec "$0" "$1" list',
            sys.executable,
            STARTER,
            stdout=PIPE,
            stderr=STDOUT,
            env={"PATH": os.environ["PATH"], **DISTRACTING},
        )
        code, output = await ended(listing)
        assert (code, "There is no migration yet" in output) == (0, True), output
        dev.send_signal(signal.SIGINT)
        code, output = await ended(dev)
    assert code == 0, output

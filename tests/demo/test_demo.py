"""The demo and the local stack as users run them: starter.py and all processes of the stack."""

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
REAL_SETTINGS = {
    "TEMPORAL_PROFILE": "production",
    "TEMPORAL_API_KEY": "real",
    "LANDBRIDGE_SMTP_HOST": "mail.example.com",
}
"""Settings for real accounts, which a local stack must ignore."""


@asynccontextmanager
async def started(*arguments: str | Path, **environment: str) -> AsyncIterator[Process]:
    """Start starter.py; kill it at the end if it is still running."""
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
    """Wait for the process; return its exit code and the rest of its output."""
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def read_until(process: Process, words: str) -> str:
    """Read the output up to the first line that contains these words; return that line."""
    assert process.stdout is not None
    output = ""
    while words not in output:
        line = await process.stdout.readline()
        assert line, output
        output += line.decode()
    return output


def processes_in(folder: Path) -> list[str]:
    """Return the command lines that contain a folder's path; empty on systems without /proc."""
    lines = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            lines.append(process.read_text().replace("\0", " "))
    return [line for line in lines if str(folder) in line]


async def test_the_demo_migrates_everyone_and_verifies_the_outcome(tmp_path: Path) -> None:
    """Every reachable person is connected, every check passes, and the demo exits with 0.

    Nothing is imported in a thread, where another thread could see a half-loaded module.
    """
    imports = tmp_path / "thread-imports"
    variables = REAL_SETTINGS | thread_imports.recorded_in(imports)
    async with started("demo", "--folder", tmp_path / "demo", **variables) as process:
        code, output = await ended(process)
    assert code == 0, output
    assert imports.read_text() == ""
    assert "25 people: 22 connected, 2 skipped, 1 excluded" in output
    assert "✗" not in output
    assert output.count("✓") == 14
    for command in (
        "start acme --initiator",
        "choose-site acme acme-wiki",
        "name-site acme acme --first-name",
        "name-site acme acme-team --first-name",
        "resend acme somchai.jaidee@example.com",
        "exclude acme refused@example.com",
    ):
        assert f"$ ./starter.py {command}" in output
    assert "requests a new link" in output
    assert not (tmp_path / "demo" / "environment").exists()
    for name in ("worker", "portal"):
        log = (tmp_path / "demo" / "logs" / f"{name}.log").read_text()
        assert f"{name}_stopped" in log
        assert "Traceback" not in log


async def test_a_terminated_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """SIGTERM ends the demo with 143 and stops all processes of the stack."""
    async with started("demo", "--folder", tmp_path) as process:
        await read_until(process, "$ ./starter.py start")
        assert len(processes_in(tmp_path)) > 1 or not Path("/proc").exists()
        process.send_signal(signal.SIGTERM)
        code, output = await ended(process)
    assert code == 143, output
    assert processes_in(tmp_path) == []
    assert not (tmp_path / "environment").exists()


async def test_dev_serves_until_ctrl_c(tmp_path: Path) -> None:
    """A shell that sources the printed file reaches the stack; Ctrl-C exits with 0."""
    async with started("dev", "--folder", tmp_path, **REAL_SETTINGS) as dev:
        printed = await read_until(dev, f"source {tmp_path}/environment")
        assert f"{tmp_path}/mailbox" in printed
        listing = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            f'. "{tmp_path}/environment"; exec "$0" "$1" list',
            sys.executable,
            STARTER,
            stdout=PIPE,
            stderr=STDOUT,
            env={"PATH": os.environ["PATH"], **REAL_SETTINGS},
        )
        code, output = await ended(listing)
        assert (code, "There are no migrations" in output) == (0, True), output
        dev.send_signal(signal.SIGINT)
        code, output = await ended(dev)
    assert code == 0, output

"""One program of the local stack as an operating-system process."""

import asyncio
import contextlib
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.stack.ports import is_free
from landbridge.domain.errors import LandbridgeError

Probe = Callable[[], Awaitable[bool]]
_PROBE_INTERVAL = 0.05
"""Seconds."""
_LOG_TAIL = 4096
"""Bytes at the end of a log that are searched for the reason of a failed start."""
_MAX_REASON_LENGTH = 300
"""Characters of the reason that are shown; the log has the rest."""


class ProgramFailed(LandbridgeError):
    """A program of the stack does not start; the message says why and names its log."""


@dataclass(frozen=True)
class Program:
    """A command, and how to find out whether it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The complete environment of the process; nothing is inherited."""
    ports: Sequence[int] = ()
    """Ports it will listen on. They must be free, or another program would answer the probe."""
    ready: Probe | None = None
    """Returns whether the program is ready; None: it is ready as soon as it runs."""
    explain: Callable[[str], str] = lambda _: ""
    """Turns the last log line of a failed start into a message; empty: the line itself is shown."""
    start_timeout: float = 30.0
    """Seconds until the program must be ready."""
    stop_timeout: float = 30.0
    """Seconds between SIGTERM and SIGKILL."""


class Process:
    """A running program.

    It has a process group of its own, so that Ctrl-C in the terminal reaches the stack's owner only. A watcher kills
    that group as soon as its pipe to the owner closes, which also happens when the owner dies from `kill -9`.
    """

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start the program and wait until it is ready.

        Raises:
            ProgramFailed: a port is taken, the command cannot be run, exits, or is not ready in time.

        """
        for port in self.program.ports:
            if not is_free(port):
                raise ProgramFailed(f"{self.program.name} cannot be started: another program has port {port}.")
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.program.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(self.program.environment),
                    # Not the current directory: a .env file there may contain credentials of a real account.
                    cwd=self.log.parent,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProgramFailed(f"{self.program.name} cannot be started: {error}.") from None
        self._watcher = _watch(self._process.pid)
        try:
            async with asyncio.timeout(self.program.start_timeout):
                await self._until_ready(self._process)
        except TimeoutError:
            await self.stop()
            raise ProgramFailed(
                f"{self.program.name} was not ready within {self.program.start_timeout:.0f} s; its log is {self.log}."
            ) from None

    async def ended(self) -> int:
        """Wait until the program exits, then kill what is left of its process group.

        Return the exit code, negative for a signal.
        """
        if self._process is None:
            return 0
        code = await self._process.wait()
        if self._watcher is not None:
            self._watcher.communicate()
            self._watcher = None
        return code

    async def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after `stop_timeout`."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self.program.stop_timeout):
                await self.ended()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.ended()

    @property
    def pid(self) -> int:
        """The process id; 0 before the first start."""
        return self._process.pid if self._process else 0

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while self.program.ready is not None and not await self.program.ready():
            if process.returncode is not None:
                await self.ended()
                raise ProgramFailed(
                    f"{self.program.name} exited with code {process.returncode}; its log is {self.log}. "
                    f"{self._reason()}"
                )
            await asyncio.sleep(_PROBE_INTERVAL)

    def _reason(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _LOG_TAIL))
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip()[:_MAX_REASON_LENGTH] for line in reversed(lines) if line.strip()), "")
        return self.program.explain(last) or f"Last line of the log: {last or '(empty)'}"


def _watch(group: int) -> "subprocess.Popen[bytes]":
    """Start a shell that kills a process group when its standard input closes."""
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -s KILL -- "-$0"', str(group)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

"""One program of the stack as a real process of the operating system."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dev.stack.guard import Guard
from dev.stack.ports import is_free
from landbridge.domain.errors import LandbridgeError

Probe = Callable[[], Awaitable[bool]]
_BETWEEN_PROBES = 0.05
"""Seconds."""
_TAIL = 4096
"""Bytes of the log that are looked at for a reason."""
_MAX_REASON_LENGTH = 300
"""Characters of it that are shown; the log has the rest."""


class ProgramFailed(LandbridgeError):
    """A program of the stack does not start; the sentence says why and where its log is."""


class PortTaken(ProgramFailed):
    """Another program listens where this one was to."""


@dataclass(frozen=True)
class Program:
    """What to start, and how to tell that it is ready."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    """The whole environment of the process, not only what is added."""
    ports: Sequence[int] = ()
    """Where it will listen: they must be free, or another program's answers would pass for its own."""
    ready: Probe | None = None
    """Whether it does its work already; none: as soon as it runs."""
    explain: Callable[[str], str] = lambda _: ""
    """Turns the last line of a failed start's log into a sentence for people; empty: the line itself will do."""
    start_within: float = 30.0
    """Seconds until it must be ready."""
    stop_within: float = 30.0
    """Seconds from the request to end (SIGTERM) until it is killed."""


class Process:
    """A running program in a process group of its own, so that Ctrl-C on the terminal reaches us alone."""

    def __init__(self, program: Program, log: Path, guard: Guard) -> None:
        self.program = program
        self.log = log
        self._guard = guard
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            PortTaken: it cannot be started where it was to.
            ProgramFailed: it cannot be started, ended at once, or was not ready in time.

        """
        for port in self.program.ports:
            if not is_free(port):
                raise PortTaken(f"{self.program.name} cannot be started: another program has port {port}.")
        try:
            with self.log.open("ab") as log:
                self._process = await asyncio.create_subprocess_exec(
                    *self.program.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=dict(self.program.environment),
                    # Not where the person is: a .env file there may mean a real account.
                    cwd=self.log.parent,
                    start_new_session=True,
                )
        except OSError as error:
            raise ProgramFailed(f"{self.program.name} cannot be started: {error}.") from None
        self._guard.watch(self._process.pid)
        try:
            async with asyncio.timeout(self.program.start_within):
                await self._until_ready(self._process)
        except TimeoutError:
            await self.stop()
            raise ProgramFailed(
                f"{self.program.name} was not ready within {self.program.start_within:.0f} s; its log is {self.log}."
            ) from None

    async def ended(self) -> int:
        """Wait until it ends and return its exit code, negative for a signal."""
        if self._process is None:
            return 0
        code = await self._process.wait()
        # What it may have started in turn ends with it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._guard.forget(self._process.pid)
        return code

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(self.program.stop_within):
                await self.ended()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self.ended()

    @property
    def pid(self) -> int:
        """Its process id; 0 before it was started."""
        return self._process.pid if self._process else 0

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        while self.program.ready is not None and not await self.program.ready():
            if process.returncode is not None:
                await self.ended()
                raise ProgramFailed(
                    f"{self.program.name} ended with code {process.returncode}; its log is {self.log}. {self._reason()}"
                )
            await asyncio.sleep(_BETWEEN_PROBES)

    def _reason(self) -> str:
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL))
            lines = log.read().decode(errors="replace").split("\n")
        last = next((line.strip()[:_MAX_REASON_LENGTH] for line in reversed(lines) if line.strip()), "")
        return self.program.explain(last) or f"It said last: {last or 'nothing'}"

"""Starts the stack's programs in order, restarts programs that die, and stops all of them in reverse order."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.stack.processes import Process, Program, ProgramFailed

_RESTART_DELAY = 0.5
"""Seconds."""


class Supervisor:
    """The programs it has started. Each writes to `<name>.log` in `folder`."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """`say` gets one sentence for each program that dies or does not restart."""
        self._folder = folder
        self._say = say
        self._supervised: list[tuple[Process, asyncio.Task[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process, restarts in reversed(self._supervised):
            restarts.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await restarts
            await process.stop()

    async def start(self, *programs: Program) -> None:
        """Start programs one after the other; each must be ready before the next one starts.

        Raises:
            ProgramFailed: a program does not start; the programs before it keep running until the supervisor exits.

        """
        for program in programs:
            process = Process(program, self._folder / f"{program.name}.log")
            try:
                await process.start()
            except BaseException:
                await process.stop()
                raise
            self._supervised.append((process, asyncio.create_task(self._restart(process), name=program.name)))

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each program by its name."""
        return {process.program.name: process.pid for process, _ in self._supervised}

    async def _restart(self, process: Process) -> None:
        while True:
            code = await process.ended()
            self._say(
                f"{process.program.name} exited with code {code} and will be restarted; its log is {process.log}."
            )
            while True:
                await asyncio.sleep(_RESTART_DELAY)
                try:
                    await process.start()
                    break
                except ProgramFailed as failure:
                    self._say(str(failure))

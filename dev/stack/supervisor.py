"""Keeps the stack's programs running: starts them, starts again what dies, stops them in reverse."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from dev.stack.guard import Guard
from dev.stack.processes import Process, Program, ProgramFailed

FIRST_PAUSE, MAX_PAUSE = 0.2, 10.0
"""Seconds before a program that died is started again; doubled each time it does not last."""
LASTING = 30.0
"""Seconds after which a program has proved itself, and the pauses begin anew."""


class Supervisor:
    """The programs that it has started; each writes to `<name>.log` in its folder."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """`say` is told, in sentences, what happens to the programs."""
        self._folder = folder
        self._say = say
        self._guard = Guard()
        self._kept: list[tuple[Process, asyncio.Task[None]]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            for process, keeper in reversed(self._kept):
                keeper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeper
                await process.stop()
        finally:
            self._guard.close()

    async def start(self, *programs: Program) -> None:
        """Start programs together, wait until all are ready, and keep them running from then on.

        Raises:
            ProgramFailed: one of them does not start; those that stand by then run until the supervisor ends.

        """
        starts = [asyncio.create_task(self._start(program)) for program in programs]
        try:
            await asyncio.gather(*starts)
        finally:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)

    async def _start(self, program: Program) -> None:
        process = Process(program, self._folder / f"{program.name}.log", self._guard)
        try:
            await process.start()
        except BaseException:
            await process.stop()
            raise
        self._kept.append((process, asyncio.create_task(self._keep(process), name=f"keep {program.name}")))

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each program by its name."""
        return {process.program.name: process.pid for process, _ in self._kept}

    async def _keep(self, process: Process) -> None:
        name = process.program.name
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = await process.ended()
            pause = FIRST_PAUSE if time.monotonic() - began > LASTING else pause
            self._say(f"{name} ended with code {code} and is started again; its log is {process.log}.")
            while True:
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
                try:
                    await process.start()
                except ProgramFailed as failure:
                    self._say(str(failure))
                else:
                    break

"""Memory and CPU time of programs and their child processes (Linux)."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_INTERVAL_SECONDS = 0.25
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Process:
    parent: int
    cpu_seconds: float


class Usage:
    """Samples memory and CPU time of programs while `watch` runs."""

    def __init__(self, programs: Callable[[], Mapping[str, int]]) -> None:
        """`programs` returns the process id of each program by name; a restart changes the id."""
        self._programs = programs
        self._cpu: dict[int, float] = {}
        """CPU time of each process that was sampled at least once."""
        self._before: dict[int, float] = {}
        self._owner: dict[int, str] = {}
        self.peak_bytes = 0
        """Peak memory of all programs together; shared pages are counted once."""
        self.peak_bytes_of: dict[str, int] = {}
        """Peak memory of each program."""

    async def watch(self) -> None:
        """Sample periodically until cancelled."""
        await asyncio.to_thread(self._sample)
        self._before = dict(self._cpu)
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            await asyncio.to_thread(self._sample)

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU time of each program since `watch` started."""
        self._sample()
        seconds: dict[str, float] = {}
        for number, owner in self._owner.items():
            seconds[owner] = seconds.get(owner, 0.0) + self._cpu[number] - self._before.get(number, 0.0)
        return seconds

    def _sample(self) -> None:
        running = dict(filter(None, (_read(folder) for folder in _PROC.glob("[0-9]*"))))
        total = 0
        for name, root in self._programs().items():
            family = {root} & running.keys()
            while grown := {n for n, process in running.items() if process.parent in family} - family:
                family |= grown
            memory = sum(map(_proportional, family))
            self.peak_bytes_of[name] = max(memory, self.peak_bytes_of.get(name, 0))
            total += memory
            for number in family:
                self._owner[number], self._cpu[number] = name, running[number].cpu_seconds
        self.peak_bytes = max(self.peak_bytes, total)


def _read(folder: Path) -> tuple[int, _Process] | None:
    with suppress(OSError):
        # The second field is the program's name in parentheses, and may contain parentheses itself.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return int(folder.name), _Process(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)
    return None


def _proportional(process: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0

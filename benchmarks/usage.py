"""What programs take of the machine, with all processes that they start (Linux)."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_EVERY_SECONDS = 0.25
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class _Process:
    parent: int
    cpu_seconds: float


class Usage:
    """Memory and processor time of programs from `begin` on."""

    def __init__(self, programs: Callable[[], Mapping[str, int]]) -> None:
        """`programs` are names and process ids: one that died may have been started again."""
        self._programs = programs
        self._cpu: dict[int, float] = {}
        """Processor time of each process that was ever seen."""
        self._before: dict[int, float] = {}
        self._owner: dict[int, str] = {}
        self.peak_bytes = 0
        """The most memory that all had at once; a page that several processes share counts once."""
        self.peak_bytes_of: dict[str, int] = {}
        """The same for each program."""

    async def watch(self) -> None:
        """Look now and then until cancelled."""
        await asyncio.to_thread(self._look)
        self._before = dict(self._cpu)
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            await asyncio.to_thread(self._look)

    def cpu_seconds(self) -> dict[str, float]:
        """Return each program's processor time since the watch began."""
        self._look()
        seconds: dict[str, float] = {}
        for number, owner in self._owner.items():
            seconds[owner] = seconds.get(owner, 0.0) + self._cpu[number] - self._before.get(number, 0.0)
        return seconds

    def _look(self) -> None:
        running = dict(filter(None, (_read(folder) for folder in _PROC.glob("[0-9]*"))))
        together = 0
        for name, root in self._programs().items():
            family = {root} & running.keys()
            while grown := {n for n, process in running.items() if process.parent in family} - family:
                family |= grown
            memory = sum(map(_proportional, family))
            self.peak_bytes_of[name] = max(memory, self.peak_bytes_of.get(name, 0))
            together += memory
            for number in family:
                self._owner[number], self._cpu[number] = name, running[number].cpu_seconds
        self.peak_bytes = max(self.peak_bytes, together)


def _read(folder: Path) -> tuple[int, _Process] | None:
    with suppress(OSError):
        # The second field is the program's name in brackets, and may itself hold some.
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return int(folder.name), _Process(int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)
    return None


def _proportional(process: int) -> int:
    with suppress(OSError):
        for line in (_PROC / str(process) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0

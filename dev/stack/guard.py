"""Ends the stack's processes if whoever started them is gone without having done it, killed by `kill -9` for example.

It runs as a process of its own. On its standard input it is told which process groups run (`+ID`) and which ended
(`-ID`); the end of that input means that the other side is gone, since a dead process holds no pipe. This works alike
on Linux and macOS, and for programs that know nothing of it, such as the Temporal server.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path


class Guard:
    """Our end of the pipe."""

    def __init__(self) -> None:
        # -S and -E: standard library only, so that it is there in an instant.
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(Path(__file__).resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def watch(self, group: int) -> None:
        """End this process group when we are gone."""
        self._tell(f"+{group}")

    def forget(self, group: int) -> None:
        """Watch it no more: it has ended, and another may get its number."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """Let the guard go; what it still watches is ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None:
            # A guard that was killed guards no more; the stack itself runs on.
            with contextlib.suppress(OSError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


def main() -> None:
    """Read the pipe to its end, then end what still runs."""
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()

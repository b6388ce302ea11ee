"""Reads a roster from a file, a pipe or standard input."""

import asyncio
from contextlib import suppress
from pathlib import Path
from threading import Thread

from landbridge.integrations.roster_files import reader
from landbridge.integrations.roster_files.rows import Reading


async def read(path: Path) -> Reading:
    """Read a roster; `-` is standard input.

    Reading a pipe can block. A daemon thread reads it, so that Ctrl-C and SIGTERM end the process immediately: the
    threads of `asyncio.to_thread` would be joined at exit.

    Raises:
        BadInput: as `integrations.roster_files.reader.read`.

    """
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[Reading | Exception] = loop.create_future()

    def finish(outcome: Reading | Exception) -> None:
        if not reading.done():
            reading.set_result(outcome)

    def work() -> None:
        outcome: Reading | Exception
        try:
            outcome = reader.read(path)
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: the process is ending
            loop.call_soon_threadsafe(finish, outcome)

    Thread(target=work, daemon=True).start()
    outcome = await reading
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def name(path: Path) -> str:
    """Return the roster's name for messages."""
    return "standard input" if path == reader.STANDARD_INPUT else str(path)

"""Rosters from where the shell hands them: a file, a pipe, or standard input."""

import asyncio
from contextlib import suppress
from pathlib import Path
from threading import Thread

from landbridge.integrations.roster_files import reader
from landbridge.integrations.roster_files.rows import Reading


async def read(path: Path) -> Reading:
    """Read a roster; `-` is standard input.

    A pipe may keep us waiting, so a thread reads it that nothing waits for, unlike asyncio's own: Ctrl-C and SIGTERM
    end the process at once.

    Raises:
        BadInput: as `integrations.roster_files.reader.read`.

    """
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[Reading | Exception] = loop.create_future()

    def tell(outcome: Reading | Exception) -> None:
        if not reading.done():
            reading.set_result(outcome)

    def work() -> None:
        outcome: Reading | Exception
        try:
            outcome = reader.read(path)
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            outcome = error
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(tell, outcome)

    Thread(target=work, daemon=True).start()
    outcome = await reading
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def name(path: Path) -> str:
    """Return what a person calls it."""
    return "standard input" if path == reader.STANDARD_INPUT else str(path)

"""(b) A plain asyncio script that keeps everything in memory: the upper limit of this machine, without durability.

It accepts two commands on its port: `move N` migrates N people, `clicked N` reports the click of person N.
"""

import asyncio
import platform
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from benchmarks import job
from benchmarks.contestant import WORKER, Contestant
from benchmarks.job import Click
from benchmarks.world import World
from dev.stack.ports import HOST
from dev.stack.processes import Program
from landbridge.domain.links import LinkClaims

_PORT = "PLAIN"
_RETRY_SECONDS = 0.1


class Plain(Contestant):
    """The script."""

    name = "plain"

    def missing(self) -> str:
        """Return nothing: it needs only Python."""
        return ""

    def versions(self) -> str:
        """Return the version of Python."""
        return f"Python {platform.python_version()}"

    def programs(self, world: World) -> Sequence[Program]:
        """Return the script."""
        world.port(_PORT)
        return [world.python(WORKER, "-m", "benchmarks.work", self.name)]

    async def move(self, world: World, people: int) -> None:
        """Send the command and wait for the answer; after a kill, the job starts over."""
        while not await _moved(world.port(_PORT), people):
            await asyncio.sleep(_RETRY_SECONDS)

    @asynccontextmanager
    async def click_sender(self) -> AsyncIterator[Click]:
        """Send a command for each click, and retry while the script restarts."""
        port, lock = int(job.variable(_PORT)), asyncio.Lock()
        connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

        async def click(claims: LinkClaims) -> None:
            nonlocal connection
            async with lock:
                while True:
                    try:
                        reader, writer = connection = connection or await asyncio.open_connection(HOST, port)
                        writer.write(f"clicked {claims.person}\n".encode())
                        if await reader.readline():
                            return
                    except OSError:
                        pass
                    connection = None
                    await asyncio.sleep(_RETRY_SECONDS)

        yield click

    async def work(self) -> None:
        """Run the script."""
        async with job.services() as services:
            server = await asyncio.start_server(_Script(services).serve, HOST, int(job.variable(_PORT)))
            job.signal_ready()
            await server.serve_forever()


async def _moved(port: int, people: int) -> bool:
    """Submit the job; return whether the script completed it."""
    with suppress(OSError):
        reader, writer = await asyncio.open_connection(HOST, port)
        try:
            writer.write(f"move {people}\n".encode())
            return bool(await reader.readline())
        finally:
            writer.close()
            await writer.wait_closed()
    return False


class _Script:
    """The state of the job, in memory."""

    def __init__(self, services: job.Services) -> None:
        self._services = services
        self._clicked: dict[int, asyncio.Event] = {}
        self._mails = asyncio.Semaphore(job.CONCURRENCY)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Execute the commands of one connection."""
        while line := await reader.readline():
            verb, number = line.decode().split()
            if verb == "clicked":
                self._clicked.setdefault(int(number), asyncio.Event()).set()
            else:
                everyone = range(1, int(number) + 1)
                batches = (
                    everyone[start : start + job.MAX_INVITED] for start in range(0, len(everyone), job.MAX_INVITED)
                )
                await asyncio.gather(*map(self._move_batch, batches))
            writer.write(b"done\n")

    async def _move_batch(self, people: Sequence[int]) -> None:
        await self._services.create_accounts(people)
        await asyncio.gather(*map(self._move, people))

    async def _move(self, person: int) -> None:
        clicked = self._clicked.setdefault(person, asyncio.Event())
        async with self._mails:
            await self._services.send_mail(person)
        await clicked.wait()


CONTESTANT = Plain()

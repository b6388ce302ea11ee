"""(b) A plain asyncio script that keeps everything in memory: the limit of this machine, with nothing durable.

It takes lines on its port: `move N` has N people moved, `clicked N` tells of a person's click.
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
_AGAIN_SECONDS = 0.1


class Plain(Contestant):
    """The script."""

    name = "plain"

    def missing(self) -> str:
        """Return nothing: it is a part of Python."""
        return ""

    def versions(self) -> str:
        """Return Python's."""
        return f"Python {platform.python_version()}"

    def programs(self, world: World) -> Sequence[Program]:
        """Return the script alone."""
        world.port(_PORT)
        return [world.python(WORKER, "-m", "benchmarks.work", self.name)]

    async def move(self, world: World, people: int) -> None:
        """Say how many, and wait for the answer; a script that was killed is told again, and begins anew."""
        while not await _moved(world.port(_PORT), people):
            await asyncio.sleep(_AGAIN_SECONDS)

    @asynccontextmanager
    async def door(self) -> AsyncIterator[Click]:
        """Write a line for each click, and again to a script that was killed meanwhile."""
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
                    await asyncio.sleep(_AGAIN_SECONDS)

        yield click

    async def work(self) -> None:
        """Run the script."""
        async with job.services() as services:
            server = await asyncio.start_server(_Script(services).serve, HOST, int(job.variable(_PORT)))
            job.say_ready()
            await server.serve_forever()


async def _moved(port: int, people: int) -> bool:
    """Give the script the job; return whether it lived to the end of it."""
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
    """The people's ways, in memory."""

    def __init__(self, services: job.Services) -> None:
        self._neighbours = services
        self._clicked: dict[int, asyncio.Event] = {}
        self._at_once = asyncio.Semaphore(job.AT_ONCE)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Do what the lines of one connection say."""
        while line := await reader.readline():
            verb, number = line.decode().split()
            if verb == "clicked":
                self._clicked.setdefault(int(number), asyncio.Event()).set()
            else:
                everyone = range(1, int(number) + 1)
                slices = (
                    everyone[start : start + job.MAX_INVITED] for start in range(0, len(everyone), job.MAX_INVITED)
                )
                await asyncio.gather(*map(self._move_slice, slices))
            writer.write(b"done\n")

    async def _move_slice(self, people: Sequence[int]) -> None:
        await self._neighbours.create_accounts(people)
        await asyncio.gather(*map(self._move, people))

    async def _move(self, person: int) -> None:
        clicked = self._clicked.setdefault(person, asyncio.Event())
        async with self._at_once:
            await self._neighbours.send_mail(person)
        await clicked.wait()


CONTESTANT = Plain()

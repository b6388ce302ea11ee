"""The people: each clicks the link as soon as a mail arrives.

Run it: `python -m benchmarks.clicker CONTESTANT JOURNAL`, with the environment of the contestant's programs.
"""

import asyncio
import sys
from pathlib import Path

from benchmarks import contestants, job
from benchmarks.journal import NONE, Journal
from landbridge.domain.links import Purpose

_POLL_SECONDS = 0.02


async def click_all(contestant: str, journal: Journal) -> None:
    """Click the link of every mail, at most `job.CONCURRENCY` concurrently, until cancelled.

    The link of a resent mail is clicked again: a contestant that lost the mail may have lost the click too.
    """
    links, limit = job.links(), asyncio.Semaphore(job.CONCURRENCY)
    async with contestants.load(contestant).click_sender() as click, asyncio.TaskGroup() as clicks:

        async def press(link: str) -> None:
            claims = links.read(Purpose.AUTHENTICATION, link.rpartition("/")[2])
            if claims is None:
                raise ValueError("a link with an invalid signature")
            async with limit:
                await click(claims)

        job.signal_ready()
        while True:
            for _, link in journal.read_new():
                if link != NONE:
                    clicks.create_task(press(link))
            await asyncio.sleep(_POLL_SECONDS)


if __name__ == "__main__":
    asyncio.run(click_all(sys.argv[1], Journal(Path(sys.argv[2]))))

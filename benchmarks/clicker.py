"""The people: each presses the button as soon as a mail is there.

Run it: `python -m benchmarks.clicker CONTESTANT JOURNAL`, with the environment of the contestant's programs.
"""

import asyncio
import sys
from pathlib import Path

from benchmarks import contestants, job
from benchmarks.journal import NONE, Journal
from landbridge.domain.links import Purpose

_LOOK_SECONDS = 0.02


async def click_all(contestant: str, journal: Journal) -> None:
    """Click the link of every mail that comes, at most `AT_ONCE` at the same time, until cancelled.

    A mail that comes again is clicked again: whoever forgot the mail may have forgotten the click.
    """
    links, at_once = job.links(), asyncio.Semaphore(job.AT_ONCE)
    async with contestants.load(contestant).door() as click, asyncio.TaskGroup() as clicks:

        async def press(link: str) -> None:
            claims = links.read(Purpose.AUTHENTICATION, link.rpartition("/")[2])
            if claims is None:
                raise ValueError("a link that nobody signed")
            async with at_once:
                await click(claims)

        job.say_ready()
        while True:
            for _, link in journal.news():
                if link != NONE:
                    clicks.create_task(press(link))
            await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    asyncio.run(click_all(sys.argv[1], Journal(Path(sys.argv[2]))))

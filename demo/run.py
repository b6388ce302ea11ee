"""`starter.py demo`: sets the embedded stack up and has the sample account migrated on it."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from embedded.stack import Stack


async def main(folder: Path, *, keep: bool) -> int:
    """Run the demo in a folder; return its exit code, as `demo.show` has it."""
    sys.stdout.write(
        "Starting Temporal, Opsgenie and Atlassian (an emulator), a mail server, the worker and the portal …\n"
    )
    sys.stdout.flush()
    loading = asyncio.create_task(asyncio.to_thread(_show))
    async with Stack(folder, fresh=True) as stack:
        migrate = await loading
        return await migrate(stack, keep=keep)


def _show() -> Callable[..., Coroutine[Any, Any, int]]:
    # It takes as long to load as the servers to start, which do so meanwhile.
    from demo import show  # noqa: PLC0415

    return show.migrate

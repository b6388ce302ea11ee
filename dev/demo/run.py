"""`starter.py demo`: sets the local stack up and has the sample account migrated on it."""

import sys
from pathlib import Path

from dev.demo import show
from dev.stack.stack import Stack


async def main(folder: Path, *, keep: bool) -> int:
    """Run the demo in a folder; return its exit code, as `dev.demo.show` has it."""
    sys.stdout.write(
        "Starting Temporal, Opsgenie and Atlassian (an emulator), a mail server, the worker and the portal …\n"
    )
    sys.stdout.flush()
    async with Stack(folder, fresh=True) as stack:
        return await show.migrate(stack, keep=keep)

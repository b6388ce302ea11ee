"""`starter.py dev`: the local stack in the foreground."""

from pathlib import Path

from dev.demo import display, endpoints
from dev.demo.admin import INITIATOR
from dev.stack.stack import Stack


async def main(folder: Path) -> None:
    """Run the stack until Ctrl-C; what is in `folder` goes on."""
    console = display.open_console()
    console.print("Starting Temporal, the emulator, the mail server, the worker and the portal …")
    async with Stack(folder, say=console.print) as stack:
        console.print("Everything runs, and is started again if it dies. Ctrl-C ends it; what is there stays there.\n")
        console.print(endpoints.table(stack))
        account = stack.sample.opsgenie.name
        start = f"./starter.py start {account} --initiator {INITIATOR}"
        console.print(
            f"\nTo walk through the guide, open {stack.portal_url} and sign in as {INITIATOR}: "
            f"the link comes as the newest file in {endpoints.short(stack.mailbox)}."
        )
        console.print(f"\nTo speak to it from another terminal; {account} is the sample account:")
        console.print(endpoints.commands(stack, start, f"./starter.py status {account}"))
        await stack.until_stopped()
        console.print("\nStopping …")

"""`starter.py dev`: the local stack in the foreground."""

from pathlib import Path

from dev.demo import display, endpoints
from dev.demo.admin import INITIATOR
from dev.stack.stack import Stack


async def main(folder: Path) -> None:
    """Run the stack until Ctrl-C; it continues with the state in `folder`."""
    console = display.open_console()
    console.print(
        "Starting Temporal, an emulator of Opsgenie and Atlassian, a mail server, the worker and the portal …"
    )
    async with Stack(folder, say=console.print) as stack:
        console.print(
            "Everything is running; processes that die are restarted. Ctrl-C stops everything and keeps its state.\n"
        )
        console.print(endpoints.table(stack))
        account = stack.sample.opsgenie.name
        start = f"./starter.py start {account} --initiator {INITIATOR}"
        console.print(
            f"\nTo walk through the guide, open {stack.portal_url} and sign in as {INITIATOR}: "
            f"the link is in the newest file of {endpoints.short(stack.mailbox)}."
        )
        console.print(f"\nTo migrate the sample account, {account}, type in another terminal:")
        console.print(endpoints.commands(stack, start, f"./starter.py status {account}"))
        await stack.until_stopped()
        console.print("\nStopping …")

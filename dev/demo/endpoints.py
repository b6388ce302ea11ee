"""The addresses of a running stack, and the commands to use it from another terminal."""

import shlex
from pathlib import Path

from rich.table import Table
from rich.text import Text

from dev.stack.stack import Stack


def table(stack: Stack) -> Table:
    """Return the addresses that a person can open."""
    addresses = Table.grid(padding=(0, 2, 0, 0))
    addresses.add_column(no_wrap=True)
    addresses.add_column(overflow="fold")
    for part, address in (
        ("Temporal's Web UI", stack.web_ui_url),
        ("Portal", stack.portal_url),
        ("Opsgenie and Atlassian", f"{stack.emulator_url} (emulator)"),
        ("Mailbox folder", short(stack.mailbox)),
        ("Logs", short(stack.state.logs)),
    ):
        addresses.add_row(Text(f"  {part}"), Text(address, "bold"))
    return addresses


def commands(stack: Stack, *lines: str) -> Text:
    """Return commands for another terminal, preceded by a command that makes the terminal use this stack."""
    return Text("\n").join(
        Text(f"  {line}", "bold") for line in (f"source {shlex.quote(short(stack.state.environment))}", *lines)
    )


def short(path: Path) -> str:
    """Return a path relative to the working directory where possible."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)

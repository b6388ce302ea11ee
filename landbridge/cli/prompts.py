"""Asks for confirmation on a terminal."""

import asyncio
import sys
from pathlib import Path

from rich.table import Table

from landbridge.cli import roster_input, text
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules


def can_prompt() -> bool:
    """Return whether a user at a terminal can answer."""
    return sys.stdin.isatty() and text.err().is_terminal


async def confirm_start(request: MigrationRequest, people: list[RosterPerson] | None, path: Path | None) -> bool:
    """Show what would be started, and return whether the user agrees."""
    err = text.err()
    summary = Table.grid(padding=(0, 2, 0, 0))
    summary.add_column(style="dim", no_wrap=True)
    summary.add_column(overflow="fold")
    summary.add_row("Opsgenie account", text.cell(request.opsgenie_account, "bold"))
    summary.add_row("Initiator", text.cell(request.initiator))
    summary.add_row("People", text.cell(_people(people, path)))
    summary.add_row("Site", text.cell(_site(request)))
    summary.add_row("Deadline", _deadline(request.rules))
    summary.add_row("Reminders", _reminders(request.rules))
    summary.add_row("Notified", text.cell(", ".join(request.notify) or "all owners and admins"))
    err.print(summary)
    return await confirm("Start the migration? Mails are sent as soon as the site is ready.")


async def confirm(question: str) -> bool:
    """Ask a yes-or-no question; anything but yes is no."""
    text.err().print(f"{text.plain(question)} [y/N] ", end="", markup=False)
    return (await _read_line()).strip().casefold() in {"y", "yes"}


async def confirm_account(account: str, consequence: str) -> bool:
    """Show a consequence that cannot be undone, and return whether the user typed the account's name to confirm it."""
    text.say(consequence)
    text.err().print(f"To continue, type the account's name ({text.plain(account)}): ", end="")
    return (await _read_line()).strip() == account


async def _read_line() -> str:
    # A blocking read would delay Ctrl-C and SIGTERM until the user presses Enter.
    readable, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sys.stdin, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()


def _people(people: list[RosterPerson] | None, path: Path | None) -> str:
    if people is None or path is None:
        return "everyone in Opsgenie"
    moved = [person for person in people if not person.blocked]
    unverified = sum(not person.email_verified for person in moved)
    blocked = len(people) - len(moved)
    counts = [f"{len(moved) - unverified} with a verified email", f"{unverified} without"]
    counts += [f"{blocked} blocked"] if blocked else []
    return f"{len(people)} from {roster_input.name(path)}: {', '.join(counts)}"


def _site(request: MigrationRequest) -> str:
    if request.new_site is not None:
        new = request.new_site
        return f"{new.name}, created for {new.first_name} {new.last_name}"
    return request.site or "you choose one after the start"


def _deadline(rules: Rules) -> str:
    if rules.deadline is None:
        return "none"
    if rules.at_deadline is AtDeadline.COMPLETE_PARTIAL:
        return f"{text.local(rules.deadline)}, then the migration ends with the people who are connected"
    return f"{text.local(rules.deadline)}, then you are notified and the migration continues"


def _reminders(rules: Rules) -> str:
    return f"every {text.span(rules.reminder_interval)}, at most {rules.max_reminders} to each person"

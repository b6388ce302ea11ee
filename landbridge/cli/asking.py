"""What a start would do, told before it is done."""

import asyncio
import sys
from pathlib import Path

from rich.table import Table

from landbridge.cli import roster_input, text
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules


def possible() -> bool:
    """Return whether somebody sits in front of us who can be asked."""
    return sys.stdin.isatty() and text.err().is_terminal


async def agreed(request: MigrationRequest, people: list[RosterPerson] | None, path: Path | None) -> bool:
    """Show what would be started, and return whether it should be."""
    err = text.err()
    summary = Table.grid(padding=(0, 2, 0, 0))
    summary.add_column(style="dim", no_wrap=True)
    summary.add_column(overflow="fold")
    summary.add_row("Opsgenie account", text.cell(request.opsgenie_account, "bold"))
    summary.add_row("Initiator", text.cell(request.initiator))
    summary.add_row(
        "People",
        text.cell(
            "everyone in Opsgenie"
            if people is None or path is None
            else f"{_sorted(people)}, of {roster_input.name(path)}"
        ),
    )
    summary.add_row("Site", text.cell(_site(request)))
    summary.add_row("Deadline", _deadline(request.rules))
    summary.add_row("Reminders", f"every {text.span(request.rules.reminder_interval)}, {_at_most(request.rules)}")
    summary.add_row("Told of tasks", text.cell(", ".join(request.notify) or "all owners and admins"))
    err.print(summary)
    return await yes("Start the migration? Mails go out once the site stands.")


async def yes(question: str) -> bool:
    """Ask, and return whether somebody answered yes."""
    text.err().print(f"{text.plain(question)} [y/N] ", end="", markup=False)
    return (await _line()).strip().casefold() in {"y", "yes"}


async def named(account: str, what: str) -> bool:
    """Tell what cannot be taken back, and return whether somebody typed the account's name for it."""
    text.say(what)
    text.err().print(f"Type the account's name to go on, {text.plain(account)}: ", end="")
    return (await _line()).strip() == account


async def _line() -> str:
    # Reading straight away would keep Ctrl-C and SIGTERM waiting for an answer too.
    typed, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(sys.stdin, typed.set)
    try:
        await typed.wait()
    finally:
        loop.remove_reader(sys.stdin)
    return sys.stdin.readline()


def _sorted(people: list[RosterPerson]) -> str:
    moved = [person for person in people if not person.blocked]
    unverified = sum(not person.email_verified for person in moved)
    blocked = len(people) - len(moved)
    parts = [f"{len(people)}: {len(moved) - unverified} with a verified email", f"{unverified} without"]
    return ", ".join(parts + ([f"{blocked} blocked"] if blocked else []))


def _site(request: MigrationRequest) -> str:
    if request.new_site is not None:
        new = request.new_site
        return f"{new.name}, created for {new.first_name} {new.last_name}"
    return request.site or "you are asked, once the initiator's sites are listed"


def _deadline(rules: Rules) -> str:
    if rules.deadline is None:
        return "none: it waits as long as it takes"
    then = "it ends" if rules.at_deadline is AtDeadline.COMPLETE_PARTIAL else "you are told, and it waits on"
    return f"{text.local(rules.deadline)}, then {then}"


def _at_most(rules: Rules) -> str:
    return f"at most {rules.reminders_at_most} to each"

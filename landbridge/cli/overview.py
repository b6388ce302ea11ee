"""The list of all commands, for whoever types none.

Apart from the command line itself (`cli.app`), whose library takes longer to load than somebody wants to wait for this.
"""

import shutil
import sys
import textwrap

from landbridge.cli.commands import COMMANDS, HELP_FLAGS, PROGRAM

_WIDEST = 100


def asked_for(arguments: list[str]) -> bool:
    """Return whether these arguments ask for it."""
    return not arguments or arguments in ([flag] for flag in HELP_FLAGS)


def show() -> None:
    """Write it, as wide as the terminal."""
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    widest = max(len(command.name) for commands in COMMANDS.values() for command in commands)
    lines = [
        f"Usage: {PROGRAM} COMMAND ...",
        "",
        "Landbridge moves the people of an Opsgenie account to an Atlassian site.",
    ]
    for title, commands in COMMANDS.items():
        lines += ["", f"{title}:"]
        for command in commands:
            name = f"  {command.name:{widest}}  "
            help_ = command.help.partition("\n")[0]
            lines += textwrap.wrap(help_, width, initial_indent=name, subsequent_indent=" " * len(name))
    lines += [
        "",
        f"{PROGRAM} COMMAND --help  says all of a command",
        f"{PROGRAM} --version       says which Landbridge this is",
    ]
    sys.stdout.write("\n".join(lines) + "\n")

"""The command line: parses the arguments and runs the command."""

import sys
import tomllib
from datetime import timedelta
from importlib import metadata
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path

from cyclopts import App, CoercionError, CycloptsError, Group, Parameter, Token, UnusedCliTokensError

from landbridge.cli.commands import COMMANDS, PROGRAM
from landbridge.domain import pasted
from landbridge.domain.errors import BadInput

_ROSTER = "--roster"
_TYPE_NAMES: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    timedelta: "a length of time such as 3d, 36h or 90m",
}


def build() -> App:
    """Return the command line with all commands; their modules are imported only when called."""
    app = App(
        name=PROGRAM,
        help="Landbridge moves the people of an Opsgenie account to an Atlassian site.",
        help_format="plaintext",
        version=_version,
        default_parameter=Parameter(negative=(), show_default=False),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
        print_error=False,
        exit_on_error=False,
    )
    for title, commands in COMMANDS.items():
        group = Group.create_ordered(title)
        for position, command in enumerate(commands):
            app.command(
                f"landbridge.cli.{command.path}",
                name=command.name,
                help=command.help,
                group=group,
                sort_key=position,
            )
    options = Group.create_ordered("Options")
    app["--help"].group = app["--version"].group = options
    app["--help"].help = "Show this help; after a COMMAND, the help of that command."
    app["--version"].help = "Show the version of Landbridge."
    return app


async def main() -> int | None:
    """Run the command that the arguments name; return its exit code.

    Raises:
        BadInput: the arguments are wrong.

    """
    # If the locale cannot encode a character of a name, print a placeholder instead of failing.
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    _check_arguments()
    app = build()
    try:
        code: int | None = await app.run_async(sys.argv[1:])
    except CycloptsError as error:
        raise BadInput(f"{_message(error)} See: {' '.join((PROGRAM, *(error.command_chain or ())))} --help") from None
    return code


def _check_arguments() -> None:
    """Refuse arguments that are not valid UTF-8, except file names.

    Raises:
        BadInput: an argument is not valid UTF-8.

    """
    for number, (previous, argument) in enumerate(pairwise(sys.argv), start=1):
        if not (previous == _ROSTER or argument.startswith(f"{_ROSTER}=") or pasted.is_text(argument)):
            raise BadInput(f"Argument {number} is not valid UTF-8. Type it again, or set a UTF-8 locale.")


def _message(error: CycloptsError) -> str:
    """Return an error message without Python's type names."""
    match error:
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return f"Unexpected argument: {first!r}."
        case CoercionError(target_type=kind, token=Token() as token) if kind in _TYPE_NAMES:
            return f"Invalid value for {token.keyword}: {token.value!r} is not {_TYPE_NAMES[kind]}."
    return str(error)


def _version() -> str:
    try:
        return metadata.version("landbridge")
    except metadata.PackageNotFoundError:
        # A checkout that is not installed.
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])

"""The command line: from what was typed to the command that does it."""

import sys
import tomllib
from datetime import timedelta
from importlib import metadata
from io import TextIOWrapper
from itertools import pairwise
from pathlib import Path

from cyclopts import App, CoercionError, CycloptsError, Group, Parameter, Token, UnusedCliTokensError

from landbridge.cli.commands import COMMANDS, HELP_FLAGS, PROGRAM
from landbridge.domain import pasted
from landbridge.domain.errors import BadInput

_ROSTER = "--roster"
_KINDS: dict[object, str] = {
    bool: "true or false",
    int: "a whole number",
    timedelta: "a length of time such as 3d, 36h or 90m",
}
"""What options take that are not words."""


def build() -> App:
    """Return the command line with all commands, none of them imported yet; `cli.overview` lists them."""
    app = App(
        name=PROGRAM,
        help_flags=(),
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
        for place, command in enumerate(commands):
            app.command(
                f"landbridge.cli.{command.path}",
                name=command.name,
                help=command.help,
                help_flags=HELP_FLAGS,
                group=group,
                sort_key=place,
            )
    return app


async def main() -> int | None:
    """Do what the arguments say; return the exit code.

    Raises:
        BadInput: the arguments cannot be understood.

    """
    # A terminal that lacks a person's letters shows a placeholder rather than a traceback.
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    _check_arguments()
    app = build()
    try:
        code: int | None = await app.run_async(sys.argv[1:])
    except CycloptsError as error:
        raise BadInput(f"{_sentence(error)} See: {' '.join((PROGRAM, *(error.command_chain or ())))} --help") from None
    return code


def _check_arguments() -> None:
    """Refuse arguments that are not text; a file may have any name."""
    for number, (before, argument) in enumerate(pairwise(sys.argv), start=1):
        if not (before == _ROSTER or argument.startswith(f"{_ROSTER}=") or pasted.is_text(argument)):
            raise BadInput(f"Argument {number} holds bytes that are not UTF-8: type it anew, or set a UTF-8 locale.")


def _sentence(error: CycloptsError) -> str:
    """Return what is wrong with the arguments, in words for those who do not know Python's types."""
    match error:
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return f"There is an argument too many: {first!r}."
        case CoercionError(target_type=kind, token=Token() as token) if kind in _KINDS:
            return f"Invalid value for {token.keyword}: {token.value!r} is not {_KINDS[kind]}."
    return str(error)


def _version() -> str:
    try:
        return metadata.version("landbridge")
    except metadata.PackageNotFoundError:
        # A checkout, which is not installed.
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])

"""The help texts."""

import subprocess
import sys

import pytest

from landbridge.cli import app
from landbridge.cli.commands import COMMANDS
from tests.cli.conftest import STARTER, Cli


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=" ".join)
async def test_help_lists_every_command(cli: Cli, arguments: list[str]) -> None:
    """Each command has the first line of its own help. Temporal is not needed."""
    ran = await cli(*arguments, COLUMNS="200")
    assert (ran.code, ran.err) == (0, "")
    for group, commands in COMMANDS.items():
        assert f" {group} " in ran.out
        for command in commands:
            assert f" {command.name} {command.help.partition(chr(10))[0]} " in " ".join(ran.out.split())


async def test_help_fits_the_terminal(cli: Cli) -> None:
    """The terminal neither cuts off nor wraps any line."""
    ran = await cli("--help", COLUMNS="72")
    assert max(map(len, ran.out.splitlines())) <= 72


def test_building_the_command_line_imports_no_command() -> None:
    """Help stays fast, because a command's module is imported only when the command is called."""
    code = (
        "import sys\nfrom landbridge.cli import app\napp.build()\n"
        "print(sorted({'httpx2', 'structlog', 'temporalio'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=STARTER.parent, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [command.name for group in COMMANDS.values() for command in group])
def test_every_command_and_option_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The test also imports each command."""
    command = app.build()
    command([name, "--help"])
    assert f"Usage: ./starter.py {name}" in capsys.readouterr().out
    for argument in command[name].assemble_argument_collection():
        assert argument.parameter.help or not argument.parameter.show, argument.name

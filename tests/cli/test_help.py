"""Help is there at once, and whole."""

import subprocess
import sys

import pytest

from cli import app
from tests.cli.conftest import STARTER, Cli


async def test_help_lists_every_command(cli: Cli) -> None:
    """With its first line; it needs no Temporal."""
    ran = await cli("--help", COLUMNS="200")
    assert ran.code == 0
    for group in app.COMMANDS.values():
        for command in group:
            assert command.name in ran.out
            assert command.help.partition("\n")[0] in ran.out


def test_help_loads_nothing_slow() -> None:
    """The SDK alone takes longer than somebody wants to wait for a list of commands."""
    code = (
        "import sys\nfrom cli import app\nfrom runtime import exits\napp.build()(['--help'])\n"
        "print(sorted({'pydantic', 'structlog', 'temporalio'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=STARTER.parent, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [command.name for group in app.COMMANDS.values() for command in group])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each can be loaded, and each of its options says what it does."""
    command = app.build()
    command([name, "--help"])
    assert f"Usage: ./starter.py {name}" in capsys.readouterr().out
    for argument in command[name].assemble_argument_collection():
        assert argument.parameter.help or not argument.parameter.show, argument.name

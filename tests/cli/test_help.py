"""Help is there at once, and whole."""

import subprocess
import sys

import pytest

from landbridge.cli import app
from landbridge.cli.commands import COMMANDS
from tests.cli.conftest import STARTER, Cli


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]], ids=" ".join)
async def test_help_lists_every_command(cli: Cli, arguments: list[str]) -> None:
    """With its first line; it needs no Temporal."""
    ran = await cli(*arguments, COLUMNS="200")
    assert (ran.code, ran.err) == (0, "")
    for group, commands in COMMANDS.items():
        assert f"\n{group}:\n" in ran.out
        for command in commands:
            assert f" {command.name} {command.help.partition(chr(10))[0]} " in " ".join(ran.out.split())


async def test_help_fits_the_terminal(cli: Cli) -> None:
    """Whoever has 72 columns sees it whole, what a command is for beneath itself."""
    ran = await cli("--help", COLUMNS="72")
    assert max(map(len, ran.out.splitlines())) <= 72
    assert (
        "\n  resume         Go on after a pause, or after mending what a neighbour\n                 refused.\n"
        in ran.out
    )


def test_help_loads_nothing_slow() -> None:
    """Neither the SDK, nor pydantic, nor what parses arguments: each takes longer than a list is worth."""
    code = (
        "import os, runpy, sys\n"
        f"sys.argv = [{str(STARTER)!r}, '--help']\n"
        "slow = {'asyncio', 'cyclopts', 'pydantic', 'rich', 'temporalio'}\n"
        "os._exit = lambda code: print(code, sorted(slow & sys.modules.keys()))\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=STARTER.parent, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert "0 []" in ran.stdout.splitlines()


def test_help_of_one_command_does_without_the_sdk_of_others() -> None:
    """All commands are known by name only, until one is called."""
    code = (
        "import sys\nfrom landbridge.cli import app\napp.build()\n"
        "print(sorted({'pydantic', 'structlog', 'temporalio'} & sys.modules.keys()))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=STARTER.parent, capture_output=True, text=True, check=True)  # noqa: S603 - our own code
    assert ran.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", [command.name for group in COMMANDS.values() for command in group])
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Each can be loaded, and each of its options says what it does."""
    command = app.build()
    command([name, "--help"])
    assert f"Usage: ./starter.py {name}" in capsys.readouterr().out
    for argument in command[name].assemble_argument_collection():
        assert argument.parameter.help or not argument.parameter.show, argument.name

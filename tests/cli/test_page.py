"""docs/reference/cli.md matches the commands: options, arguments, JSON fields and exit codes."""

import re
from pathlib import Path

import pytest
from cyclopts import Argument
from pydantic import TypeAdapter

from landbridge.cli import app, checkup, commands
from landbridge.client import answers
from landbridge.domain import audit, messages, people, plan, sites
from landbridge.platform.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()
COMMANDS = [command for group in commands.COMMANDS.values() for command in group]
MODELS = (
    answers.Started,
    answers.MigrationSummary,
    answers.MigrationStatus,
    answers.FailingTask,
    people.Counts,
    messages.Progress,
    sites.Site,
    messages.ChecklistItem,
    answers.People,
    people.Person,
    people.Mailing,
    people.Entry,
    people.Actor,
    answers.FoundPerson,
    answers.Report,
    answers.ReportLine,
    checkup.Finding,
    plan.Plan,
    plan.PlanLine,
    plan.Totals,
    plan.Blocker,
    audit.Audit,
    audit.AuditEntry,
    messages.Resent,
    messages.NotSent,
    messages.Decided,
)


def taken_by(command: commands.Command) -> list[Argument]:
    """Return the arguments and options of a command, as the application parses them."""
    root = app.build()
    with root.app_stack([command.name]):
        return list(root[command.name].assemble_argument_collection())


def section(command: str) -> str:
    """Return the page's section about a command."""
    found = re.search(rf"^### `{command}\b.*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_page_lists_the_options_of_each_command(command: commands.Command) -> None:
    """No option is missing, and none is invented."""
    options = {name for argument in taken_by(command) for name in argument.names if name.startswith("-")}
    assert set(re.findall(r"`(--?[a-z][a-z-]*)`", section(command.name))) == options


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_heading_lists_the_arguments(command: commands.Command) -> None:
    """The order is that of the command line."""
    arguments = [argument.name for argument in taken_by(command) if re.match("[A-Z]", argument.name)]
    heading = section(command.name).splitlines()[0].strip("# `").split()
    assert [word.strip("[]") for word in heading[1:]] == arguments


def test_the_page_lists_the_commands_in_the_order_of_help() -> None:
    """No command is missing, and none is invented."""
    assert re.findall(r"^### `([a-z-]+)", PAGE, re.MULTILINE) == [command.name for command in COMMANDS]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_lists_the_fields_of_each_answer(model: type) -> None:
    """Programs rely on the fields, so a change must show up here."""
    row = re.search(rf"^\| `{model.__name__}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row
    listed = set(re.findall(r"`([a-z_]+)`", row[1])) - {"null", "false"}
    known = set(TypeAdapter(model).json_schema(mode="serialization")["properties"])
    inherited = set(answers.MigrationSummary.model_fields) if model is answers.MigrationStatus else set()
    assert listed == known - inherited


def test_the_page_lists_every_exit_code() -> None:
    """Scripts branch on exit codes."""
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [int(code) for code in Exit]

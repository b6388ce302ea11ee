"""docs/cli.md says what the commands really take and answer."""

import re
from pathlib import Path

import pytest
from cyclopts import Argument
from pydantic import TypeAdapter

from landbridge.cli import app, checkup, commands
from landbridge.client import answers
from landbridge.domain import audit, messages, people, plan, sites
from landbridge.platform.exits import Exit

PAGE = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
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
    """Return the arguments and options that a command takes, as the whole command line has them."""
    root = app.build()
    with root.app_stack([command.name]):
        return list(root[command.name].assemble_argument_collection())


def section(command: str) -> str:
    """Return what the page says of a command."""
    found = re.search(rf"^### `{command}\b.*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_option_stands_on_the_page_and_no_other(command: commands.Command) -> None:
    """The page is neither behind the commands nor ahead of them."""
    options = {name for argument in taken_by(command) for name in argument.names if name.startswith("-")}
    assert set(re.findall(r"`(--?[a-z][a-z-]*)`", section(command.name))) == options


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_argument_stands_in_the_heading(command: commands.Command) -> None:
    """In the order in which they are typed."""
    arguments = [argument.name for argument in taken_by(command) if re.match("[A-Z]", argument.name)]
    heading = section(command.name).splitlines()[0].strip("# `").split()
    assert [word.strip("[]") for word in heading[1:]] == arguments


def test_no_command_is_told_that_is_none() -> None:
    """Nor in another order than --help has them."""
    assert re.findall(r"^### `([a-z-]+)", PAGE, re.MULTILINE) == [command.name for command in COMMANDS]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_of_an_answer_stands_on_the_page(model: type) -> None:
    """Programs can rely on it, so nothing of it changes unseen."""
    row = re.search(rf"^\| `{model.__name__}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row
    told = set(re.findall(r"`([a-z_]+)`", row[1])) - {"null", "false"}
    known = set(TypeAdapter(model).json_schema(mode="serialization")["properties"])
    inherited = set(answers.MigrationSummary.model_fields) if model is answers.MigrationStatus else set()
    assert told == known - inherited


def test_every_exit_code_stands_on_the_page() -> None:
    """Scripts branch on them."""
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [int(code) for code in Exit]

"""docs/reference/cli.md documents the commands, their options and their JSON."""

import re
from pathlib import Path

import pytest
from cyclopts import Argument
from pydantic import TypeAdapter

from landbridge.cli import app, checks, commands
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
    checks.CheckResult,
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


def arguments_of(command: commands.Command) -> list[Argument]:
    """Return the arguments and options of a command."""
    root = app.build()
    with root.app_stack([command.name]):
        return list(root[command.name].assemble_argument_collection())


def section(command: str) -> str:
    """Return the page's section about a command."""
    found = re.search(rf"^### `{command}\b.*?(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_page_documents_exactly_the_options(command: commands.Command) -> None:
    """No option is missing, and no documented option is outdated."""
    options = {name for argument in arguments_of(command) for name in argument.names if name.startswith("-")}
    assert set(re.findall(r"`(--?[a-z][a-z-]*)`", section(command.name))) == options


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_headings_name_the_arguments_in_order(command: commands.Command) -> None:
    """The order is the one in which users type the arguments."""
    arguments = [argument.name for argument in arguments_of(command) if re.match("[A-Z]", argument.name)]
    heading = section(command.name).splitlines()[0].strip("# `").split()
    assert [word.strip("[]") for word in heading[1:]] == arguments


def test_the_page_documents_exactly_the_commands() -> None:
    """The page lists the commands in the order of --help."""
    assert re.findall(r"^### `([a-z-]+)", PAGE, re.MULTILINE) == [command.name for command in COMMANDS]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_page_documents_exactly_the_json_fields(model: type) -> None:
    """Programs rely on them."""
    row = re.search(rf"^\| `{model.__name__}` \| (.*) \|$", PAGE, re.MULTILINE)
    assert row
    documented = set(re.findall(r"`([a-z_]+)`", row[1])) - {"null", "false"}
    fields = set(TypeAdapter(model).json_schema(mode="serialization")["properties"])
    inherited = set(answers.MigrationSummary.model_fields) if model is answers.MigrationStatus else set()
    assert documented == fields - inherited


def test_the_page_documents_every_exit_code() -> None:
    """Scripts rely on them."""
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [int(code) for code in Exit]

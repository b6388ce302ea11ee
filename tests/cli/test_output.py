"""Tables for people, JSON and CSV for programs."""

import asyncio
import csv
import io

import pytest
from pydantic import TypeAdapter
from temporalio.api.common.v1 import WorkflowExecution as Run
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client import migrations
from landbridge.client.answers import FoundPerson, MigrationStatus, MigrationSummary, People, Report
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.people import State
from landbridge.domain.roster import OWNER, RosterPerson, survey
from tests.cli.conftest import EVIL, Cli, request_for
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, eventually


async def test_json_output_is_the_clients_answer(cli: Cli, client: Client, moving: Migration, account: str) -> None:
    """The JSON contains the complete models, and stdout contains nothing else."""
    commands = (
        ("list",),
        ("status", account),
        ("people", account, "--state", "authenticating", "--state", "unreachable"),
        ("people", account, "--limit", "2", "--page", "1.3"),
        ("people", account, "--search", "AnnA"),
        ("person", account, "BEN@example.com"),
        ("report", account),
    )
    answers = await asyncio.gather(*(cli(*command, "-o", "json") for command in commands))
    assert [answer.code for answer in answers] == [0] * len(commands)
    summaries, status, some, page, searched, person, report = (answer.out for answer in answers)
    assert TypeAdapter(list[MigrationSummary]).validate_json(summaries) == await migrations.listed(client)
    assert MigrationStatus.model_validate_json(status) == await moving.status()
    states = [State.AUTHENTICATING, State.UNREACHABLE]
    assert People.model_validate_json(some) == await moving.people(states)
    assert People.model_validate_json(page) == await moving.people(page="1.3", limit=2)
    assert [line.name for line in People.model_validate_json(searched).people] == ["Anna"]
    assert FoundPerson.model_validate_json(person) == await moving.person("ben@example.com")
    assert Report.model_validate_json(report) == await moving.report()


async def test_tables_in_a_pipe_are_plain_and_unwrapped(cli: Cli, moving: Migration, account: str) -> None:
    """There are no colours or wrapped lines, so grep finds each person on one line."""
    assert moving
    listed, people, status, report = await asyncio.gather(
        cli("list"), cli("people", account), cli("status", account), cli("report", account)
    )
    for ran in (listed, people, status, report):
        assert ran.code == 0
        assert "\x1b" not in ran.out
    assert [line for line in listed.out.splitlines() if line.startswith(account)]
    lines = people.out.splitlines()
    assert len(lines) == 6
    assert [line for line in lines if line.startswith(OWNER_EMAIL) and "connected" in line]
    assert "5 people, end of the list." in people.err
    assert "running (people)" in status.out
    assert "5 people: 1 connected, 4 waiting, 1 of them needs your attention" in status.out
    assert "550: there is no such mailbox" in report.out
    assert OWNER_EMAIL not in report.out


async def test_pages_list_everyone_once(cli: Cli, moving: Migration, account: str) -> None:
    """Each page names the next page. An invalid page is bad input."""
    assert moving
    emails, page = list[str](), tuple[str, ...]()
    while True:
        ran = await cli("people", account, "--limit", "2", *page)
        assert ran.code == 0
        emails += [line.split()[0] for line in ran.out.splitlines()[1:]]
        if "end of the list" in ran.err:
            break
        page = tuple(ran.err.split()[-2:])
    assert len(emails) == len(set(emails)) == 5
    assert (await cli("people", account, "--page", "2nd")).code == 2


@pytest.mark.parametrize("command", ["people", "person"])
async def test_names_cannot_control_the_terminal(cli: Cli, moving: Migration, account: str, command: str) -> None:
    """Markup is printed as text. Control and direction characters are replaced."""
    assert moving
    ran = await cli(*(command, account, *(["eve@example.com"] if command == "person" else [])))
    assert "[bold]Eve[/bold] \ufffd" in ran.out
    assert not {"\x1b", "\u202e"} & set(ran.out)


async def test_the_csv_report_contains_no_formulas(cli: Cli, moving: Migration, account: str) -> None:
    """The file lists everyone. A name that looks like a formula is exported as text."""
    ran = await cli("report", account, "-o", "csv")
    rows = {row["email"]: row for row in csv.DictReader(io.StringIO(ran.out))}
    assert ran.code == 0
    assert len(rows) == 5
    assert rows["ben@example.com"]["name"] == "'=2+5+cmd|' /C calc'!A0"
    assert rows["eve@example.com"]["name"] == EVIL
    assert rows["gone@example.com"]["state"] == (await moving.person("gone@example.com")).person.state


async def test_an_incomplete_report_writes_no_csv(cli: Cli, client: Client, world: World, account: str) -> None:
    """The last of five cohorts was deleted, so nothing is written that could pass for a complete report."""
    assert world
    roster = [RosterPerson(email=OWNER_EMAIL, role=OWNER)]
    roster += [RosterPerson(email=f"p{number}@example.com", blocked=True) for number in range(1_100)]
    request = request_for(account, site="acme", file_roster=survey(roster))
    await migrations.start(client, request)
    await migrations.assign_people(client, request, roster, lambda _: None)
    await client.get_workflow_handle(ids.migration(account)).result()
    whole = await cli("report", account, "-o", "csv")
    assert (whole.code, len(whole.out.splitlines())) == (0, 1 + len(roster))
    last = client.get_workflow_handle(ids.cohort(account, 5))
    run = Run(workflow_id=last.id, run_id=(await last.describe()).run_id)
    deletion = DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=run)
    await client.workflow_service.delete_workflow_execution(deletion)
    await eventually(lambda: _is_gone(client, last.id))
    ran = await cli("report", account, "-o", "csv")
    assert (ran.code, ran.out) == (5, "")


async def _is_gone(client: Client, workflow_id: str) -> bool:
    try:
        await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False


async def test_watch_ends_with_the_migration(cli: Cli, client: Client, moving: Migration, account: str) -> None:
    """The command shows the final status and exits."""
    async with cli.running("status", account, "--watch") as process:
        await client.get_workflow_handle(f"site-migration:{account}").terminate()
        out, _ = await process.communicate()
    assert process.returncode == 0
    assert "terminated" in out.decode()
    assert (await moving.status()).run_state == "terminated"

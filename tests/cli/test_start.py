"""The `start` command: checks, prompts, roster files, --wait, and starting again."""

import os
import signal
from asyncio.subprocess import Process
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.answers import Started
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.errors import NotFound, ServiceRejected
from landbridge.domain.messages import StepStatus
from landbridge.domain.people import State
from landbridge.domain.roster import OWNER, RosterPerson, digest, survey
from landbridge.integrations.roster_files import reader
from tests.cli.conftest import Cli, request_for
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL

pytestmark = pytest.mark.usefixtures("world")
ROSTER = f"email,name,role,email_verified\n{OWNER_EMAIL},Olga,owner,true\ncara@example.com,Cara,user,true\n"


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    """Write a roster of two people."""
    path = tmp_path / "people.csv"
    path.write_text(ROSTER)
    return path


async def test_a_roster_with_problems_starts_nothing(cli: Cli, client: Client, account: str, tmp_path: Path) -> None:
    """All problems are reported together, by row."""
    path = tmp_path / "people.csv"
    path.write_text("email,role\nnobody,owner\na@example.com,king\nb@example.com,owner\nb@example.com,user\n")
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", path, "--yes")
    assert (ran.code, ran.out) == (2, "")
    for row in (2, 3, 5):
        assert f"row {row}: " in ran.err
    assert "3 problems in the roster; nothing was started." in ran.err
    with pytest.raises(NotFound):
        await Migration(client, account).status()


async def test_start_without_a_site_lists_the_sites(cli: Cli, client: Client, account: str) -> None:
    """The output has the command to choose a site. A second `start` shows the same list and changes nothing."""
    for message in ("has started", "is already running"):
        ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--yes")
        assert ran.code == 0
        assert message in ran.err
        assert f"./starter.py choose-site {account} SITE" in ran.out
        assert "acme" in ran.out
        assert "other (not a site admin)" in ran.out
    status = await Migration(client, account).status()
    assert status.people_total == 5


async def test_start_assigns_the_people_of_a_roster_file(cli: Cli, client: Client, account: str, roster: Path) -> None:
    """People who are not in the file are not migrated."""
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes", "-o", "json")
    assert ran.code == 0
    run = (await Migration(client, account).summary()).run
    assert Started.model_validate_json(ran.out) == Started(workflow_id=f"site-migration:{account}", run=run)
    page = await Migration(client, account).people()
    assert sorted(person.email for person in page.people) == ["cara@example.com", OWNER_EMAIL]


async def test_a_roster_that_differs_from_the_plan_is_refused(
    cli: Cli, client: Client, account: str, roster: Path, world: World
) -> None:
    """A file is checked before the start, Opsgenie's roster in the first step. A matching roster is accepted."""
    start = ("start", account, "--initiator", OWNER_EMAIL, "--yes")
    file_digest, opsgenie_digest = digest(reader.read(roster).people), digest(world.opsgenie.people_listed)
    ran = await cli(*start, "--roster", roster, "--plan", opsgenie_digest)
    assert (ran.code, ran.out) == (3, "")
    assert "has changed since the plan; nothing was started" in ran.err
    with pytest.raises(NotFound):
        await Migration(client, account).status()
    ran = await cli(*start, "--plan", file_digest)
    assert (ran.code, ran.out) == (3, "")
    assert "changed since the plan was made" in ran.err
    for planned in (("--plan", opsgenie_digest), ("--roster", str(roster), "--plan", file_digest, "--again")):
        ran = await cli(*start, *planned)
        assert ran.code == 0, ran
        await client.get_workflow_handle(ids.migration(account)).terminate()


async def test_a_second_start_completes_the_roster_transfer(
    cli: Cli, client: Client, account: str, roster: Path
) -> None:
    """The first `start` was killed before it had sent its whole roster."""
    people = [
        RosterPerson(email=OWNER_EMAIL, name="Olga", role=OWNER, email_verified=True),
        RosterPerson(email="cara@example.com", name="Cara", email_verified=True),
    ]
    await migrations.start(client, request_for(account, file_roster=survey(people)))
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes")
    assert ran.code == 0
    assert "is already running" in ran.err
    progress = await Migration(client, account).progress()
    assert progress.checklist[0].status is StepStatus.DONE


async def test_another_roster_for_a_running_migration_is_refused(
    cli: Cli, moving: Migration, account: str, roster: Path
) -> None:
    """Without the refusal, the second file would be ignored silently."""
    assert moving
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "another roster" in ran.err


async def test_wait_ends_with_the_migration_and_a_completed_one_is_shown(
    cli: Cli, client: Client, account: str, tmp_path: Path
) -> None:
    """`start --wait` exits with 0 when the migration is complete. The same command then starts nothing."""
    path = tmp_path / "people.json"
    path.write_text(f'[{{"email": "{OWNER_EMAIL}", "role": "owner", "email_verified": true}}]')
    command = ["start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--roster", str(path), "--yes"]
    ran = await cli(*command, "--wait")
    assert ran.code == 0
    assert (await Migration(client, account).status()).counts[State.CONNECTED] == 1
    ran = await cli(*command)
    assert ran.code == 0
    assert "was completed; nothing was started. To start another one: --again" in ran.err
    assert "1 connected" in ran.out
    ran = await cli(*command, "--again", "-o", "json")
    assert ran.code == 0
    assert Started.model_validate_json(ran.out).already is None


def start_at_prompt(cli: Cli, account: str) -> AbstractAsyncContextManager[tuple[Process, int]]:
    """Run `start` on a terminal up to its prompt."""
    return cli.at_prompt("start", account, "--initiator", OWNER_EMAIL, "--site", "acme", shown=b"everyone in Opsgenie")


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "nothing", "end of input"])
async def test_any_answer_but_yes_starts_nothing(cli: Cli, client: Client, account: str, answer: bytes) -> None:
    """The exit code is 2, and no migration exists."""
    async with start_at_prompt(cli, account) as (process, terminal):
        os.write(terminal, answer)
        assert await process.wait() == 2
    with pytest.raises(NotFound):
        await Migration(client, account).status()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_prompt_can_be_interrupted(
    cli: Cli, client: Client, account: str, number: signal.Signals, code: int
) -> None:
    """No migration exists afterwards."""
    async with start_at_prompt(cli, account) as (process, _):
        process.send_signal(number)
        assert await process.wait() == code
    with pytest.raises(NotFound):
        await Migration(client, account).status()


async def test_yes_starts_the_migration(cli: Cli, client: Client, account: str) -> None:
    """The answer `yes` at the prompt is enough."""
    async with start_at_prompt(cli, account) as (process, terminal):
        os.write(terminal, b"yes\n")
        assert await process.wait() == 0
    assert (await Migration(client, account).progress()).site is not None


async def test_start_shows_why_the_roster_cannot_be_read(cli: Cli, world: World, account: str) -> None:
    """The output includes the command to resume. After the problem is fixed, `resume` continues the migration."""
    world.opsgenie.problem = ServiceRejected("Opsgenie refuses the API key.")
    try:
        ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--yes")
        assert ran.code == 0
        assert "Opsgenie refuses the API key." in ran.out
        assert f"./starter.py resume {account}" in ran.out
    finally:
        world.opsgenie.problem = None
    assert (await cli("resume", account)).code == 0
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--yes")
    assert "People on the roster: 5." in ran.out

"""`start`: what is checked before, what is followed after, and what a second start does."""

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
from tests.cli.conftest import Cli, asked
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
    """Every problem is told by its row, so that one round of mending is enough."""
    path = tmp_path / "people.csv"
    path.write_text("email,role\nnobody,owner\na@example.com,king\nb@example.com,owner\nb@example.com,user\n")
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", path, "--yes")
    assert (ran.code, ran.out) == (2, "")
    for row in (2, 3, 5):
        assert f"row {row}: " in ran.err
    assert "3 problems in the roster; nothing was started." in ran.err
    with pytest.raises(NotFound):
        await Migration(client, account).status()


async def test_a_start_without_a_site_ends_with_what_to_choose_from(cli: Cli, client: Client, account: str) -> None:
    """The task stands there with its sites and commands; a second start shows the same and changes nothing."""
    for said in ("is started", "runs already"):
        ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--yes")
        assert ran.code == 0
        assert said in ran.err
        assert f"./starter.py choose-site {account} SITE" in ran.out
        assert "acme" in ran.out
        assert "other (not a site admin of it)" in ran.out
    status = await Migration(client, account).status()
    assert status.people_total == 5


async def test_a_roster_file_is_handed_out(cli: Cli, client: Client, account: str, roster: Path) -> None:
    """Its people are there when the command ends, and nobody else."""
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes", "-o", "json")
    assert ran.code == 0
    run = (await Migration(client, account).summary()).run
    assert Started.model_validate_json(ran.out) == Started(workflow_id=f"site-migration:{account}", run=run)
    page = await Migration(client, account).people()
    assert sorted(person.email for person in page.people) == ["cara@example.com", OWNER_EMAIL]


async def test_another_roster_than_the_plans_is_refused(
    cli: Cli, client: Client, account: str, roster: Path, world: World
) -> None:
    """A file before anything is started, Opsgenie's in the first step; the very roster of the plan is taken."""
    start = ("start", account, "--initiator", OWNER_EMAIL, "--yes")
    of_file, of_opsgenie = digest(reader.read(roster).people), digest(world.opsgenie.people_listed)
    ran = await cli(*start, "--roster", roster, "--plan", of_opsgenie)
    assert (ran.code, ran.out) == (3, "")
    assert "another one than the plan was made with; nothing was started" in ran.err
    with pytest.raises(NotFound):
        await Migration(client, account).status()
    ran = await cli(*start, "--plan", of_file)
    assert (ran.code, ran.out) == (3, "")
    assert "another one than the plan was made with" in ran.err
    for planned in (("--plan", of_opsgenie), ("--roster", str(roster), "--plan", of_file, "--again")):
        ran = await cli(*start, *planned)
        assert ran.code == 0, ran
        await client.get_workflow_handle(ids.migration(account)).terminate()


async def test_a_second_start_goes_on_with_the_hand_out(cli: Cli, client: Client, account: str, roster: Path) -> None:
    """A starter that died before it handed out its roster is simply started again."""
    people = [
        RosterPerson(email=OWNER_EMAIL, name="Olga", role=OWNER, email_verified=True),
        RosterPerson(email="cara@example.com", name="Cara", email_verified=True),
    ]
    await migrations.start(client, asked(account, file_roster=survey(people)))
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes")
    assert ran.code == 0
    assert "runs already" in ran.err
    progress = await Migration(client, account).progress()
    assert progress.checklist[0].status is StepStatus.DONE


async def test_another_roster_under_a_running_migration_is_refused(
    cli: Cli, moving: Migration, account: str, roster: Path
) -> None:
    """Nobody learns weeks later that the second file was never read."""
    assert moving
    ran = await cli("start", account, "--initiator", OWNER_EMAIL, "--roster", roster, "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "another roster" in ran.err


async def test_waiting_ends_with_the_migration_and_a_completed_one_is_shown(
    cli: Cli, client: Client, account: str, tmp_path: Path
) -> None:
    """Exit code 0 says that it is complete; the same command later says that there is nothing to do."""
    path = tmp_path / "people.json"
    path.write_text(f'[{{"email": "{OWNER_EMAIL}", "role": "owner", "email_verified": true}}]')
    command = ["start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--roster", str(path), "--yes"]
    ran = await cli(*command, "--wait")
    assert ran.code == 0
    assert (await Migration(client, account).status()).counts[State.CONNECTED] == 1
    ran = await cli(*command)
    assert ran.code == 0
    assert "was completed; nothing was started. For another one: --again" in ran.err
    assert "1 connected" in ran.out
    ran = await cli(*command, "--again", "-o", "json")
    assert ran.code == 0
    assert Started.model_validate_json(ran.out).already is None


def asked_on_a_terminal(cli: Cli, account: str) -> AbstractAsyncContextManager[tuple[Process, int]]:
    """Start it at a terminal up to its question."""
    return cli.asked("start", account, "--initiator", OWNER_EMAIL, "--site", "acme", shown=b"everyone in Opsgenie")


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "nothing", "end of input"])
async def test_on_a_terminal_one_can_say_no(cli: Cli, client: Client, account: str, answer: bytes) -> None:
    """Whatever is not a yes starts nothing."""
    async with asked_on_a_terminal(cli, account) as (process, terminal):
        os.write(terminal, answer)
        assert await process.wait() == 2
    with pytest.raises(NotFound):
        await Migration(client, account).status()


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_the_question_can_be_interrupted(
    cli: Cli, client: Client, account: str, number: signal.Signals, code: int
) -> None:
    """At once, without an answer."""
    async with asked_on_a_terminal(cli, account) as (process, _):
        process.send_signal(number)
        assert await process.wait() == code
    with pytest.raises(NotFound):
        await Migration(client, account).status()


async def test_a_yes_starts_it(cli: Cli, client: Client, account: str) -> None:
    """And only a yes."""
    async with asked_on_a_terminal(cli, account) as (process, terminal):
        os.write(terminal, b"yes\n")
        assert await process.wait() == 0
    assert (await Migration(client, account).progress()).site is not None


async def test_what_keeps_the_roster_from_being_read_is_told(cli: Cli, world: World, account: str) -> None:
    """The start ends with the task for an admin; once it is mended and resumed, the migration goes on."""
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

"""Scripts rely on these: every exit code, provoked."""

import asyncio

import pytest
from temporalio.client import Client

from dev.stack import ports
from landbridge.cli import app
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.errors import BadInput
from tests.cli.conftest import Cli
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["sing"], 'Unknown command "sing"'),
        (["status"], "ACCOUNT"),
        (["status", "acme", "--loud"], "--loud"),
        (["status", "acme", "now"], "There is an argument too many: 'now'."),
        (["people", "acme", "--limit", "few"], "Invalid value for --limit: 'few' is not a whole number."),
        (["set-deadline", "acme", "soon"], "no time"),
        (["start", "acme", "--initiator", "a@example.com"], "--yes"),
    ],
)
async def test_bad_input_is_2_and_one_sentence(cli: Cli, arguments: list[str], sentence: str) -> None:
    """Whoever mistypes learns what is wrong, without a traceback, and nothing was done."""
    ran = await cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["start", "a b", "--initiator", "a@example.com"], "'a b' does not fit"),
        (["start", "acme", "--initiator", "nobody"], "--initiator 'nobody' is no address"),
        (["start", "acme", "--initiator", "a@example.com", "--notify", "b"], "--notify 'b' is no address"),
        (["start", "acme", "--initiator", "a@example.com", "--site", "x", "--new-site", "y"], "not both"),
        (["start", "acme", "--initiator", "a@example.com", "--new-site", "Y!"], "site name"),
        (["start", "acme", "--initiator", "a@example.com", "--new-site", "yes"], "first and the last name"),
        (["start", "acme", "--initiator", "a@example.com", "--first-name", "Y"], "belong to --new-site"),
        (["start", "acme", "--initiator", "a@example.com", "--reminders", "99"], "--reminders: "),
        (["start", "acme", "--initiator", "a@example.com", "--at-deadline", "complete_partial"], "--deadline"),
        (["start", "acme", "--initiator", "a@example.com", "--roster", "no.csv"], "There is no file no.csv."),
        (["start", "acme", "--initiator", "a@example.com", "--roster", "/"], "/ is a folder"),
        (["choose-site", "acme", " "], "Name the site"),
        (["set-deadline", "acme", "1999-01-01"], "past"),
        (["set-deadline", "acme", "none", "--at-deadline", "complete_partial"], "leave --at-deadline out"),
        (["verify", "acme", "ada@example.com", "--by", "x" * 255], "shorten it to 254"),
        (["status", "acme", "--watch", "-o", "json"], "--watch"),
        (["resend", "acme"], "--state"),
        (["resend", "acme", "a@example.com", "--state", "attention"], "--state"),
        (["exclude", "acme", "a@example.com", "--reason", " "], "reason"),
        (["pause", "acme", "--reason", ""], "reason"),
        (["exclude", "acme", "a@example.com", "--reason", "x" * 301], "301 characters; shorten it to 300"),
        (["pause", "acme", "--reason", "x" * 301], "301 characters; shorten it to 300"),
        (["cancel", "acme", "--reason", "x" * 301], "301 characters; shorten it to 300"),
        (["correct-email", "acme", "a@example.com", "b"], "new address"),
        (["name-site", "acme", "acme-", "--first-name", "A", "--last-name", "B"], "hyphens in the middle"),
    ],
)
async def test_bad_input_is_found_before_temporal_is_asked(arguments: list[str], sentence: str) -> None:
    """Nothing was done; the sentence names what to mend."""
    with pytest.raises(BadInput) as told:
        await app.build().run_async(arguments)
    assert sentence in str(told.value)


async def test_temporal_that_cannot_be_reached_is_4(cli: Cli) -> None:
    """The sentence names the address that was tried, and what to do."""
    address = f"127.0.0.1:{ports.preferred_or_free(0)}"
    ran = await cli("list", TEMPORAL_ADDRESS=address)
    assert (ran.code, ran.out) == (4, "")
    assert address in ran.err
    assert "Traceback" not in ran.err


async def test_no_such_migration_is_5(client: Client, cli: Cli) -> None:
    """Reading, asking and recording alike."""
    assert client
    asked = (
        ["status", "unheard-of"],
        ["verify", "unheard-of", "a@example.com"],
    )
    for ran in await asyncio.gather(*(cli(*arguments) for arguments in asked)):
        assert (ran.code, ran.out) == (5, ""), ran
        assert "no migration of unheard-of" in ran.err


async def test_no_such_person_is_5(cli: Cli, moving: Migration, account: str) -> None:
    """A fact about nobody is not taken silently while a worker can tell."""
    assert moving
    asked = (["person"], ["verify"], ["exclude", "--reason", "x"])
    for ran in await asyncio.gather(*(cli(verb, account, "who@example.com", *rest) for verb, *rest in asked)):
        assert (ran.code, ran.out) == (5, ""), ran
        assert "Nobody with this address" in ran.err


async def test_what_the_rules_forbid_is_3(cli: Cli, world: World, account: str) -> None:
    """Only an owner or admin may initiate; the sentence of the first step says so."""
    assert world
    ran = await cli("start", account, "--initiator", "anna@example.com", "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "Only an owner or admin" in ran.err


@pytest.mark.usefixtures("moving")
async def test_a_migration_that_ends_badly_is_1(cli: Cli, client: Client, account: str) -> None:
    """Who waits for the end learns how it was."""
    arguments = ["start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--yes", "--wait"]
    async with cli.running(*arguments) as process:
        assert process.stderr is not None
        assert "runs already" in (await process.stderr.readline()).decode()
        await client.get_workflow_handle(ids.migration(account)).terminate()
        assert await process.wait() == 1

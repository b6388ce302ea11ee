"""Every exit code. Scripts rely on them."""

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
        (["status", "acme", "now"], "Unexpected argument: 'now'."),
        (["people", "acme", "--limit", "few"], "Invalid value for --limit: 'few' is not a whole number."),
        (["set-deadline", "acme", "soon"], "Cannot read 'soon' as a time."),
        (["start", "acme", "--initiator", "a@example.com"], "--yes"),
    ],
)
async def test_bad_input_exits_with_2_and_one_line(cli: Cli, arguments: list[str], sentence: str) -> None:
    """The line says what is wrong. There is no traceback."""
    ran = await cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert sentence in ran.err
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["start", "a b", "--initiator", "a@example.com"], "'a b' does not fit"),
        (["start", "acme", "--initiator", "nobody"], "--initiator: 'nobody' is not an email address"),
        (["start", "acme", "--initiator", "a@example.com", "--notify", "b"], "--notify: 'b' is not an email address"),
        (["start", "acme", "--initiator", "a@example.com", "--site", "x", "--new-site", "y"], "not both"),
        (["start", "acme", "--initiator", "a@example.com", "--new-site", "Y!"], "site name"),
        (["start", "acme", "--initiator", "a@example.com", "--new-site", "yes"], "first and last name"),
        (["start", "acme", "--initiator", "a@example.com", "--first-name", "Y"], "belong to --new-site"),
        (["start", "acme", "--initiator", "a@example.com", "--reminders", "99"], "--reminders: "),
        (["start", "acme", "--initiator", "a@example.com", "--at-deadline", "complete_partial"], "--deadline"),
        (["start", "acme", "--initiator", "a@example.com", "--roster", "no.csv"], "There is no file no.csv."),
        (["start", "acme", "--initiator", "a@example.com", "--roster", "/"], "/ is a folder"),
        (["choose-site", "acme", " "], "name is empty"),
        (["set-deadline", "acme", "1999-01-01"], "past"),
        (
            ["set-deadline", "acme", "none", "--at-deadline", "complete_partial"],
            "leave it out if you remove the deadline",
        ),
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
        (
            ["name-site", "acme", "acme-", "--first-name", "A", "--last-name", "B"],
            "hyphens except at the start and end",
        ),
    ],
)
async def test_bad_input_is_found_before_connecting_to_temporal(arguments: list[str], sentence: str) -> None:
    """The message names the input to correct."""
    with pytest.raises(BadInput) as raised:
        await app.build().run_async(arguments)
    assert sentence in str(raised.value)


async def test_unreachable_temporal_exits_with_4(cli: Cli) -> None:
    """The message names the address and what to do."""
    address = f"127.0.0.1:{ports.preferred_or_free(0)}"
    ran = await cli("list", TEMPORAL_ADDRESS=address)
    assert (ran.code, ran.out) == (4, "")
    assert address in ran.err
    assert "Traceback" not in ran.err


async def test_an_unknown_migration_exits_with_5(client: Client, cli: Cli) -> None:
    """Commands that read and commands that record a fact behave the same way."""
    assert client
    commands = (
        ["status", "unheard-of"],
        ["verify", "unheard-of", "a@example.com"],
    )
    for ran in await asyncio.gather(*(cli(*arguments) for arguments in commands)):
        assert (ran.code, ran.out) == (5, ""), ran
        assert "no migration of unheard-of" in ran.err


async def test_an_unknown_person_exits_with_5(cli: Cli, moving: Migration, account: str) -> None:
    """While a worker runs, a fact about an unknown person is refused and not recorded."""
    assert moving
    commands = (["person"], ["verify"], ["exclude", "--reason", "x"])
    for ran in await asyncio.gather(*(cli(verb, account, "who@example.com", *rest) for verb, *rest in commands)):
        assert (ran.code, ran.out) == (5, ""), ran
        assert "Nobody with this address" in ran.err


async def test_a_refusal_exits_with_3(cli: Cli, world: World, account: str) -> None:
    """Only an owner or admin may initiate a migration."""
    assert world
    ran = await cli("start", account, "--initiator", "anna@example.com", "--yes")
    assert (ran.code, ran.out) == (3, "")
    assert "Only an owner or admin" in ran.err


@pytest.mark.usefixtures("moving")
async def test_a_terminated_migration_exits_with_1(cli: Cli, client: Client, account: str) -> None:
    """`start --wait` reports the outcome by its exit code."""
    arguments = ["start", account, "--initiator", OWNER_EMAIL, "--site", "acme", "--yes", "--wait"]
    async with cli.running(*arguments) as process:
        assert process.stderr is not None
        assert "is already running" in (await process.stderr.readline()).decode()
        await client.get_workflow_handle(ids.migration(account)).terminate()
        assert await process.wait() == 1

"""A migration is ended, undone and forgotten from the command line; what cannot be taken back needs a word for it."""

import json

from temporalio.client import Client

from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.audit import Act, Audit
from landbridge.domain.people import Actor, Source, State
from tests.cli.conftest import Cli
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, PROOFS, TOKEN_KEY, eventually


async def test_nothing_ends_without_a_word_for_it(cli: Cli, moving: Migration, account: str) -> None:
    """Where nobody can be asked, --run or --yes; and a reason that is one."""
    for option, command in (
        ("--run", ["cancel", account, "--reason", "x"]),
        ("--run", ["undo", account]),
        ("--yes", ["forget", account]),
    ):
        ran = await cli(*command)
        assert (ran.code, ran.out) == (2, "")
        assert option in ran.err
    ran = await cli("cancel", account, "--reason", " ")
    assert ran.code == 2
    assert "reason" in ran.err
    ran = await cli("forget", account, "--yes")
    assert ran.code == 3
    assert "not over" in ran.err
    assert (await moving.status()).run_state is RunState.RUNNING


async def test_a_migration_ends_is_undone_and_forgotten(
    cli: Cli, moving: Migration, world: World, account: str
) -> None:
    """Each step says what happened, and the next command knows of it."""
    by = Actor(name="before")
    await moving.authenticate("eve@example.com", by)
    # Of these accounts, only the one of this new address is the migration's own: the others were there before.
    mine = f"ben-{account}@example.com"
    await moving.correct_email("ben@example.com", mine, by)
    await eventually(lambda: world.post.sent(mine))
    run = ["--run", (await moving.summary()).run]
    ran = await cli("cancel", account, "--reason", "The merger is off.", *run, "--by", "Ada")
    assert ran.code == 0
    assert "Cancelled." in ran.err
    assert "It was cancelled: The merger is off." in ran.out
    status = MigrationStatus.model_validate_json((await cli("status", account, "-o", "json")).out)
    assert (status.run_state, status.step) == (RunState.CANCELED, "cancelled")
    assert status.counts[State.LEFT_BEHIND]
    again = await cli("cancel", account, "--reason", "x", *run)
    assert again.code == 5
    assert "is over" in again.err
    started = await cli("start", account, "--initiator", "olga@example.com", "--yes")
    assert started.code == 1
    assert "was cancelled; nothing was started. For another one: --again" in started.err
    undone = await cli("undo", account, *run)
    assert undone.code == 0
    assert "invitations revoked" in undone.err
    assert "eve@example.com" in world.atlassian.accounts
    assert "anna@example.com" in world.atlassian.accounts
    assert mine not in world.atlassian.accounts
    report = await cli("report", account)
    assert "(invitation revoked)" in report.out
    audit = Audit.model_validate_json((await cli("audit", account, "-o", "json")).out)
    assert [entry.act for entry in audit.entries if entry.by != by] == [
        Act.UNDO,
        Act.CANCEL,
        Act.START,
    ]
    assert audit.entries[1].by.name == "Ada"
    table = (await cli("audit", account)).out
    assert table.splitlines()[0].split() == ["when", "who", "act", "about"]
    assert "operator Ada" in table
    forgotten = await cli("forget", account, "--yes")
    assert forgotten.code == 0
    assert "3 workflow runs are deleted" in forgotten.err
    assert "Not deleted" in forgotten.err
    assert (await cli("status", account)).code == 5
    repeated = await cli("forget", account, "--yes")
    assert repeated.code == 0
    assert "keeps nothing" in repeated.err
    assert account not in [one["opsgenie_account"] for one in json.loads((await cli("list", "-o", "json")).out)]


async def test_the_audit_tells_claims_from_what_is_proven(
    cli: Cli, client: Client, account: str, moving: Migration
) -> None:
    """With the portal's key; without it nothing can be checked, and that is said."""
    assert await moving.progress()
    by = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
    await Migration(client, account, proofs=PROOFS).pause("Look.", by)
    await moving.resume(by, "Look.")
    ran = await cli("audit", account, LANDBRIDGE_TOKEN_KEYS=TOKEN_KEY)
    (resumed,), (paused,) = ([line for line in ran.out.splitlines() if act in line] for act in ("resume", "pause"))
    assert f"admin {OWNER_EMAIL}" in paused
    assert f"operator, claims to be admin {OWNER_EMAIL}" in resumed
    assert "claims to be" not in paused
    assert "LANDBRIDGE_TOKEN_KEYS" not in ran.err
    unchecked = await cli("audit", account)
    assert unchecked.out.count("claims to be admin") == 2
    assert "LANDBRIDGE_TOKEN_KEYS" in unchecked.err

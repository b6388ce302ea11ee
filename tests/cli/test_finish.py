"""The commands `cancel`, `undo` and `forget`: confirmation, effects, and the output of other commands afterwards."""

import json

from temporalio.client import Client

from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain.audit import Act, Audit
from landbridge.domain.people import Actor, Source, State
from tests.cli.conftest import Cli
from tests.fakes import World
from tests.workflows.harness import OWNER_EMAIL, PROOFS, TOKEN_KEY, eventually


async def test_commands_that_cannot_be_undone_need_confirmation(cli: Cli, moving: Migration, account: str) -> None:
    """Without a terminal, `cancel` and `undo` need --run, and `forget` needs --yes. A blank reason is refused."""
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
    assert "has not ended" in ran.err
    assert (await moving.status()).run_state is RunState.RUNNING


async def test_cancel_undo_and_forget(cli: Cli, moving: Migration, world: World, account: str) -> None:
    """Each command reports what it did, and later commands show the result."""
    by = Actor(name="before")
    await moving.authenticate("eve@example.com", by)
    # This migration created only the account of this new address. The other accounts existed before.
    mine = f"ben-{account}@example.com"
    await moving.correct_email("ben@example.com", mine, by)
    await eventually(lambda: world.mailer.sent(mine))
    run = ["--run", (await moving.summary()).run]
    ran = await cli("cancel", account, "--reason", "The merger is off.", *run, "--by", "Ada")
    assert ran.code == 0
    assert "Cancelled." in ran.err
    assert "Cancelled: The merger is off." in ran.out
    status = MigrationStatus.model_validate_json((await cli("status", account, "-o", "json")).out)
    assert (status.run_state, status.step) == (RunState.CANCELED, "cancelled")
    assert status.counts[State.LEFT_BEHIND]
    again = await cli("cancel", account, "--reason", "x", *run)
    assert again.code == 5
    assert "has ended" in again.err
    started = await cli("start", account, "--initiator", "olga@example.com", "--yes")
    assert started.code == 1
    assert "was cancelled; nothing was started. To start another one: --again" in started.err
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
    assert "Deleted 3 workflow runs" in forgotten.err
    assert "Not deleted" in forgotten.err
    assert (await cli("status", account)).code == 5
    repeated = await cli("forget", account, "--yes")
    assert repeated.code == 0
    assert "has no data" in repeated.err
    assert account not in [one["opsgenie_account"] for one in json.loads((await cli("list", "-o", "json")).out)]


async def test_the_audit_distinguishes_claims_from_proven_acts(
    cli: Cli, client: Client, account: str, moving: Migration
) -> None:
    """Proofs are checked with the portal's key. Without the key, everything is shown as a claim, with a warning."""
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

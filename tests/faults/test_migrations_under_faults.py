"""The same migration of forty people, each time with another kind of trouble at moments that a seed decides."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.answers import Report
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import FOR_ADMINS, Actor, State
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite
from tests.faults.world import OWNER, World, people
from workflows.site_migration import SiteMigrationWorkflow

AGAIN = ("/v2/account", "/v2/users", "users/search")
"""Asked again and again, so any of their calls may be the one that fails."""
ONCE = ("role-assignments", "/workspaces", "provisioning/v1/sign-ups", "provisioning/v1/sites", "v1/connections")
EVERYWHERE = ("users/invite", "users/search")
"""Where every kind happens: there people could be forgotten, or get a second account."""
AT_ONCE = {"Retry-After": "0"}
YESTERDAY = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
HTML = "<html><body>person1@example.com: Sorry</body></html>"
LICENCE = '{"errors": [{"code": "ADMIN-UAM-409-3", "title": "Product License Limit Exceeded"}]}'
KINDS: dict[str, list[dict[str, Any]]] = {
    "patience": [
        {"status": 429, "headers": AT_ONCE},
        {"status": 429, "headers": {"Retry-After": YESTERDAY}},
        {"status": 429, "headers": {"X-RateLimit-State": "THROTTLED", "X-RateLimit-Period-In-Sec": "1"}},
        {"status": 429},
        {"status": 503, "headers": AT_ONCE},
    ],
    "errors": [{"status": 500}, {"status": 502, "body": HTML}, {"status": 504, "body": "{}", "headers": AT_ONCE}],
    "garbage": [
        {"status": 200, "body": HTML},
        {"status": 200, "body": ""},
        {"status": 200, "body": '{"data": {}}'},
        {"truncate": 7},
        {"status": 200, "body": "0" * 1024, "repeat": 40 * 1024, "gzip": True},
    ],
    "slow": [{"delay": 0.4}, {"delay": 0.2, "drop": True}],
    "lost answers": [{"afterCommit": True, "drop": True}, {"afterCommit": True, "status": 500, "headers": AT_ONCE}],
    "refusals": [{"status": 401}, {"status": 402}, {"status": 403}, {"status": 409, "body": LICENCE}],
}
"""What the emulator can do of each kind. What it does to single people (206, inactive, conflict) is in every run."""
ADMIN = Actor(name="tester")
RULES = Rules(
    poll_interval=timedelta(seconds=1),
    poll_interval_at_most=timedelta(seconds=1),
    roster_refresh_interval=timedelta(seconds=1),
    task_mail_delay=timedelta(hours=1),
)


def plan(kind: str) -> list[dict[str, Any]]:
    """Return the faults of one run: where people could be forgotten, at a place that recurs, at one that does not."""
    chance = random.Random(kind)  # noqa: S311 - a repeatable choice, not a secret
    places = [*EVERYWHERE, chance.choice(AGAIN), chance.choice(ONCE)]
    return [
        {"match": place, "skip": chance.randrange(3) if place in AGAIN else 0, **chance.choice(KINDS[kind])}
        for place in places
    ]


async def help_out(migration: Migration, paused: list[str]) -> None:
    """Do an admin's work until cancelled: resume what paused, exclude whom nobody else can help."""
    while True:
        await asyncio.sleep(0.2)
        progress = await migration.progress()
        if (await migration.status()).paused:
            paused += filter(None, (progress.paused, *progress.problems))
            await migration.resume(ADMIN)
        if progress.cohorts:
            for person in (await migration.people(sorted(FOR_ADMINS))).people:
                await migration.exclude(person.email, "Stays behind.", ADMIN)


async def migrate(client: Client, world: World) -> tuple[Report, list[str]]:
    """Run the migration to its end; return its report, and why it paused."""
    migration, paused = Migration(client, world.account), list[str]()
    site = NewSite(name="faulty-site", first_name="Olga", last_name="Owner")
    request = MigrationRequest(opsgenie_account=world.account, initiator=OWNER, new_site=site, rules=RULES)
    await migrations.start(client, request)
    async with asyncio.TaskGroup() as beside:
        helpers = [beside.create_task(world.act()), beside.create_task(help_out(migration, paused))]
        handle = client.get_workflow_handle_for(SiteMigrationWorkflow.run, ids.migration(world.account))
        await handle.result()
        for helper in helpers:
            helper.cancel()
    return await migration.report(), paused


@pytest.mark.parametrize("kind", KINDS)
async def test_a_migration_ends_as_the_services_tables_say(client: Client, world: World, kind: str) -> None:
    """Everyone is where they belong, has one account, and got no mail but those that they should."""
    faults = plan(kind)
    await world.move_in(f"faults-{kind.replace(' ', '-')}", faults)
    report, paused = await migrate(client, world)
    state, mails = await world.state(), world.mails()
    assert await world.to_come() == [], faults

    accounts = {account["email"]: account for account in state["accounts"]}
    members = {member["account_id"] for member in state["members"]}
    states = {line.email: line.state for line in report.people}
    assert states.keys() == {one.email for one in people()}, faults
    for one in people():
        account = accounts.get(one.email)
        if one.blocked or one.needs_admin:
            assert states[one.email] is (State.SKIPPED if one.blocked else State.EXCLUDED), (one, faults)
            assert bool(account) == bool(one.account), (one, faults)
        else:
            assert states[one.email] is State.CONNECTED, (one, faults)
            assert account, (one, faults)
            assert account["email_verified"], (one, faults)
            assert account["id"] in members, (one, faults)
    assert accounts.keys() <= states.keys(), faults
    assert len(accounts) == len(state["accounts"]), faults
    assert report.site, faults
    assert [(one["opsgenie_account"], one["site_id"]) for one in state["connections"]] == [
        (world.account, report.site.id)
    ]

    expected = {
        (one.email, purpose)
        for one in people()
        if not one.blocked and not one.needs_admin and one.account != "verified"
        for purpose in ("verify", "authenticate")
        if purpose == "authenticate" or not one.verified
    }
    assert dict(mails) == dict.fromkeys(expected, 1), faults
    assert bool(paused) == (kind == "refusals"), (paused, faults)
    assert not any("example.com" in reason for reason in paused)

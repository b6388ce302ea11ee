"""The same migration of forty people, each time with another kind of fault, injected where a seed decides."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from dev.demo import verifier
from dev.demo.records import Evidence
from landbridge.client import migrations
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import FOR_ADMINS, Actor
from landbridge.domain.rules import Rules
from landbridge.domain.sites import NewSite
from tests.e2e.machine import Machine
from tests.faults.people import OWNER, People, account

REPEATED = ("/v2/account", "/v2/users", "users/search")
"""Requested repeatedly, so any of these requests may fail."""
RARE = ("role-assignments", "/workspaces", "provisioning/v1/sign-ups", "provisioning/v1/sites", "v1/connections")
ALWAYS = ("users/invite", "users/search")
"""Fail in every run: a wrong reaction forgets people, or creates second accounts."""
RETRY_NOW = {"Retry-After": "0"}
YESTERDAY = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
HTML = "<html><body>person1@example.com: Sorry</body></html>"
LICENCE = '{"errors": [{"code": "ADMIN-UAM-409-3", "title": "Product License Limit Exceeded"}]}'
KINDS: dict[str, list[dict[str, Any]]] = {
    "rate limits": [
        {"status": 429, "headers": RETRY_NOW},
        {"status": 429, "headers": {"Retry-After": YESTERDAY}},
        {"status": 429, "headers": {"X-RateLimit-State": "THROTTLED", "X-RateLimit-Period-In-Sec": "1"}},
        {"status": 429},
        {"status": 503, "headers": RETRY_NOW},
    ],
    "errors": [{"status": 500}, {"status": 502, "body": HTML}, {"status": 504, "body": "{}", "headers": RETRY_NOW}],
    "malformed answers": [
        {"status": 200, "body": HTML},
        {"status": 200, "body": ""},
        {"status": 200, "body": '{"data": {}}'},
        {"truncate": 7},
        {"status": 200, "body": "0" * 1024, "repeat": 40 * 1024, "gzip": True},
    ],
    "slow": [{"delay": 0.4}, {"delay": 0.2, "drop": True}],
    "lost answers": [{"afterCommit": True, "drop": True}, {"afterCommit": True, "status": 500, "headers": RETRY_NOW}],
    "rejections": [{"status": 401}, {"status": 402}, {"status": 403}, {"status": 409, "body": LICENCE}],
}
"""The faults of each kind. Problems with single people (206, inactive, conflict) are part of every run."""
ADMIN = Actor(name="tester")
RULES = Rules(
    poll_interval=timedelta(seconds=1),
    max_poll_interval=timedelta(seconds=1),
    roster_refresh_interval=timedelta(seconds=1),
    task_mail_delay=timedelta(hours=1),
)


def plan(kind: str) -> list[dict[str, Any]]:
    """Return the faults of one run: at every endpoint of `ALWAYS`, at one of `REPEATED`, and at one of `RARE`."""
    chance = random.Random(kind)  # noqa: S311 - a repeatable choice, not a secret
    endpoints = [*ALWAYS, chance.choice(REPEATED), chance.choice(RARE)]
    return [
        {"match": endpoint, "skip": chance.randrange(3) if endpoint in REPEATED else 0, **chance.choice(KINDS[kind])}
        for endpoint in endpoints
    ]


async def administrate(migration: Migration, paused: list[str]) -> None:
    """Resume paused work and exclude people whom only an admin can help, until cancelled; collect the reasons."""
    while True:
        await asyncio.sleep(0.2)
        progress = await migration.progress()
        if (await migration.status()).paused:
            paused += filter(None, (progress.paused, *progress.problems))
            await migration.resume(ADMIN)
        if progress.cohorts:
            for person in (await migration.people(sorted(FOR_ADMINS))).people:
                await migration.exclude(person.email, "Stays behind.", ADMIN)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_migration_succeeds_despite_faults(machine: Machine, kind: str) -> None:
    """Everyone ends in the right state, with one account and only the mails they need; only rejections pause."""
    moved, faults, paused = account(f"faults-{kind.replace(' ', '-')}"), plan(kind), list[str]()
    people = People(machine, moved, await machine.load(moved))
    await machine.inject(*faults)
    migration = Migration(machine.client, moved.name)
    site = NewSite(name="faulty-site", first_name="Olga", last_name="Owner")
    request = MigrationRequest(opsgenie_account=moved.name, initiator=OWNER, new_site=site, rules=RULES)
    await migrations.start(machine.client, request)
    async with asyncio.TaskGroup() as group:
        helpers = [group.create_task(people.act()), group.create_task(administrate(migration, paused))]
        await machine.client.get_workflow_handle(ids.migration(moved.name)).result()
        for helper in helpers:
            helper.cancel()
    assert await machine.pending_faults() == [], faults
    evidence = Evidence(
        people=moved.people,
        mails=machine.mails(people.since),
        services=await machine.services(),
        report=await machine.report(moved),
        confirmed=people.confirmed,
        excluded=[one.email for one in moved.people if one.needs_admin],
        max_uncounted=1,
    )
    assert verifier.problems(evidence) == [], faults
    assert bool(paused) == (kind == "rejections"), (paused, faults)
    assert not any("example.com" in reason for reason in paused)

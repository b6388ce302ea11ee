"""One migration from the command to the report, with real processes only."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
from temporalio.client import WorkflowHistory

from landbridge.domain import ids
from landbridge.platform.exits import Exit
from landbridge.platform.temporal.encryption import payloads_in
from tests.e2e import accounts, privacy
from tests.e2e.accounts import Account
from tests.e2e.machine import CommandResult, Machine
from tests.e2e.scenario import Scenario, migrating
from tests.histories import health
from tests.workflows.harness import eventually

_MALFORMED = ("null", "[]", "7", '{"mail": "x"}', '{"email": null}', '{"email": "nobody@example.com"}', '"\\u0000"')


@dataclass
class Run:
    """A completed migration."""

    scenario: Scenario
    started: CommandResult


@pytest.fixture(scope="module")
async def run(machine: Machine) -> AsyncIterator[Run]:
    """Migrate 120 people of all kinds; two need an operator's signal, two an admin.

    Meanwhile personal data is sent through every command that accepts it, and an owner signs in to the portal.
    """
    account = accounts.account("plain", 118, problems=True)
    by_hand = [one.email for one in account.people if not one.verified and one.expected_mails][:2]
    async with migrating(machine, account, idle=by_hand) as scenario:
        waiting = asyncio.create_task(scenario.start("--wait"))
        try:
            await eventually(lambda: set(by_hand) <= {mail.recipient for mail in scenario.mails()})
            await _send_personal_data(machine, account)
            signals = ("email_verified", "account_authenticated")
            await asyncio.gather(
                *(_signal(machine, account.name, name, argument) for argument in _MALFORMED for name in signals)
            )
            for email in by_hand:
                for name in signals:
                    await _signal(machine, account.name, name, f'{{"email": "{email}"}}')
            for email in (accounts.REFUSED, accounts.UNINVITABLE):
                excluding = await machine.starter("exclude", account.name, email, "--reason", f"Ask {account.owner}")
                assert excluding.code == 0, excluding
            scenario.verified_by_admin = scenario.connected_by_admin = by_hand
            scenario.excluded = [accounts.REFUSED, accounts.UNINVITABLE]
            yield Run(scenario, await waiting)
        finally:
            waiting.cancel()


async def _send_personal_data(machine: Machine, account: Account) -> None:
    """Name people in reasons, requests, searches and sign-ins."""
    name = account.people[0].name
    for command in (
        ("pause", account.name, "--reason", f"{name} is away."),
        ("resume", account.name, "--reason", f"{name} is away."),
        ("people", account.name, "--search", name),
        ("resend", account.name, account.owner),
    ):
        ran = await machine.starter(*command)
        assert ran.code in {Exit.DONE, Exit.REFUSED}, (command, ran)
    async with httpx2.AsyncClient(base_url=machine.stack.portal_url) as browser:
        (await browser.post("/sign-in", data={"email": account.owner})).raise_for_status()


async def _signal(machine: Machine, account: str, name: str, argument: str) -> None:
    migration = ids.migration(account)
    ran = await machine.temporal("workflow", "signal", "-w", migration, "--name", name, "--input", argument)
    assert ran.code == 0, ran


async def test_everyone_ends_where_the_guide_leads_them(run: Run) -> None:
    """The report agrees with the records of the mail server and the services, and nobody was mailed twice."""
    assert run.started.code == 0, run.started
    await run.scenario.verify()


async def test_no_process_imports_in_a_thread(run: Run, machine: Machine) -> None:
    """All processes import in the main thread only, so no thread can see a half-loaded module."""
    assert run.started.code == 0, run.started
    assert machine.thread_imports.read_text() == ""


async def test_malformed_signals_fail_no_workflow_task(run: Run) -> None:
    """Histories contain no failed task and can be replayed."""
    assert not await health.failures(run.scenario.machine.client, run.scenario.account.name)


async def test_no_log_names_a_person(run: Run) -> None:
    """Logs contain no address, no name, no link token and no key."""
    machine = run.scenario.machine
    assert not privacy.in_logs(machine.logs, run.scenario.account.people, [*_keys(machine), *_tokens(run.scenario)])


async def test_temporals_listings_name_nobody(run: Run) -> None:
    """Workflow ids, search attributes and memos are not encrypted, so they must not contain personal data."""
    assert not await privacy.in_listings(run.scenario.machine.client, run.scenario.account.people)


async def test_temporals_store_names_nobody(run: Run) -> None:
    """Temporal's database and journal contain no person, no link token and no key; workflow ids are unencrypted.

    They contain everything that Temporal keeps: memos, summaries, search attributes, failures, and update ids.
    """
    scenario = run.scenario
    database = scenario.machine.stack.state.temporal_database
    assert {file.name for file in database.parent.glob(f"{database.name}*")} >= {database.name, f"{database.name}-wal"}
    secrets = [*_keys(scenario.machine), *_tokens(scenario)]
    assert not privacy.in_store(database, scenario.account.people, secrets)
    assert privacy.in_store(database, [], [ids.migration(scenario.account.name)])


def _keys(machine: Machine) -> list[str]:
    return [value for name, value in machine.stack.variables.items() if name.endswith(("_KEYS", "_KEY", "_TOKEN"))]


def _tokens(scenario: Scenario) -> list[str]:
    tokens = [mail.link.rpartition("/")[2] for mail in scenario.mails() if mail.link]
    assert len(tokens) >= len(scenario.account.people) // 2
    return tokens


async def test_operators_read_histories_with_the_codec_token(run: Run) -> None:
    """With the token, the `temporal` command shows people; with another token it does not."""
    machine, account = run.scenario.machine, run.scenario.account
    cohort, person = ids.cohort(account.name, 1), account.people[0].email.encode()
    for token, readable in ((machine.codec_token, True), (machine.codec_token[::-1], False)):
        shown = await machine.temporal("workflow", "show", "-w", cohort, "-o", "json", token=token)
        assert shown.code == 0 or not readable, shown
        events = WorkflowHistory.from_json(cohort, shown.out).events if readable or shown.code == 0 else []
        contents = [payload.data for event in events for payload in payloads_in(event)]
        assert any(person in data for data in contents) is readable


async def test_no_metric_names_a_person(run: Run) -> None:
    """The metrics of the worker and the portal contain no personal data."""
    stack = run.scenario.machine.stack
    urls = [stack.metrics_url, stack.portal_metrics_url]
    assert not await privacy.in_metrics(urls, run.scenario.account.people)


async def test_running_the_same_command_again_changes_nothing(run: Run) -> None:
    """`start` says that the migration was completed, and sends no mail."""
    scenario = run.scenario
    before = scenario.mails()
    again = await scenario.start("--wait")
    assert again.code == 0
    assert "was completed" in again.err
    assert scenario.mails() == before
    await scenario.verify()

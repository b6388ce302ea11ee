"""Commands while no worker runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from temporalio.client import Client

from landbridge.cli import start_progress
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.migration import MigrationInput
from tests.cli.conftest import Cli, Ran, request_for
from workflows.site_migration import SiteMigrationWorkflow


@dataclass(frozen=True)
class Answers:
    """The results of the commands."""

    status: Ran
    people: Ran
    verify: Ran
    start: MigrationStatus


@pytest.fixture(scope="module")
async def answers(client: Client, cli: Cli) -> AsyncIterator[Answers]:
    """Run all commands concurrently, each for its own migration; a query waits up to half a minute for a worker."""
    accounts = ("silent-status", "silent-people", "silent-verify", "silent-start")
    handles = [
        await client.start_workflow(
            SiteMigrationWorkflow.run,
            MigrationInput(request=request_for(name)),
            id=ids.migration(name),
            task_queue="nobody",
        )
        for name in accounts
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(start_progress, "TIMEOUT_SECONDS", 0)
        status, people, verify, start = await asyncio.gather(
            cli("status", accounts[0]),
            cli("people", accounts[1]),
            cli("verify", accounts[2], "who@example.com"),
            start_progress.follow_start(client, Migration(client, accounts[3]), request_for(accounts[3]), None),
        )
    yield Answers(status, people, verify, start)
    for handle in handles:
        await handle.terminate()


def test_status_without_a_worker_shows_what_temporal_knows(answers: Answers) -> None:
    """The status also says that no worker is responding."""
    assert answers.status.code == 0
    assert "No worker responds" in answers.status.out
    assert "up to an hour old" in answers.status.out


def test_people_without_a_worker_exits_with_4(answers: Answers) -> None:
    """The exit code is the same as for a Temporal server that does not answer."""
    assert (answers.people.code, answers.people.out) == (4, "")
    assert "No worker responds" in answers.people.err


async def test_verify_without_a_worker_is_recorded(answers: Answers, client: Client) -> None:
    """The signal is in the workflow's history and is processed by the next worker."""
    assert answers.verify.code == 0
    assert "no worker answers" in answers.verify.err
    history = await client.get_workflow_handle(ids.migration("silent-verify")).fetch_history()
    signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in history.events]
    assert "email_verified" in signals


def test_start_without_a_worker_returns(answers: Answers) -> None:
    """The command stops following after a timeout. The migration has been started."""
    assert (answers.start.run_state, answers.start.progress) == (RunState.RUNNING, None)

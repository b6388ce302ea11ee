"""While no worker runs: what Temporal alone can tell is told, and what it can keep is kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from temporalio.client import Client

from landbridge.cli import first_step
from landbridge.client.answers import MigrationStatus, RunState
from landbridge.client.migration import Migration
from landbridge.domain import ids
from landbridge.domain.migration import MigrationInput
from tests.cli.conftest import Cli, Ran, asked
from workflows.site_migration import SiteMigrationWorkflow


@dataclass(frozen=True)
class Answers:
    """What came of each."""

    status: Ran
    people: Ran
    verify: Ran
    start: MigrationStatus


@pytest.fixture(scope="module")
async def answers(client: Client, cli: Cli) -> AsyncIterator[Answers]:
    """Ask all at once, each of a migration of its own: a question waits for a worker for up to half a minute."""
    accounts = ("silent-status", "silent-people", "silent-verify", "silent-start")
    handles = [
        await client.start_workflow(
            SiteMigrationWorkflow.run,
            MigrationInput(request=asked(name)),
            id=ids.migration(name),
            task_queue="nobody",
        )
        for name in accounts
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(first_step, "PATIENCE_SECONDS", 0)
        status, people, verify, start = await asyncio.gather(
            cli("status", accounts[0]),
            cli("people", accounts[1]),
            cli("verify", accounts[2], "who@example.com"),
            first_step.take(client, Migration(client, accounts[3]), asked(accounts[3]), None),
        )
    yield Answers(status, people, verify, start)
    for handle in handles:
        await handle.terminate()


def test_the_status_is_what_temporal_knows(answers: Answers) -> None:
    """With the reason why it is not more."""
    assert answers.status.code == 0
    assert "No worker answers" in answers.status.out
    assert "up to an hour old" in answers.status.out


def test_people_cannot_be_listed(answers: Answers) -> None:
    """Exit code 4, as for a Temporal that does not answer: it can be tried again later."""
    assert (answers.people.code, answers.people.out) == (4, "")
    assert "No worker answers" in answers.people.err


async def test_a_fact_is_kept(answers: Answers, client: Client) -> None:
    """The signal is in the history, for whichever worker comes."""
    assert answers.verify.code == 0
    assert "no worker answers now" in answers.verify.err
    history = await client.get_workflow_handle(ids.migration("silent-verify")).fetch_history()
    signals = [event.workflow_execution_signaled_event_attributes.signal_name for event in history.events]
    assert "email_verified" in signals


def test_a_start_stands(answers: Answers) -> None:
    """Following it ends after a while, with nothing known but that it runs."""
    assert (answers.start.run_state, answers.start.progress) == (RunState.RUNNING, None)

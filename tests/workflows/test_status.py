"""What `status` shows of migrations with many cohorts, without a query to each."""

import pytest

from landbridge.client import reader
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.people import Counts, State
from landbridge.domain.roster import RosterPerson
from tests.workflows.harness import MigrationHarness, eventually


async def test_many_cohorts_show_their_numbers_by_state(
    harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of all states come from search attributes; they are current once the first mails are sent."""
    monkeypatch.setattr(reader, "MAX_COHORTS_QUERIED", -1)
    harness.world.opsgenie.add(
        *(RosterPerson(email=f"p{n}@example.com", email_verified=n % 2 == 0) for n in range(8)),
        RosterPerson(email="blocked@example.com", blocked=True),
    )
    await harness.start()
    expected = Counts(
        by_state={State.EMAIL_UNVERIFIED: 4, State.AUTHENTICATING: 4, State.CONNECTED: 1, State.SKIPPED: 1}
    )

    async def shown() -> bool:
        status = await harness.migration.status()
        assert not status.exact
        return status.counts == expected and status.people_waiting == 8

    await eventually(shown)


async def test_status_queries_some_of_many_cohorts_for_problems(
    harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unavailable mail server is shown while its mails are still being retried."""
    monkeypatch.setattr(reader, "MAX_COHORTS_QUERIED", 1)
    harness.world.opsgenie.add(*(RosterPerson(email=f"p{n}@example.com") for n in range(600)))
    harness.world.mailer.problem = ServiceUnavailable("The mail server is away.")
    await harness.start()
    await eventually(lambda: harness.status_shows("The mail server is away."))
    assert not (await harness.migration.status()).exact


async def test_status_does_not_wait_for_slow_cohorts(
    harness: MigrationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows the last known counts, and that they may be outdated."""
    await harness.start()
    await eventually(lambda: _is_counted(harness))
    monkeypatch.setattr(reader, "COHORT_QUERY_SECONDS", 0)
    status = await harness.migration.status()
    assert (status.exact, status.progress is not None) == (False, True)


async def _is_counted(harness: MigrationHarness) -> bool:
    return (await harness.migration.status()).people_total == 1

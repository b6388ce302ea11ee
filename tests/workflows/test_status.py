"""What `status` tells of migrations with many cohorts, without asking any of them."""

import pytest

from landbridge.client import reader
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.people import Counts, State
from landbridge.domain.roster import RosterPerson
from tests.workflows.harness import MigrationHarness, eventually


async def test_many_cohorts_show_their_numbers_by_state(
    bench: MigrationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All states, as the cohorts showed them last: once the first mails are out, just so."""
    monkeypatch.setattr(reader, "MAX_COHORTS_QUERIED", -1)
    bench.world.opsgenie.add(
        *(RosterPerson(email=f"p{n}@example.com", email_verified=n % 2 == 0) for n in range(8)),
        RosterPerson(email="blocked@example.com", blocked=True),
    )
    await bench.start()
    expected = Counts(
        by_state={State.EMAIL_UNVERIFIED: 4, State.AUTHENTICATING: 4, State.CONNECTED: 1, State.SKIPPED: 1}
    )

    async def shown() -> bool:
        status = await bench.migration.status()
        assert not status.exact
        return status.counts == expected and status.people_waiting == 8

    await eventually(shown)


async def test_status_queries_some_of_many_cohorts_for_problems(
    bench: MigrationHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail server that is away is told before anything is given up."""
    monkeypatch.setattr(reader, "MAX_COHORTS_QUERIED", 1)
    bench.world.opsgenie.add(*(RosterPerson(email=f"p{n}@example.com") for n in range(600)))
    bench.world.post.problem = ServiceUnavailable("The mail server is away.")
    await bench.start()
    await eventually(lambda: bench.status_shows("The mail server is away."))
    assert not (await bench.migration.status()).exact


async def test_status_does_not_wait_for_slow_cohorts(bench: MigrationHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they have shown is told instead, and that it may be older."""
    await bench.start()
    await eventually(lambda: _is_counted(bench))
    monkeypatch.setattr(reader, "COHORT_QUERY_SECONDS", 0)
    status = await bench.migration.status()
    assert (status.exact, status.progress is not None) == (False, True)


async def _is_counted(bench: MigrationHarness) -> bool:
    return (await bench.migration.status()).people_total == 1

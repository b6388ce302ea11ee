"""Settings that no service accepts: the migration pauses and names them, instead of retrying forever."""

import pytest

from landbridge.domain.people import Actor
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.opsgenie import OpsgenieRoster
from tests.emulator.running import OPSGENIE_KEY, ORGANIZATION_KEY, Control, control, service
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually

__all__ = ["control", "service"]
BY = Actor(name="tester")


async def test_a_malformed_api_key_pauses_the_migration(
    harness: MigrationHarness, control: Control, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opsgenie answers 422 to an incomplete key; after a resume with another key the migration continues."""
    control.load([{"username": OWNER_EMAIL, "role": "owner"}])
    control.order(
        "/v2/account", status=422, body='{"message": "Key format is not valid!", "took": 0.0, "requestId": "1"}'
    )
    async with OpsgenieRoster(service, OPSGENIE_KEY) as roster:
        monkeypatch.setattr(harness.world.opsgenie, "people", lambda _: roster.people("acme"))
        await harness.start()
        await eventually(lambda: harness.waits_for("LANDBRIDGE_OPSGENIE_API_KEY"))
        progress = await harness.migration.progress()
        assert "(422)" in progress.paused
        assert "fault of Landbridge" not in progress.paused
        await harness.migration.resume(BY)
        await eventually(lambda: _reads_on(harness))


async def test_an_invalid_request_pauses_the_migration(
    harness: MigrationHarness, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that the HTTP client refuses to send is not treated as an outage of the service."""
    async with AtlassianDirectory(service, ORGANIZATION_KEY, "o" * 70_000) as directory:
        monkeypatch.setattr(harness.world.atlassian, "sites", directory.sites)
        await harness.start()
        await eventually(lambda: harness.waits_for("LANDBRIDGE_ATLASSIAN_ORG_ID"))
        assert "cannot be sent" in (await harness.migration.progress()).paused


async def _reads_on(harness: MigrationHarness) -> bool:
    progress = await harness.migration.progress()
    return not progress.paused and progress.cohorts > 0

"""Concurrent clicks on links: the portal sends them to a cohort in one signal."""

import asyncio
from unittest.mock import patch

import pytest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from landbridge.client.links import MAX_LINKS_PER_SIGNAL, TemporalLinkClient
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.people import State
from landbridge.domain.roster import RosterPerson
from tests.workflows.costs import cost
from tests.workflows.harness import MigrationHarness, eventually

PEOPLE = [RosterPerson(email=f"p{number}@example.com") for number in range(MAX_LINKS_PER_SIGNAL + 20)]


@pytest.fixture
async def links(harness: MigrationHarness) -> list[LinkClaims]:
    """The verification link of each person, mailed just before."""
    harness.world.opsgenie.add(*PEOPLE)
    await harness.start()
    await eventually(lambda: len(harness.world.mailer.mails) == len(PEOPLE))
    return [harness.world.mailer.link(person.email, Purpose.VERIFICATION) for person in PEOPLE]


async def signals(harness: MigrationHarness) -> int:
    """Return how many signals the cohort's history has; those that arrive during a task are added when it ends."""
    return (await cost(harness.client, harness.cohort().id)).kinds["EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"]


async def test_concurrent_clicks_share_signals(harness: MigrationHarness, links: list[LinkClaims]) -> None:
    """The first click has a signal of its own, then as few as possible follow; every click takes effect."""
    before, link_client = await signals(harness), TemporalLinkClient(harness.client)
    assert all(await asyncio.gather(*map(link_client.follow, links)))
    for person in PEOPLE:
        await harness.until(person.email, State.AUTHENTICATING)
    assert await signals(harness) - before <= 2


async def test_a_single_click_is_sent_immediately(harness: MigrationHarness, links: list[LinkClaims]) -> None:
    """Each of these clicks has a signal of its own."""
    before, link_client = await signals(harness), TemporalLinkClient(harness.client)
    for link, person in zip(links[:3], PEOPLE, strict=False):
        assert await link_client.follow(link)
        await harness.until(person.email, State.AUTHENTICATING)
    assert await signals(harness) - before == 3


async def test_a_closed_browser_cancels_only_its_own_request(
    harness: MigrationHarness, links: list[LinkClaims]
) -> None:
    """The click of the closed browser may still take effect."""
    link_client = TemporalLinkClient(harness.client)
    clicks = [asyncio.ensure_future(link_client.follow(link)) for link in links[:3]]
    await asyncio.sleep(0)
    clicks[0].cancel()
    assert all(await asyncio.gather(*clicks[1:]))
    assert clicks[0].cancelled()


async def test_clicks_for_an_ended_cohort_are_reported(harness: MigrationHarness, links: list[LinkClaims]) -> None:
    """Only people of that cohort get the error."""
    link_client = TemporalLinkClient(harness.client)
    unknown = [link.model_copy(update={"cohort_id": "site-migration:nobody:cohort:1"}) for link in links[:3]]
    results = await asyncio.gather(*map(link_client.follow, [*unknown, *links[:3]]))
    assert results == [False] * 3 + [True] * 3


async def test_clicks_that_temporal_rejects_are_reported(harness: MigrationHarness, links: list[LinkClaims]) -> None:
    """A later click is sent again and succeeds."""
    link_client = TemporalLinkClient(harness.client)
    with patch.object(WorkflowHandle, "signal", side_effect=RPCError("gone", RPCStatusCode.UNAVAILABLE, b"")):
        clicks = await asyncio.gather(*map(link_client.follow, links[:3]), return_exceptions=True)
    assert [type(click) for click in clicks] == [ServiceUnavailable] * 3
    assert await link_client.follow(links[0])

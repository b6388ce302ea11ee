"""Records histories that later versions must be able to replay: `python -m tests.histories.record NAME`.

One migration covers the choice of a site, mails, a link, a resend, a correction, a pause, a deadline, weeks of
reminders, continue-as-new, and completion. Another is declined, cancelled and undone. Commit the new folder; never
change an old one.
"""

import sys
import tempfile
from datetime import timedelta
from pathlib import Path

from landbridge.client.links import TemporalLinkClient
from landbridge.domain import ids
from landbridge.domain.links import Purpose
from landbridge.domain.messages import PersonFact
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite
from landbridge.platform import exits
from tests.histories import health
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, eventually, running_harness, server_for

FOLDER = Path(__file__).parent
BY = Actor(name=OWNER_EMAIL)
SELDOM = timedelta(days=20)


async def migrate(harness: MigrationHarness) -> None:
    """Run a migration to its completion."""
    harness.world.opsgenie.add(
        RosterPerson(email="ann@example.com", email_verified=True),
        RosterPerson(email="bo@example.com"),
        RosterPerson(email="cy@example.com", email_verified=True),
        RosterPerson(email="di@example.com", blocked=True),
    )
    harness.world.atlassian.taken = {"acme-team"}
    harness.world.mailer.refused = {"cy@example.com"}
    await harness.start(site="", rules=Rules(poll_interval=SELDOM, max_poll_interval=SELDOM))
    await eventually(lambda: harness.waits_for("Choose a site"))
    await harness.migration.name_site(NewSite(name="acme-ops", first_name="Olga", last_name="Owner"), BY)
    await harness.until("cy@example.com", State.UNREACHABLE)
    await harness.migration.correct_email("cy@example.com", "cy.new@example.com", BY)
    await eventually(lambda: harness.world.mailer.sent("bo@example.com"))
    links = TemporalLinkClient(harness.client)
    await links.follow(harness.world.mailer.link("bo@example.com", Purpose.VERIFICATION))
    await harness.until("bo@example.com", State.AUTHENTICATING)
    await harness.migration.pause("Freeze.", BY)
    await harness.migration.resume(BY, "Freeze.")
    await eventually(lambda: harness.world.mailer.sent("cy.new@example.com"))
    await harness.skip(timedelta(days=7))
    await harness.migration.resend("ann@example.com", by=BY)
    await harness.migration.set_deadline(None, AtDeadline.KEEP_WAITING, BY)
    for _ in range(40):
        await harness.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
    await harness.migration.exclude("cy.new@example.com", "left the company", BY)
    await harness.handle.signal("account_authenticated", {"email": "ann@example.com"})
    harness.world.atlassian.account("bo@example.com", verified=True)
    await harness.migration.refresh(BY)
    await harness.handle.result()


async def cancel(harness: MigrationHarness) -> None:
    """Cancel a migration while people are waiting, and undo its invitations."""
    people = ("ann@example.com", "bo@example.com")
    harness.world.opsgenie.add(*(RosterPerson(email=email, email_verified=True) for email in people))
    await harness.start()
    await eventually(lambda: all(harness.world.mailer.sent(email) for email in people))
    await TemporalLinkClient(harness.client).decline(
        harness.world.mailer.link("bo@example.com", Purpose.AUTHENTICATION)
    )
    await harness.until("bo@example.com", State.ATTENTION)
    await harness.migration.cancel("The merger is off.", BY, undo=True)
    await harness.handle.result()
    await harness.client.get_workflow_handle(ids.undo(harness.account)).result()


async def main() -> None:
    """Record into the folder that the command line names."""
    folder = FOLDER / sys.argv[1]
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        async with server_for(Path(temporary), keys="", limit__historyCount__suggestContinueAsNew="60") as client:
            for scenario in (migrate, cancel):
                async with running_harness(client) as harness:
                    await scenario(harness)
                for number, history in enumerate(await health.of_account(client, harness.account)):
                    name = f"{number}-{history.workflow_id.replace(':', '-')}.json"
                    (folder / name).write_text(history.to_json(), encoding="utf-8")


if __name__ == "__main__":
    exits.run(main)

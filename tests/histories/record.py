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
from tests.workflows.harness import OWNER_EMAIL, MigrationHarness, benched, eventually, server_for

FOLDER = Path(__file__).parent
BY = Actor(name=OWNER_EMAIL)
SELDOM = timedelta(days=20)


async def migrate(bench: MigrationHarness) -> None:
    """Run a migration to its completion."""
    bench.world.opsgenie.add(
        RosterPerson(email="ann@example.com", email_verified=True),
        RosterPerson(email="bo@example.com"),
        RosterPerson(email="cy@example.com", email_verified=True),
        RosterPerson(email="di@example.com", blocked=True),
    )
    bench.world.atlassian.taken = {"acme-team"}
    bench.world.post.refused = {"cy@example.com"}
    await bench.start(site="", rules=Rules(poll_interval=SELDOM, poll_interval_at_most=SELDOM))
    await eventually(lambda: bench.waits_for("Choose a site"))
    await bench.migration.name_site(NewSite(name="acme-ops", first_name="Olga", last_name="Owner"), BY)
    await bench.until("cy@example.com", State.UNREACHABLE)
    await bench.migration.correct_email("cy@example.com", "cy.new@example.com", BY)
    await eventually(lambda: bench.world.post.sent("bo@example.com"))
    links = TemporalLinkClient(bench.client)
    await links.follow(bench.world.post.link("bo@example.com", Purpose.VERIFICATION))
    await bench.until("bo@example.com", State.AUTHENTICATING)
    await bench.migration.pause("Freeze.", BY)
    await bench.migration.resume(BY, "Freeze.")
    await eventually(lambda: bench.world.post.sent("cy.new@example.com"))
    await bench.skip(timedelta(days=7))
    await bench.migration.resend("ann@example.com", by=BY)
    await bench.migration.set_deadline(None, AtDeadline.KEEP_WAITING, BY)
    for _ in range(40):
        await bench.cohort().signal("email_verified", PersonFact(email="nobody@example.com"))
    await bench.migration.exclude("cy.new@example.com", "left the company", BY)
    await bench.handle.signal("account_authenticated", {"email": "ann@example.com"})
    bench.world.atlassian.account("bo@example.com", verified=True)
    await bench.migration.refresh(BY)
    await bench.handle.result()


async def cancel(bench: MigrationHarness) -> None:
    """Cancel a migration while people are waiting, and undo its invitations."""
    people = ("ann@example.com", "bo@example.com")
    bench.world.opsgenie.add(*(RosterPerson(email=email, email_verified=True) for email in people))
    await bench.start()
    await eventually(lambda: all(bench.world.post.sent(email) for email in people))
    await TemporalLinkClient(bench.client).decline(bench.world.post.link("bo@example.com", Purpose.AUTHENTICATION))
    await bench.until("bo@example.com", State.ATTENTION)
    await bench.migration.cancel("The merger is off.", BY, undo=True)
    await bench.handle.result()
    await bench.client.get_workflow_handle(ids.undo(bench.account)).result()


async def main() -> None:
    """Record into the folder that the command line names."""
    folder = FOLDER / sys.argv[1]
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        async with server_for(Path(temporary), keys="", limit__historyCount__suggestContinueAsNew="60") as client:
            for scenario in (migrate, cancel):
                async with benched(client) as bench:
                    await scenario(bench)
                for number, history in enumerate(await health.of_account(client, bench.account)):
                    name = f"{number}-{history.workflow_id.replace(':', '-')}.json"
                    (folder / name).write_text(history.to_json(), encoding="utf-8")


if __name__ == "__main__":
    exits.run(main)

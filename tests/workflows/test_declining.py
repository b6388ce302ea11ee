"""A person declines a mail that is not for them: page, cohort, and what the admin sees."""

from urllib.parse import urlsplit

from landbridge.client.links import TemporalLinkClient
from landbridge.domain import lifecycle
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.people import AFTER_DECLINE, Actor, Source, State
from landbridge.domain.roster import RosterPerson
from landbridge.integrations.link_tokens import SignedLinks
from tests.portal.conftest import KEY, PORTAL_URL, serving, settings
from tests.workflows.harness import OWNER_EMAIL, PROOFS, MigrationHarness, eventually

ADMIN = Actor(name=OWNER_EMAIL)
BO = RosterPerson(email="bo@example.com", name="Bo", locale="ja_JP")


def page(harness: MigrationHarness, number: int = -1) -> str:
    """Return the path of the page behind the verification link of one of Bo's mails."""
    claims = harness.world.mailer.link(BO.email, Purpose.VERIFICATION, number)
    return urlsplit(SignedLinks(PORTAL_URL, [KEY]).url(claims)).path


async def test_a_person_who_declines_gets_no_mail_until_an_admin_resends(harness: MigrationHarness) -> None:
    """The admin sees the reason and the next step; a resend makes a new link, and the old link stays invalid."""
    harness.world.opsgenie.add(BO)
    await harness.start()
    await eventually(lambda: harness.world.mailer.sent(BO.email))
    async with serving(TemporalLinkClient(harness.client, PROOFS), settings()) as browser:
        assert 'lang="ja"' in (await browser.get(page(harness))).text
        for _ in range(2):
            assert (await browser.post(f"{page(harness)}/decline")).status_code == 200
        declined = await harness.migration.person(BO.email)
        assert (declined.person.state, declined.person.reason) == (State.ATTENTION, lifecycle.DECLINED)
        assert [entry.by.source for entry in declined.person.timeline][-2:] == [Source.LINK, Source.LINK]
        assert [line.next_step for line in (await harness.migration.report()).people if line.email == BO.email] == [
            declined.next_step
        ]
        assert declined.next_step == AFTER_DECLINE
        assert (await harness.migration.status()).counts.for_admins == 1
        await browser.post(page(harness))
        assert (await harness.person(BO.email)).state is State.ATTENTION

        await harness.migration.resend(BO.email, by=ADMIN)
        await eventually(lambda: len(harness.world.mailer.sent(BO.email)) == 2)
        link_client = TemporalLinkClient(harness.client)
        old = await link_client.view(harness.world.mailer.link(BO.email, Purpose.VERIFICATION, 0))
        assert old is not None
        assert old.state is LinkState.EXPIRED
        assert (await browser.post(page(harness))).status_code == 200
        await eventually(lambda: harness.world.mailer.sent(BO.email, Purpose.AUTHENTICATION))

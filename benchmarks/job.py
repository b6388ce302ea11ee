"""The job of every contestant: the people, and the services that it calls for them."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import worker
from landbridge.domain.activity_io import Delivery, MailContext, OutgoingMail
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.integrations.atlassian.organizations import Invitations, invite_request
from landbridge.integrations.http import Transport
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.integrations.smtp.mailer import SmtpMailer
from landbridge.platform import settings

CONCURRENCY = 16
"""Concurrent calls that a contestant may make to one service (HTTP or SMTP)."""
MAX_INVITED = 25
"""Addresses that Atlassian accepts in one call."""
ACCOUNT, RUN = "bench", "run"
INITIATOR = "person1@example.com"
SITE = "bench"
_RULES = Rules()

Click = Callable[[LinkClaims], Awaitable[None]]
"""Reports a click on a mailed link to a contestant; returns when the click is durable."""


def email(person: int) -> str:
    """Return the email address of a person; numbers start at 1."""
    return f"person{person}@example.com"


def name(person: int) -> str:
    """Return the name of a person."""
    return f"Person {person}"


class Services:
    """Atlassian and the mail server, for contestants with a workflow per person.

    They send the same mails as Landbridge through the same connection pool, so that only the durability mechanism
    differs.
    """

    def __init__(self, api: Transport, org_id: str, mailer: SmtpMailer, site_url: str) -> None:
        self._api = api
        self._org_id = org_id
        self._mailer = mailer
        self._calls = asyncio.Semaphore(CONCURRENCY)
        self._context = MailContext(
            run=RUN,
            cohort_number=1,
            cohort_id=ACCOUNT,
            opsgenie_account=ACCOUNT,
            site=Site(id="1", name=SITE, url=site_url),
            initiator=INITIATOR,
            rules=_RULES,
        )

    async def create_account(self, person: int) -> str:
        """Create an Atlassian account for one person; return its id. Idempotent."""
        return (await self.create_accounts([person]))[0]

    async def create_accounts(self, people: Sequence[int]) -> list[str]:
        """Create accounts for up to `MAX_INVITED` people in one call."""
        async with self._calls:
            answer = await self._api.send(invite_request(self._org_id, map(email, people)))
        return [invited.id or "" for invited in answer.read(Invitations).data]

    async def send_mail(self, person: int) -> None:
        """Send one person the mail with the link; a repeated mail has the same Message-ID."""
        mail = OutgoingMail(
            person=person,
            purpose=Purpose.AUTHENTICATION,
            generation=1,
            email=email(person),
            name=name(person),
        )
        async for outcome in self._mailer.send(self._context, [mail]):
            if outcome.delivery is not Delivery.ACCEPTED:
                raise OSError(outcome.reason)


@asynccontextmanager
async def services() -> AsyncIterator[Services]:
    """Connect to the services that the environment names, as the worker of Landbridge does."""
    smtp, atlassian = settings.load(settings.SmtpSettings), settings.load(settings.AtlassianSettings)
    mailer = worker.mailer_for(smtp, links())
    bearer = f"Bearer {atlassian.api_key.get_secret_value()}"
    async with Transport("Atlassian", str(atlassian.url), bearer, settings="LANDBRIDGE_ATLASSIAN_URL") as api:
        yield Services(api, atlassian.org_id, mailer, f"https://{SITE}.atlassian.example")
        await mailer.close()


def links() -> SignedLinks:
    """Return the signer of mailed links, with the keys of the environment."""
    pages = settings.load(settings.PortalSettings)
    return SignedLinks(str(pages.portal_url), [key.get_secret_value() for key in pages.token_keys])


def variable(name: str) -> str:
    """Return a `BENCH_…` environment variable. With them, the programs of a contestant find each other."""
    return os.environ[f"BENCH_{name}"]


def signal_ready() -> None:
    """Signal to the parent process that this process is ready."""
    Path(variable("READY")).touch()

"""What the activities need of the outside world. Adapters implement these and translate foreign errors.

Every verb is safe to repeat. Every verb may raise `NeighbourUnavailable` (try again) or `NeighbourRefuses` (pause until
a person has mended it); what concerns one person or one request is an outcome, never an exception.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Protocol

from domain.links import LinkClaims
from domain.orders import (
    AccountOutcome,
    AccountQuestion,
    AdminTask,
    Connected,
    MailContext,
    MailOrder,
    MailOutcome,
    NameNotFree,
    NoticeOrder,
    SignedUp,
)
from domain.roster import RosterPerson
from domain.sites import NewSite, Site
from domain.survey import Seats, Standing


class RosterSource(Protocol):
    """Where the people of an Opsgenie account are listed (Opsgenie's REST API v2)."""

    def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List everyone once, addresses normalised, rows that cannot be used marked with a `problem`.

        Raises:
            Refused: the credentials belong to another Opsgenie account.

        """
        ...


class AccountDirectory(Protocol):
    """Atlassian accounts of people, and the sites of an organization (the Atlassian Organizations API)."""

    async def find(self, questions: Sequence[AccountQuestion], done: Callable[[list[AccountOutcome]], None]) -> None:
        """Look up the accounts that have these addresses; `done` gets the outcomes as they come in."""
        ...

    async def ensure(self, questions: Sequence[AccountQuestion], done: Callable[[list[AccountOutcome]], None]) -> None:
        """Look up these addresses and create the accounts that do not exist; `done` as in `find`.

        An account that exists is adopted: a repeat after a lost answer creates nothing.
        """
        ...

    async def sites(self, email: str) -> list[Site]:
        """List the sites linked to an address; each says whether its owner is a site admin there."""
        ...


class DirectorySurvey(Protocol):
    """What a dry run asks of the Atlassian organization: it reads only."""

    def standings(self, emails: Iterable[str]) -> AsyncIterator[Standing]:
        """Say how each of these addresses stands, in their order; an address that comes twice is answered twice.

        Costs one call for each 100 addresses, and one for the organization's domains.
        """
        ...

    async def seats(self) -> list[Seats]:
        """List the licences of the organization's sites that are online, one for each product on each site."""
        ...


class Provisioning(Protocol):
    """What Atlassian has no public API for: an adapter does it, or hands an admin the task and checks the result."""

    async def ensure_signed_up(self, email: str, first_name: str, last_name: str) -> SignedUp | AdminTask:
        """See to it that this address has an Atlassian account (the guide, step 3)."""
        ...

    async def ensure_site(self, email: str, site: NewSite) -> Site | NameNotFree | AdminTask:
        """See to it that the site exists and this address is a site admin of it (the guide, step 4)."""
        ...

    async def ensure_connected(self, opsgenie_account: str, site: Site, *, confirmed: bool) -> Connected | AdminTask:
        """See to it that the Opsgenie account is connected to the site (the guide, step 5).

        `confirmed` says that an admin reports it done, for where it cannot be asked.
        """
        ...


class Mailer(Protocol):
    """The mail server."""

    async def send(
        self, context: MailContext, orders: Sequence[MailOrder], done: Callable[[MailOutcome], None]
    ) -> None:
        """Send people's mails over reused connections; `done` gets each outcome as the server answers."""
        ...

    async def notify(self, orders: Sequence[NoticeOrder], done: Callable[[MailOutcome], None]) -> None:
        """Send notices to owners and admins, in the same way."""
        ...


class LinkMint(Protocol):
    """Signs links. Only the mail adapter and the portal have its keys."""

    def url(self, claims: LinkClaims) -> str:
        """Return the link for a mail, under the configured base URL."""
        ...


class CohortDesk(Protocol):
    """Running cohorts, as an activity reaches them."""

    async def hand_out(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Give a cohort its people; a repeat changes nothing."""
        ...

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Tell a cohort what the roster says today: people who joined, addresses that were verified."""
        ...

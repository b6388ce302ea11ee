"""What the activities need of the outside world. Adapters implement these and translate foreign errors.

Every verb is safe to repeat. Every verb may raise `ServiceUnavailable` (try again) or `ServiceRejected` (pause until
a person has mended it); what concerns one person or one request is an outcome, never an exception.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from landbridge.domain.activity_io import (
    AccountOutcome,
    AccountQuestion,
    AdminTask,
    Connected,
    MailContext,
    MailOutcome,
    NameNotFree,
    OutgoingMail,
    OutgoingNotice,
    Revocation,
    SignedUp,
)
from landbridge.domain.links import LinkClaims
from landbridge.domain.messages import InvitedAccount
from landbridge.domain.roster import RosterPerson
from landbridge.domain.sign_in import SignedIn, SignInClaims, SignInMail
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.survey import AccountLookup, Seats


class RosterSource(Protocol):
    """Where the people of an Opsgenie account are listed (Opsgenie's REST API v2)."""

    def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List everyone once, addresses normalised, rows that cannot be used marked with a `problem`.

        Raises:
            Refused: the credentials belong to another Opsgenie account.

        """
        ...

    async def find_admin(self, email: str) -> SignedIn | None:
        """Return the owner or admin who has this address and may use Opsgenie; none: anybody else. Costs two calls."""
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


class Invitations(Protocol):
    """What can be taken back of the accounts that Landbridge created (the Atlassian Organizations API)."""

    async def revoke(self, account_ids: Sequence[str], done: Callable[[list[Revocation]], None]) -> None:
        """Remove accounts from the organization, but none that is verified; `done` gets the outcomes as they come in.

        An account that is not there is as good as removed, so a repeat changes nothing.
        """
        ...


class DirectorySurvey(Protocol):
    """What a dry run asks of the Atlassian organization: it reads only."""

    def lookups(self, emails: Iterable[str]) -> AsyncIterator[AccountLookup]:
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
        self, context: MailContext, orders: Sequence[OutgoingMail], done: Callable[[MailOutcome], None]
    ) -> None:
        """Send people's mails over reused connections; `done` gets each outcome as the server answers.

        Trouble that `done` raises counts like the server's own: those in hand are finished, and no other is begun.
        """
        ...

    async def notify(self, orders: Sequence[OutgoingNotice], done: Callable[[MailOutcome], None]) -> None:
        """Send notices to owners and admins, in the same way."""
        ...

    async def send_sign_in_link(self, order: SignInMail) -> MailOutcome:
        """Send an owner or admin the link to sign in by."""
        ...


class LinkSigner(Protocol):
    """Signs links. Only the mail adapter and the portal have its keys."""

    def url(self, claims: LinkClaims) -> str:
        """Return the link for a mail, under the configured base URL."""
        ...

    def sign_in_url(self, claims: SignInClaims) -> str:
        """Return the link to sign in by, under the same URL."""
        ...

    def settings_url(self, page: str) -> str:
        """Return where owners and admins find a page once they have signed in; nothing in it is signed."""
        ...


class IdentityTokens(Protocol):
    """Signs who signs in, with a key that Temporal does not have."""

    def sign_identity(self, who: SignedIn, sign_in_id: str, run_id: str) -> str:
        """Return an identity token for one run of a sign-in."""
        ...

    def read_identity(self, token: str, claims: SignInClaims) -> SignedIn | None:
        """Return who signs in by a link with these claims.

        None where the token is not signed by us, is too old, or belongs to another sign-in or another link.
        """
        ...


class CohortClient(Protocol):
    """Cohorts, as an activity reaches them."""

    async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Give a cohort its people; a repeat changes nothing."""
        ...

    async def tell(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
        """Send a cohort a signal; one that has ended needs none."""
        ...

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Tell a cohort what the roster says today: people who joined, addresses that were verified."""
        ...

    async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
        """Ask a cohort that is over whose invitations are still open; none if it was another migration's."""
        ...

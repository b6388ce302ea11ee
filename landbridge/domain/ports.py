"""The ports: what the activities need from the outside world. Adapters implement them and translate foreign errors.

Every method is idempotent. Every method may raise `ServiceUnavailable` (retry later) or `ServiceRejected` (pause until
a person has fixed the cause). A problem of one person or of one request is an outcome, never an exception.

Methods that yield outcomes yield them as they become known. If such a method fails or is cancelled midway, it first
yields the outcomes of everything that it has done.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
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


class RosterSource(Protocol):
    """The people of an Opsgenie account (Opsgenie's REST API v2)."""

    def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List each person once, with a normalised address; rows that cannot be used have a `problem`.

        Raises:
            Refused: the credentials belong to another Opsgenie account.

        """
        ...

    async def find_admin(self, email: str) -> SignedIn | None:
        """Return the owner or admin with this address who may use Opsgenie; None: there is none. Costs two calls."""
        ...


class AccountDirectory(Protocol):
    """People's Atlassian accounts, and the sites of an organization (the Atlassian Organizations API)."""

    def find(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up the accounts that have these addresses; yield the outcomes of each call."""
        ...

    def ensure(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up these addresses and create the missing accounts; yield outcomes as `find` does.

        An existing account is adopted, so a retry after a lost response creates nothing.
        """
        ...

    async def sites(self, email: str) -> list[Site]:
        """List the sites linked to an address; each says whether the person is a site admin there."""
        ...


class Invitations(Protocol):
    """Remove accounts that Landbridge created (the Atlassian Organizations API)."""

    def revoke(self, account_ids: Sequence[str]) -> AsyncIterator[Revocation]:
        """Remove accounts from the organization, except verified accounts; yield an outcome for each account.

        An account that does not exist counts as removed, so a retry changes nothing.
        """
        ...


class Provisioning(Protocol):
    """Steps without a public Atlassian API: an adapter does them, or returns a task for an admin and checks it."""

    async def ensure_signed_up(self, email: str, first_name: str, last_name: str) -> SignedUp | AdminTask:
        """Ensure that this address has an Atlassian account (the guide, step 3)."""
        ...

    async def ensure_site(self, email: str, site: NewSite) -> Site | NameNotFree | AdminTask:
        """Ensure that the site exists and that this address is a site admin of it (the guide, step 4)."""
        ...

    async def ensure_connected(self, opsgenie_account: str, site: Site, *, confirmed: bool) -> Connected | AdminTask:
        """Ensure that the Opsgenie account is connected to the site (the guide, step 5).

        `confirmed`: an admin reports that the connection exists. It is for adapters that cannot check it.
        """
        ...


class Mailer(Protocol):
    """The mail server."""

    def send(self, context: MailContext, mails: Iterable[OutgoingMail]) -> AsyncIterator[MailOutcome]:
        """Send people's emails concurrently; yield each outcome when the server responds.

        The next email is taken from `mails` only when it can be sent, so a caller stops early by ending `mails`.
        """
        ...

    def notify(self, notices: Iterable[OutgoingNotice]) -> AsyncIterator[MailOutcome]:
        """Send notices to owners and admins, as `send` does."""
        ...

    async def send_sign_in_link(self, mail: SignInMail) -> MailOutcome:
        """Send an owner or admin a sign-in link."""
        ...


class LinkSigner(Protocol):
    """Signs links. Only the mail adapter and the portal have its keys."""

    def url(self, claims: LinkClaims) -> str:
        """Return the link for an email, under the configured base URL."""
        ...

    def sign_in_url(self, claims: SignInClaims) -> str:
        """Return a sign-in link, under the same base URL."""
        ...

    def settings_url(self, page: str) -> str:
        """Return the URL of a page for owners and admins who are signed in; it contains no token."""
        ...


class IdentityTokens(Protocol):
    """Signs the identity of a person who signs in, with a key that Temporal does not have."""

    def sign_identity(self, who: SignedIn, sign_in_id: str, run_id: str) -> str:
        """Return an identity token for one run of a sign-in."""
        ...

    def read_identity(self, token: str, claims: SignInClaims) -> SignedIn | None:
        """Return the identity in a token, if the token belongs to a link with these claims.

        None: the token has no valid signature, is too old, or belongs to another sign-in or another link.
        """
        ...


class CohortClient(Protocol):
    """Sends messages from an activity to cohorts."""

    async def assign_people(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Give a cohort its people; a retry changes nothing."""
        ...

    async def signal(self, cohort_id: str, signal: str, message: Mapping[str, object] | None) -> None:
        """Send a cohort a signal; a cohort that has ended is skipped."""
        ...

    async def refresh(self, cohort_id: str, people: Sequence[RosterPerson]) -> None:
        """Send a cohort the current roster: new people, and addresses that are verified now."""
        ...

    async def invited(self, cohort_id: str, run: str) -> list[InvitedAccount]:
        """Return the open invitations of a cohort that has ended; empty if it belongs to another migration."""
        ...

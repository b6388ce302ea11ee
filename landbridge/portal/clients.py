"""What the pages need of Temporal."""

from dataclasses import dataclass
from typing import Protocol

from landbridge.client.answers import Started
from landbridge.client.migration import Migration
from landbridge.domain.links import LinkClaims, LinkView
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.sign_in import SignedIn, SignInClaims


class LinkClient(Protocol):
    """Tells cohorts what people did, and asks them what a page should show.

    The four facts are durable signals, safe to repeat: they count even while no worker runs. Each returns False when
    there is nobody to tell, because the migration is over or never was.

    Raises:
        ServiceUnavailable: from the facts, when Temporal cannot be reached: the person has to try again.

    """

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Ask what the page behind a link should show; None when nobody answers within about two seconds."""
        ...

    async def follow(self, claims: LinkClaims) -> bool:
        """Tell that the person pressed the button behind the link."""
        ...

    async def decline(self, claims: LinkClaims) -> bool:
        """Tell that the person says that this is not their account."""
        ...

    async def returned(self, claims: LinkClaims) -> bool:
        """Tell that the person came back from Atlassian's page."""
        ...

    async def want_new(self, claims: LinkClaims) -> bool:
        """Tell that the person asks for the mail again."""
        ...

    async def reachable(self) -> bool:
        """Return whether Temporal answers now, without raising."""
        ...


class AdminClient(Protocol):
    """Lets owners and admins in, and starts and steers migrations for them."""

    async def want_link(self, email: str, digest: str) -> None:
        """Have a sign-in link mailed to this address, if it is an owner's or admin's; takes the same time for anyone.

        Raises:
            ServiceUnavailable: Temporal cannot be reached.

        """
        ...

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Return, once, the identity token of whoever signs in by this link; None: it does not work, or not any more.

        The token comes from Temporal: before trusting it, check it with `SignedLinks.read_identity`.

        Raises:
            TemporalUnreachable: Temporal cannot be reached, or no worker answers.

        """
        ...

    async def open_session(self, leader: SignedIn) -> str:
        """Open a session for whoever has signed in; return its id, which nobody can guess.

        Raises:
            TemporalUnreachable: Temporal does not answer; nobody is signed in.

        """
        ...

    async def is_open(self, session_id: str, leader: SignedIn) -> bool:
        """Return whether a session is open; close it if the running migration knows that the role is lost.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        ...

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session at once on every portal; one that is over stays so.

        Raises:
            TemporalUnreachable: Temporal does not answer; the session may be open still.

        """
        ...

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Start a migration, unless one runs, was completed, or was cancelled and is not the run `after`.

        Raises:
            LandbridgeError: as `client.migrations.start`.

        """
        ...

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Return what shows and steers the migration of an account, whether or not there is one.

        Requests are about the migration `run`, as a page showed it; without it, about whichever runs.

        Raises:
            BadInput: no account has such a name.

        """
        ...


@dataclass(frozen=True)
class Clients:
    """Both, as the portal holds them while it runs."""

    links: LinkClient
    admins: AdminClient

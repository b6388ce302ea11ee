"""The interfaces through which the pages use Temporal."""

from dataclasses import dataclass
from typing import Protocol

from landbridge.client.answers import Started
from landbridge.client.migration import Migration
from landbridge.domain.links import LinkClaims, LinkView
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.sign_in import SignedIn, SignInClaims


class LinkClient(Protocol):
    """Sends what people did to their cohorts as signals, and queries cohorts for what a page should show.

    `follow`, `decline`, `returned` and `request_new_link` send durable, idempotent signals, even while no worker runs.
    They return False if there is no such cohort, because the migration has ended or never existed.

    Raises:
        ServiceUnavailable: the signal was not sent because Temporal cannot be reached. The person has to try again.

    """

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Return what the page behind a link should show; None if no worker answers within about two seconds."""
        ...

    async def follow(self, claims: LinkClaims) -> bool:
        """Record that the person pressed the button behind the link."""
        ...

    async def decline(self, claims: LinkClaims) -> bool:
        """Record the person's statement that the Opsgenie account is not theirs."""
        ...

    async def returned(self, claims: LinkClaims) -> bool:
        """Record that the person returned from Atlassian's page."""
        ...

    async def request_new_link(self, claims: LinkClaims) -> bool:
        """Request that the email is sent again."""
        ...

    async def reachable(self) -> bool:
        """Return whether Temporal answers; never raises."""
        ...


class AdminClient(Protocol):
    """Manages sign-ins, sessions and migrations for owners and admins."""

    async def request_sign_in_link(self, email: str, digest: str) -> None:
        """Request a sign-in link by email, which only owners and admins receive; takes the same time for any address.

        Raises:
            ServiceUnavailable: Temporal cannot be reached.

        """
        ...

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Redeem a link and return the identity token; None if the link is unknown, used, or expired.

        The token comes from Temporal: verify it with `SignedLinks.read_identity` before trusting it.

        Raises:
            TemporalUnreachable: Temporal cannot be reached, or no worker answers.

        """
        ...

    async def open_session(self, admin: SignedIn) -> str:
        """Open a session and return its unguessable id.

        Raises:
            TemporalUnreachable: Temporal does not answer; no session was opened.

        """
        ...

    async def is_open(self, session_id: str, admin: SignedIn) -> bool:
        """Return whether a session is open. Close it if the running migration knows that the person lost the role.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        ...

    async def close_session(self, session_id: str, reason: str) -> None:
        """End a session on every portal process immediately; idempotent.

        Raises:
            TemporalUnreachable: Temporal does not answer; the session may still be open.

        """
        ...

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Start a migration, unless one is running, complete or cancelled.

        To start again after a cancelled migration, pass its run as `after`.

        Raises:
            LandbridgeError: as `client.migrations.start`.

        """
        ...

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Return the client of an Opsgenie account's migration, whether or not it exists.

        With `run`, requests apply to that migration only; without it, to the running migration.

        Raises:
            BadInput: no Opsgenie account can have this name.

        """
        ...


@dataclass(frozen=True)
class Clients:
    """The clients that the portal uses while it runs."""

    links: LinkClient
    admins: AdminClient

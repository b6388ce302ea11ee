"""In-memory implementations of the portal's Temporal clients."""

from collections.abc import Callable

from landbridge.client.answers import Started
from landbridge.client.migration import Migration
from landbridge.domain.errors import ServiceUnavailable
from landbridge.domain.links import LinkClaims, LinkState, LinkView, Purpose
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.sign_in import SignedIn, SignInClaims

ANN = LinkView(
    state=LinkState.OPEN,
    site_name="acme",
    site_url="https://acme.example.net",
    opsgenie_account="acme-ops",
    email="ann.lee+ops@example.com",
    initiator="olga.owner@example.com",
)


class InMemoryLinkClient:
    """A `portal.clients.LinkClient` with one person's cohort, whose answers tests set."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Restore the initial state."""
        self.shown: LinkView | None = ANN
        """The worker's answer; None if no worker runs."""
        self.over = False
        """Whether the migration has ended."""
        self.up = True
        """Whether Temporal answers."""
        self.signals: list[tuple[str, LinkClaims]] = []
        """All signals, in order."""
        self.on_follow: Callable[[], None] = lambda: None
        """Called when the cohort receives a click."""
        self.on_decline: Callable[[], None] = lambda: None
        """Called when the cohort receives that the person declines."""

    async def view(self, _claims: LinkClaims) -> LinkView | None:
        """Return the worker's answer, also after the migration has ended."""
        return self.shown if self.up else None

    async def follow(self, claims: LinkClaims) -> bool:
        """Record a click."""
        heard = self._record("follow", claims)
        if heard:
            self.on_follow()
        return heard

    async def decline(self, claims: LinkClaims) -> bool:
        """Record that the person declined."""
        heard = self._record("decline", claims)
        if heard:
            self.on_decline()
        return heard

    async def returned(self, claims: LinkClaims) -> bool:
        """Record a return."""
        return self._record("returned", claims)

    async def request_new_link(self, claims: LinkClaims) -> bool:
        """Record a request for a new link."""
        return self._record("request_new_link", claims)

    async def reachable(self) -> bool:
        """Return whether Temporal answers."""
        return self.up

    def show(self, **changes: object) -> None:
        """Set the cohort's answer to the usual view with changes."""
        self.shown = ANN.model_copy(update=changes)

    def _record(self, fact: str, claims: LinkClaims) -> bool:
        if not self.up:
            raise ServiceUnavailable("Temporal cannot be reached.")
        if not self.over:
            self.signals.append((fact, claims))
        return not self.over


class NoAdmins:
    """A `portal.clients.AdminClient` for tests of people's pages, which never call it."""

    async def request_sign_in_link(self, email: str, digest: str) -> None:
        """Not used."""
        raise NotImplementedError

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Not used."""
        raise NotImplementedError

    async def open_session(self, leader: SignedIn) -> str:
        """Not used."""
        raise NotImplementedError

    async def is_open(self, session_id: str, leader: SignedIn) -> bool:
        """Not used."""
        raise NotImplementedError

    async def close_session(self, session_id: str, reason: str) -> None:
        """Not used."""
        raise NotImplementedError

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Not used."""
        raise NotImplementedError

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Not used."""
        raise NotImplementedError


def claims(purpose: Purpose) -> LinkClaims:
    """Return the claims of the link that these tests use."""
    return LinkClaims(
        cohort_id="site-migration:acme-ops:cohort:3", run="0198c2f47b1c", person=17, purpose=purpose, generation=2
    )

"""A whole desk in memory: the cohorts' answers, and what they were told."""

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
    """One person's cohort, as far as links go, and a `portal.clients.LinkClient`; every field can be set by a test."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start again."""
        self.shown: LinkView | None = ANN
        """What a worker answers; None: no worker runs."""
        self.over = False
        """The migration has ended."""
        self.up = True
        """Temporal answers."""
        self.told: list[tuple[str, LinkClaims]] = []
        """What was signalled, in order."""
        self.on_follow: Callable[[], None] = lambda: None
        """What the cohort does when it hears of a click."""
        self.on_decline: Callable[[], None] = lambda: None
        """What it does when it hears that someone declines."""

    async def view(self, _claims: LinkClaims) -> LinkView | None:
        """Answer as the worker would, also when the migration has ended."""
        return self.shown if self.up else None

    async def follow(self, claims: LinkClaims) -> bool:
        """Record a click."""
        heard = self._tell("follow", claims)
        if heard:
            self.on_follow()
        return heard

    async def decline(self, claims: LinkClaims) -> bool:
        """Record that someone declines."""
        heard = self._tell("decline", claims)
        if heard:
            self.on_decline()
        return heard

    async def returned(self, claims: LinkClaims) -> bool:
        """Record a return."""
        return self._tell("returned", claims)

    async def request_new_link(self, claims: LinkClaims) -> bool:
        """Record a wish."""
        return self._tell("request_new_link", claims)

    async def reachable(self) -> bool:
        """Say whether Temporal answers."""
        return self.up

    def show(self, **changes: object) -> None:
        """Let the cohort answer with the usual view, changed."""
        self.shown = ANN.model_copy(update=changes)

    def _tell(self, fact: str, claims: LinkClaims) -> bool:
        if not self.up:
            raise ServiceUnavailable("Temporal cannot be reached.")
        if not self.over:
            self.told.append((fact, claims))
        return not self.over


class NoAdmins:
    """A `portal.clients.AdminClient` for tests of people's pages: nobody comes to it."""

    async def request_sign_in_link(self, email: str, digest: str) -> None:
        """Take no wish."""
        raise NotImplementedError

    async def redeem(self, claims: SignInClaims) -> str | None:
        """Let nobody in."""
        raise NotImplementedError

    async def open_session(self, leader: SignedIn) -> str:
        """Open none."""
        raise NotImplementedError

    async def is_open(self, session_id: str, leader: SignedIn) -> bool:
        """Know none."""
        raise NotImplementedError

    async def close_session(self, session_id: str, reason: str) -> None:
        """Close none."""
        raise NotImplementedError

    async def start(self, request: MigrationRequest, *, after: str = "") -> Started:
        """Start nothing."""
        raise NotImplementedError

    def migration(self, opsgenie_account: str, run: str = "") -> Migration:
        """Know none."""
        raise NotImplementedError


def claims(purpose: Purpose) -> LinkClaims:
    """Return what the links of the tests claim."""
    return LinkClaims(
        cohort_id="site-migration:acme-ops:cohort:3", run="0198c2f47b1c", person=17, purpose=purpose, generation=2
    )

"""What the link pages need of the running migrations."""

from typing import Protocol

from domain.links import LinkClaims, LinkView


class LinkDesk(Protocol):
    """Tells cohorts what people did, and asks them what a page should show.

    The three facts are durable signals, safe to repeat: they count even while no worker runs. Each returns False when
    there is nobody to tell, because the migration is over or never was.

    Raises:
        NeighbourUnavailable: from the facts, when Temporal cannot be reached: the person has to try again.

    """

    async def view(self, claims: LinkClaims) -> LinkView | None:
        """Ask what the page behind a link should show; None when nobody answers within about two seconds."""
        ...

    async def follow(self, claims: LinkClaims) -> bool:
        """Tell that the person pressed the button behind the link."""
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

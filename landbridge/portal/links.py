"""The pages behind mailed links: GET shows and changes nothing, POST tells the cohort."""

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from landbridge.domain.links import LinkClaims, LinkState, LinkView, Purpose
from landbridge.integrations.link_tokens import PATHS, SignedLinks
from landbridge.platform.settings import PortalSettings
from landbridge.portal import language
from landbridge.portal.clients import LinkClient
from landbridge.portal.pages import Pages
from landbridge.portal.security_log import SecurityLog

LOOKS = 12
"""Times that the page after the return from Atlassian looks again by itself."""
SECONDS_BETWEEN_LOOKS = 5
"""So that page stays busy for a minute; whoever leaves it open for a weekend costs nothing more."""

logger = structlog.get_logger(__name__)


class LinkPages:
    """The handlers, and what they need to know."""

    def __init__(self, links: SignedLinks, settings: PortalSettings, pages: Pages, log: SecurityLog) -> None:
        self._log = log
        self._links = links
        self._pages = pages
        self._signup_url = str(settings.atlassian_signup_url)
        self._login_url = str(settings.atlassian_login_url)

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [
            Route("/verify/{token}", self.show_verification),
            Route("/verify/{token}", self.verify, methods=["POST"]),
            Route("/verify/{token}/new", self.renew_verification, methods=["POST"]),
            Route("/verify/{token}/decline", self.doubt_verification),
            Route("/verify/{token}/decline", self.decline_verification, methods=["POST"]),
            Route("/authenticate/{token}", self.show_authentication),
            Route("/authenticate/{token}", self.authenticate, methods=["POST"]),
            Route("/authenticate/{token}/new", self.renew_authentication, methods=["POST"]),
            Route("/authenticate/{token}/decline", self.doubt_authentication),
            Route("/authenticate/{token}/decline", self.decline_authentication, methods=["POST"]),
            Route("/return/{token}", self.come_back),
        ]

    async def show_verification(self, request: Request) -> Response:
        """Show what the verification link is for."""
        claims = await self._claims(request, Purpose.VERIFICATION)
        return self._by_state(request, claims, await _view(request, claims))

    async def show_authentication(self, request: Request) -> Response:
        """Show what the authentication link is for."""
        claims = await self._claims(request, Purpose.AUTHENTICATION)
        return self._by_state(request, claims, await _view(request, claims))

    async def verify(self, request: Request) -> Response:
        """Tell the cohort that this mailbox was reached, and show what came of it."""
        claims = await self._claims(request, Purpose.VERIFICATION)
        if not _heard("link_followed", claims, heard=await _desk(request).follow(claims)):
            return await self._ended(request, claims)
        view = await _view(request, claims)
        if view is None or view.state is LinkState.OPEN:
            return self._pages.show("links/received.html", HTTPStatus.ACCEPTED)
        return self._by_state(request, claims, view, just_now=True)

    async def authenticate(self, request: Request) -> Response:
        """Tell the cohort, and lead on to Atlassian's page."""
        claims = await self._claims(request, Purpose.AUTHENTICATION)
        # Asked first: where the click itself counts, the link is done afterwards, but the person is not.
        view = await _view(request, claims)
        if view is not None and view.state is not LinkState.OPEN:
            return self._by_state(request, claims, view)
        # Where Atlassian is asked, the click proves nothing yet: the return tells of both. Without an answer the click
        # is kept, for whichever worker comes.
        unproven = view is None or view.click_counts
        if unproven and not _heard("link_followed", claims, heard=await _desk(request).follow(claims)):
            return await self._ended(request, claims)
        url = self._atlassian_page(view or LinkView(state=LinkState.OPEN), claims)
        return self._pages.show("links/onward.html", url=url)

    async def come_back(self, request: Request) -> Response:
        """Make the cohort ask Atlassian, and show what it answers."""
        claims = await self._ours(request, self._links.read_return)
        look = request.query_params.get("look", "")
        looked = min(int(look), LOOKS) if look.isascii() and look.isdigit() and len(look) < len("100") else 0
        # Only the arrival is news; looking again is not, and scanners that send HEAD do not arrive.
        arrives = not looked and request.method == "GET"
        if arrives and not _heard("person_returned", claims, heard=await _desk(request).returned(claims)):
            return await self._ended(request, claims)
        view = await _view(request, claims)
        if view is not None and view.state in {LinkState.DONE, LinkState.CLOSED, LinkState.DECLINED}:
            return self._by_state(request, claims, view)
        return self._pages.show(
            "links/checking.html",
            token=request.path_params["token"],
            next_look=looked + 1 if looked < LOOKS else 0,
            seconds=SECONDS_BETWEEN_LOOKS,
        )

    async def renew_verification(self, request: Request) -> Response:
        """Ask the cohort to mail a new verification link."""
        return await self._renew(request, Purpose.VERIFICATION)

    async def renew_authentication(self, request: Request) -> Response:
        """Ask the cohort to mail a new authentication link."""
        return await self._renew(request, Purpose.AUTHENTICATION)

    async def doubt_verification(self, request: Request) -> Response:
        """Ask whoever says that this is not their account whether they mean it."""
        return await self._doubt(request, Purpose.VERIFICATION)

    async def doubt_authentication(self, request: Request) -> Response:
        """Ask the same behind an authentication link."""
        return await self._doubt(request, Purpose.AUTHENTICATION)

    async def decline_verification(self, request: Request) -> Response:
        """Tell the cohort that this is not the person's account."""
        return await self._decline(request, Purpose.VERIFICATION)

    async def decline_authentication(self, request: Request) -> Response:
        """Tell the same of an authentication link."""
        return await self._decline(request, Purpose.AUTHENTICATION)

    async def _doubt(self, request: Request, purpose: Purpose) -> Response:
        claims = await self._claims(request, purpose)
        return self._by_state(request, claims, await _view(request, claims), open_page="decline")

    async def _decline(self, request: Request, purpose: Purpose) -> Response:
        claims = await self._claims(request, purpose)
        if not _heard("link_declined", claims, heard=await _desk(request).decline(claims)):
            raise HTTPException(HTTPStatus.GONE)
        view = await _view(request, claims)
        if view is None or view.state is LinkState.OPEN:
            return self._pages.show("links/declined.html", HTTPStatus.ACCEPTED, view=view, stored=True)
        return self._by_state(request, claims, view)

    async def _renew(self, request: Request, purpose: Purpose) -> Response:
        claims = await self._claims(request, purpose)
        if not _heard("new_link_wanted", claims, heard=await _desk(request).want_new(claims)):
            return await self._ended(request, claims)
        # Only for the language: the answer is the same whatever the link is good for.
        await _view(request, claims)
        return self._pages.show("links/on_its_way.html", HTTPStatus.ACCEPTED)

    async def _claims(self, request: Request, purpose: Purpose) -> LinkClaims:
        """Return what the request's link claims."""
        return await self._ours(request, lambda token: self._links.read(purpose, token))

    async def _ours(self, request: Request, read: Callable[[str], LinkClaims | None]) -> LinkClaims:
        """Return what a request's token claims; any that is not ours is simply not found."""
        # Nothing in it matters, but a body that is too large is refused here, before anybody is told anything.
        await request.body()
        claims = read(request.path_params["token"])
        if claims is None:
            self._log.refuse("link_refused", request.scope, page=request.url.path.split("/")[1])
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return claims

    async def _ended(self, request: Request, claims: LinkClaims) -> Response:
        """Tell someone who comes after the end of the migration that all is well, if it is, or else that it is over.

        Whoever is the last to arrive ends it: the cohort is closed then, but still answers what became of them.
        """
        view = await _view(request, claims)
        if view is not None and view.state is LinkState.DONE:
            return self._by_state(request, claims, view)
        raise HTTPException(HTTPStatus.GONE)

    def _by_state(
        self,
        request: Request,
        claims: LinkClaims,
        view: LinkView | None,
        *,
        open_page: str = "",
        just_now: bool = False,
    ) -> Response:
        """Show a link's page as its state asks; without an answer, the open page without details.

        `open_page`: the one to show while the link is open, if not the one that it leads to.
        """
        state = view.state if view else LinkState.OPEN
        page = PATHS[claims.purpose]
        return self._pages.show(
            f"links/{open_page or page}.html" if state is LinkState.OPEN else f"links/{state}.html",
            page=page,
            token=request.path_params["token"],
            view=view,
            just_now=just_now,
            stored=False,
        )

    def _atlassian_page(self, view: LinkView, claims: LinkClaims) -> str:
        """Return where the person goes on, with the way back."""
        parts = urlsplit(self._login_url if view.sso else self._signup_url)
        parameters = {"continue": self._links.return_url(claims)}
        if view.email:
            parameters = {"email": view.email, **parameters}
        query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
        return urlunsplit(parts._replace(query=query))


def _heard(event: str, claims: LinkClaims, *, heard: bool) -> bool:
    """Log what the desk was told, and return whether anybody was there to hear it."""
    logger.info(event, cohort_id=claims.cohort_id, person=claims.person, purpose=str(claims.purpose), heard=heard)
    return heard


async def _view(request: Request, claims: LinkClaims) -> LinkView | None:
    """Ask the cohort what to show, and go on in the person's language."""
    view = await _desk(request).view(claims)
    if view is not None:
        language.prefer(view.locale)
    return view


def _desk(request: Request) -> LinkClient:
    desk: LinkClient = request.state.desk
    return desk

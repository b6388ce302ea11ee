"""The pages behind emailed links: GET changes nothing, POST signals the cohort."""

from collections.abc import Callable
from functools import partial
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

MAX_CHECKS = 12
"""Maximum number of automatic refreshes of the page after the return from Atlassian."""
SECONDS_BETWEEN_CHECKS = 5
"""Seconds between refreshes. The page polls for one minute in total and then stops."""

logger = structlog.get_logger(__name__)


class LinkPages:
    """The handlers of people's pages."""

    def __init__(self, links: SignedLinks, settings: PortalSettings, pages: Pages, log: SecurityLog) -> None:
        self._log = log
        self._links = links
        self._pages = pages
        self._signup_url = str(settings.atlassian_signup_url)
        self._login_url = str(settings.atlassian_login_url)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/verify/{token}", self.verify, methods=["POST"]),
            Route("/authenticate/{token}", self.authenticate, methods=["POST"]),
            *(route for purpose in Purpose for route in self._common_routes(purpose)),
            Route("/return/{token}", self.return_from_atlassian),
        ]

    def _common_routes(self, purpose: Purpose) -> list[Route]:
        path = f"/{PATHS[purpose]}/{{token}}"
        return [
            Route(path, partial(self.show, purpose=purpose)),
            Route(f"{path}/new", partial(self.renew, purpose=purpose), methods=["POST"]),
            Route(f"{path}/decline", partial(self.ask_to_decline, purpose=purpose)),
            Route(f"{path}/decline", partial(self.decline, purpose=purpose), methods=["POST"]),
        ]

    async def show(self, request: Request, purpose: Purpose) -> Response:
        """Show the page behind a link."""
        claims = await self._claims(request, purpose)
        return self._by_state(request, claims, await _view(request, claims))

    async def verify(self, request: Request) -> Response:
        """Signal that the person confirmed the address, and show the result."""
        claims = await self._claims(request, Purpose.VERIFICATION)
        if not _delivered("link_followed", claims, delivered=await _client(request).follow(claims)):
            return await self._migration_ended(request, claims)
        view = await _view(request, claims)
        if view is None or view.state is LinkState.OPEN:
            return self._pages.show("links/received.html", HTTPStatus.ACCEPTED)
        return self._by_state(request, claims, view, just_confirmed=True)

    async def authenticate(self, request: Request) -> Response:
        """Signal the click, and redirect to Atlassian's page."""
        claims = await self._claims(request, Purpose.AUTHENTICATION)
        # Query before the signal: if a click settles the link, a later view is DONE although the person has not been to
        # Atlassian's page.
        view = await _view(request, claims)
        if view is not None and view.state is not LinkState.OPEN:
            return self._by_state(request, claims, view)
        # If Atlassian is queried when the person returns, the click needs no signal. If no worker answered, we do not
        # know, so we send the signal, which is durable.
        needs_signal = view is None or view.click_counts
        if needs_signal and not _delivered("link_followed", claims, delivered=await _client(request).follow(claims)):
            return await self._migration_ended(request, claims)
        url = self._atlassian_page(view or LinkView(state=LinkState.OPEN), claims)
        return self._pages.show("links/onward.html", url=url)

    async def return_from_atlassian(self, request: Request) -> Response:
        """Make the cohort query Atlassian, and show the result."""
        claims = await self._read_claims(request, self._links.read_return)
        check = request.query_params.get("check", "")
        checked = min(int(check), MAX_CHECKS) if check.isascii() and check.isdigit() and len(check) < len("100") else 0
        # Only the first visit is a return; refreshes and HEAD requests from mail scanners are not.
        returned = not checked and request.method == "GET"
        if returned and not _delivered("person_returned", claims, delivered=await _client(request).returned(claims)):
            return await self._migration_ended(request, claims)
        view = await _view(request, claims)
        if view is not None and view.state in {LinkState.DONE, LinkState.CLOSED, LinkState.DECLINED}:
            return self._by_state(request, claims, view)
        return self._pages.show(
            "links/checking.html",
            token=request.path_params["token"],
            next_check=checked + 1 if checked < MAX_CHECKS else 0,
            seconds=SECONDS_BETWEEN_CHECKS,
        )

    async def ask_to_decline(self, request: Request, purpose: Purpose) -> Response:
        """Ask the person to confirm that the Opsgenie account is not theirs."""
        claims = await self._claims(request, purpose)
        return self._by_state(request, claims, await _view(request, claims), open_page="decline")

    async def decline(self, request: Request, purpose: Purpose) -> Response:
        """Signal that the Opsgenie account is not the person's."""
        claims = await self._claims(request, purpose)
        if not _delivered("link_declined", claims, delivered=await _client(request).decline(claims)):
            raise HTTPException(HTTPStatus.GONE)
        view = await _view(request, claims)
        if view is None or view.state is LinkState.OPEN:
            return self._pages.show("links/declined.html", HTTPStatus.ACCEPTED, view=view, stored=True)
        return self._by_state(request, claims, view)

    async def renew(self, request: Request, purpose: Purpose) -> Response:
        """Request a new email."""
        claims = await self._claims(request, purpose)
        if not _delivered("new_link_requested", claims, delivered=await _client(request).request_new_link(claims)):
            return await self._migration_ended(request, claims)
        # The view only sets the language: the answer does not depend on the link's state.
        await _view(request, claims)
        return self._pages.show("links/on_its_way.html", HTTPStatus.ACCEPTED)

    async def _claims(self, request: Request, purpose: Purpose) -> LinkClaims:
        """Return the claims of the request's link."""
        return await self._read_claims(request, lambda token: self._links.read(purpose, token))

    async def _read_claims(self, request: Request, read: Callable[[str], LinkClaims | None]) -> LinkClaims:
        """Return the verified claims of a request's token; answer 404 if it is invalid."""
        # The body is not used. Reading it enforces the size limit before any signal is sent.
        await request.body()
        claims = read(request.path_params["token"])
        if claims is None:
            self._log.refuse("link_refused", request.scope, page=request.url.path.split("/")[1])
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return claims

    async def _migration_ended(self, request: Request, claims: LinkClaims) -> Response:
        """Show the done page if the person is done; otherwise answer 410, because the migration has ended.

        The last person's click completes the migration. Then their cohort has closed, but still answers queries.
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
        just_confirmed: bool = False,
    ) -> Response:
        """Show the page for a link's state; if no worker answered, the open page without details.

        `open_page`: the template to show while the link is open, instead of the link's own page.
        """
        state = view.state if view else LinkState.OPEN
        page = PATHS[claims.purpose]
        return self._pages.show(
            f"links/{open_page or page}.html" if state is LinkState.OPEN else f"links/{state}.html",
            page=page,
            token=request.path_params["token"],
            view=view,
            just_confirmed=just_confirmed,
            stored=False,
        )

    def _atlassian_page(self, view: LinkView, claims: LinkClaims) -> str:
        """Return the URL of Atlassian's page, with the URL to return to."""
        parts = urlsplit(self._login_url if view.sso else self._signup_url)
        parameters = {"continue": self._links.return_url(claims)}
        if view.email:
            parameters = {"email": view.email, **parameters}
        query = "&".join(filter(None, [parts.query, urlencode(parameters)]))
        return urlunsplit(parts._replace(query=query))


def _delivered(event: str, claims: LinkClaims, *, delivered: bool) -> bool:
    """Log a signal, and return whether the cohort received it."""
    logger.info(
        event, cohort_id=claims.cohort_id, person=claims.person, purpose=str(claims.purpose), delivered=delivered
    )
    return delivered


async def _view(request: Request, claims: LinkClaims) -> LinkView | None:
    """Query the cohort, and switch to the person's language."""
    view = await _client(request).view(claims)
    if view is not None:
        language.prefer(view.locale)
    return view


def _client(request: Request) -> LinkClient:
    client: LinkClient = request.state.links
    return client

"""Sign in with an emailed link, and sign out. No answer reveals whether an address belongs to an owner or admin."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from landbridge.domain import addresses, pasted, sign_in
from landbridge.domain.errors import BadInput
from landbridge.domain.sign_in import SignedIn, SignInClaims
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.portal.admin.auth import HOME, AdminAuth, AdminRequest
from landbridge.portal.clients import AdminClient

_ARRIVAL = "/signed-in"


class SignInPages:
    """The sign-in and sign-out pages."""

    def __init__(self, auth: AdminAuth, links: SignedLinks, *, digest_key: str) -> None:
        """`digest_key` is the HMAC key that turns addresses into ids of sign-in workflows."""
        self._auth = auth
        self._links = links
        self._digest_key = digest_key

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.redirect_home),
            Route("/settings", self.redirect_home),
            Route("/sign-in", self.ask),
            Route("/sign-in", self.send, methods=["POST"]),
            Route("/sign-in/{token}", self.show),
            Route("/sign-in/{token}", self.redeem, methods=["POST"]),
            Route(_ARRIVAL, self.arrive),
            Route(
                "/sign-out", self._auth.form(self.sign_out, signed_out="/sign-in", event="signed_out"), methods=["POST"]
            ),
        ]

    async def redirect_home(self, _: Request) -> Response:
        """Redirect from the portal's root to the first settings page."""
        return self._auth.redirect(HOME)

    async def ask(self, request: Request) -> Response:
        """Ask for the email address; with `ended`, say that the session has ended."""
        if await self._auth.session(request):
            return self._auth.redirect(HOME)
        ended = "ended" in request.query_params
        return self._auth.pages.show("sign_in/ask.html", email="", problem="", ended=ended)

    async def send(self, request: Request) -> Response:
        """Request a sign-in link by email; the answer is the same for every address."""
        self._auth.check_origin(request)
        form = await request.form(max_files=0, max_fields=10)
        field = form.get("email", "")
        text = field if isinstance(field, str) else ""
        try:
            email = addresses.normalise(pasted.address(text))
        except BadInput:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return self._auth.pages.show("sign_in/ask.html", status, email=text, problem="address", ended=False)
        await _client(request).request_sign_in_link(email, sign_in.digest(email, self._digest_key))
        self._auth.log.note("sign_in_link_requested", request.scope, email=email)
        return self._auth.pages.show("sign_in/sent.html", minutes=int(sign_in.LINK_LIFETIME.total_seconds() // 60))

    async def show(self, request: Request) -> Response:
        """Show the sign-in button. Opening the link, as mail scanners do, is not enough to sign in."""
        if self._links.read_sign_in(request.path_params["token"]) is None:
            return self._link_refused(request, "unknown")
        return self._auth.pages.show("sign_in/confirm.html", token=request.path_params["token"])

    async def redeem(self, request: Request) -> Response:
        """Redeem the link and open a session."""
        self._auth.check_origin(request)
        await request.body()
        claims = self._links.read_sign_in(request.path_params["token"])
        admin = None if claims is None else await self._redeemed(request, claims)
        if admin is None:
            # If the button was pressed twice, the first press has already opened a session.
            if await self._auth.session(request):
                return self._auth.redirect(HOME)
            return self._link_refused(request, "unknown" if claims is None else "dead")
        session_id = await _client(request).open_session(admin)
        self._auth.log.note(
            "signed_in",
            request.scope,
            email=admin.email,
            role=admin.role,
            opsgenie_account=admin.opsgenie_account,
        )
        response = self._auth.redirect(_ARRIVAL)
        self._auth.sessions.begin(response, admin, session_id)
        return response

    async def arrive(self, request: Request) -> Response:
        """Redirect to the first settings page, or explain that the browser refuses cookies."""
        if self._auth.sessions.read(request) is None:
            return self._auth.pages.show("sign_in/no_cookie.html", HTTPStatus.BAD_REQUEST)
        return self._auth.redirect(HOME)

    async def _redeemed(self, request: Request, claims: SignInClaims) -> SignedIn | None:
        """Return the person who signs in. Temporal decides whether the link works; the signed token names them."""
        identity = await _client(request).redeem(claims)
        if identity is None:
            return None
        admin = self._links.read_identity(identity, claims)
        if admin is None:
            self._auth.log.refuse("sign_in_identity_refused", request.scope)
        return admin

    async def sign_out(self, request: AdminRequest) -> Response:
        """End the session on every portal process and clear the browser's cache."""
        await request.client.close_session(request.session.session_id, "signed out")
        response = self._auth.redirect("/sign-in")
        # Cookies are deleted by name: "cookies" in this header would also delete those of the company's other sites.
        response.headers["Clear-Site-Data"] = '"cache"'
        self._auth.sessions.end(response)
        return response

    def _link_refused(self, request: Request, reason: str) -> Response:
        self._auth.log.refuse("sign_in_link_refused", request.scope, reason=reason)
        return self._auth.pages.show("sign_in/dead.html", HTTPStatus.GONE)


def _client(request: Request) -> AdminClient:
    client: AdminClient = request.state.admins
    return client

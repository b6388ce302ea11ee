"""Signing in by a mailed link, and signing out. Nothing here tells whether an address is an owner's or admin's."""

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
    """The way in and out."""

    def __init__(self, gate: AdminAuth, links: SignedLinks, *, digest_key: str) -> None:
        """`digest_key` hides addresses in the ids of sign-ins."""
        self._gate = gate
        self._links = links
        self._digest_key = digest_key

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        return [
            Route("/", self.come_in),
            Route("/settings", self.come_in),
            Route("/sign-in", self.ask),
            Route("/sign-in", self.send, methods=["POST"]),
            Route("/sign-in/{token}", self.show),
            Route("/sign-in/{token}", self.redeem, methods=["POST"]),
            Route(_ARRIVAL, self.arrive),
            Route(
                "/sign-out", self._gate.act(self.sign_out, signed_out="/sign-in", event="signed_out"), methods=["POST"]
            ),
        ]

    async def come_in(self, _: Request) -> Response:
        """Lead whoever typed the portal's address to where owners and admins begin."""
        return self._gate.redirect(HOME)

    async def ask(self, request: Request) -> Response:
        """Ask for the address; also of whoever sent a form after their session had ended."""
        if await self._gate.session(request):
            return self._gate.redirect(HOME)
        ended = "ended" in request.query_params
        return self._gate.pages.show("sign_in/ask.html", email="", problem="", ended=ended)

    async def send(self, request: Request) -> Response:
        """Have a link mailed, and answer everyone alike."""
        self._gate.check_origin(request)
        form = await request.form(max_files=0, max_fields=10)
        typed = form.get("email", "")
        typed = typed if isinstance(typed, str) else ""
        try:
            email = addresses.normalise(pasted.address(typed))
        except BadInput:
            status = HTTPStatus.UNPROCESSABLE_ENTITY
            return self._gate.pages.show("sign_in/ask.html", status, email=typed, problem="address", ended=False)
        await _desk(request).want_link(email, sign_in.digest(email, self._digest_key))
        self._gate.log.note("sign_in_link_wanted", request.scope, email=email)
        return self._gate.pages.show("sign_in/sent.html", minutes=int(sign_in.LINK_LIFETIME.total_seconds() // 60))

    async def show(self, request: Request) -> Response:
        """Show the button behind the link; whoever opens it without pressing signs nobody in."""
        if self._links.read_sign_in(request.path_params["token"]) is None:
            return self._dead(request, "unknown")
        return self._gate.pages.show("sign_in/confirm.html", token=request.path_params["token"])

    async def redeem(self, request: Request) -> Response:
        """Sign in."""
        self._gate.check_origin(request)
        await request.body()
        claims = self._links.read_sign_in(request.path_params["token"])
        leader = None if claims is None else await self._redeemed(request, claims)
        if leader is None:
            # Whoever pressed the button twice is in already.
            if await self._gate.session(request):
                return self._gate.redirect(HOME)
            return self._dead(request, "unknown" if claims is None else "dead")
        session_id = await _desk(request).open_session(leader)
        self._gate.log.note(
            "signed_in",
            request.scope,
            email=leader.email,
            role=leader.role,
            opsgenie_account=leader.opsgenie_account,
        )
        response = self._gate.redirect(_ARRIVAL)
        self._gate.sessions.begin(response, leader, session_id)
        return response

    async def arrive(self, request: Request) -> Response:
        """Lead whoever has just signed in to where they begin; a browser that refuses cookies is told so."""
        if self._gate.sessions.read(request) is None:
            return self._gate.pages.show("sign_in/no_cookie.html", HTTPStatus.BAD_REQUEST)
        return self._gate.redirect(HOME)

    async def _redeemed(self, request: Request, claims: SignInClaims) -> SignedIn | None:
        """Return who signs in: Temporal says whether the link still works, and our own signature who that is."""
        identity = await _desk(request).redeem(claims)
        if identity is None:
            return None
        leader = self._links.read_identity(identity, claims)
        if leader is None:
            self._gate.log.refuse("sign_in_identity_refused", request.scope)
        return leader

    async def sign_out(self, visit: AdminRequest) -> Response:
        """End the session on every portal, and have the browser forget its pages."""
        await visit.desk.close_session(visit.session.session_id, "signed out")
        response = self._gate.redirect("/sign-in")
        # Cookies are deleted one by one: the header's word for them means those of the company's other sites too.
        response.headers["Clear-Site-Data"] = '"cache"'
        self._gate.sessions.end(response)
        return response

    def _dead(self, request: Request, reason: str) -> Response:
        self._gate.log.refuse("sign_in_link_refused", request.scope, reason=reason)
        return self._gate.pages.show("sign_in/dead.html", HTTPStatus.GONE)


def _desk(request: Request) -> AdminClient:
    desk: AdminClient = request.state.admins
    return desk

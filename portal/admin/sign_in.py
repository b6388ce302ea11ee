"""Signing in by a mailed link, and signing out. Nothing here tells whether an address is an owner's or admin's."""

from http import HTTPStatus

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from adapters.links import SignedLinks
from domain import addresses, pasted, sign_in
from domain.errors import BadInput
from portal.admin.gate import HOME, Gate, Visit
from portal.desk import AdminDesk

_logger = structlog.get_logger(__name__)


class SignInPages:
    """The way in and out."""

    def __init__(self, gate: Gate, links: SignedLinks, *, digest_key: str) -> None:
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
            Route("/sign-out", self._gate.act(self.sign_out, signed_out="/sign-in"), methods=["POST"]),
        ]

    async def come_in(self, _: Request) -> Response:
        """Lead whoever typed the portal's address to where owners and admins begin."""
        return self._gate.redirect(HOME)

    async def ask(self, request: Request) -> Response:
        """Ask for the address; also of whoever sent a form after their session had ended."""
        if self._gate.sessions.read(request):
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
        _logger.info("sign_in_link_wanted")
        return self._gate.pages.show("sign_in/sent.html", minutes=int(sign_in.LINK_LIFETIME.total_seconds() // 60))

    async def show(self, request: Request) -> Response:
        """Show the button behind the link; whoever opens it without pressing signs nobody in."""
        if self._links.read_sign_in(request.path_params["token"]) is None:
            return self._dead()
        return self._gate.pages.show("sign_in/confirm.html", token=request.path_params["token"])

    async def redeem(self, request: Request) -> Response:
        """Sign in."""
        self._gate.check_origin(request)
        await request.body()
        claims = self._links.read_sign_in(request.path_params["token"])
        leader = None if claims is None else await _desk(request).redeem(claims)
        if leader is None:
            # Whoever pressed the button twice is in already.
            return self._gate.redirect(HOME) if self._gate.sessions.read(request) else self._dead()
        _logger.info("signed_in", role=leader.role, opsgenie_account=leader.opsgenie_account)
        response = self._gate.redirect(HOME)
        self._gate.sessions.begin(response, leader)
        return response

    async def sign_out(self, _: Visit) -> Response:
        """Sign out."""
        response = self._gate.redirect("/sign-in")
        self._gate.sessions.end(response)
        return response

    def _dead(self) -> Response:
        return self._gate.pages.show("sign_in/dead.html", HTTPStatus.GONE)


def _desk(request: Request) -> AdminDesk:
    desk: AdminDesk = request.state.admins
    return desk

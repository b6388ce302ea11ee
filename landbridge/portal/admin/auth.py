"""Authorizes owners and admins: every settings page and form passes through `AdminAuth`.

A page group wraps its handlers: `AdminAuth.page` for pages, `AdminAuth.act` for forms. Each handler gets an
`AdminRequest`.
"""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.migration import Migration
from landbridge.domain.errors import BadInput, LandbridgeError, NotFound
from landbridge.domain.people import Actor
from landbridge.domain.text import Text, text
from landbridge.portal import language
from landbridge.portal.admin.sessions import FlashMessage, Session, Sessions
from landbridge.portal.clients import AdminClient
from landbridge.portal.pages import Pages
from landbridge.portal.security import comes_from_our_pages
from landbridge.portal.security_log import SecurityLog

HOME = "/settings/general"
"""Where owners and admins begin."""
CSRF_FIELD, RUN_FIELD = "csrf", "run"
MAX_FIELDS = 600
"""Of one form: a page of people, each with a box to tick, has fewer."""

_UNANSWERED = text("No worker answers right now: what you asked for may still be done. Look again in a few minutes.")
"""What whoever starts no workers needs to know of it."""
_MAX_PAGE_NUMBER_DIGITS = 6
"""Digits."""

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class AdminRequest:
    """A request of someone who is signed in."""

    request: Request
    session: Session
    desk: AdminClient
    form: FormData = field(default_factory=FormData)
    """What was filled in; empty for a page that is only shown."""

    @property
    def actor(self) -> Actor:
        """Who acts, for workflows to record."""
        return self.session.actor

    @property
    def migration(self) -> Migration:
        """The migration of the visitor's Opsgenie account, whether or not there is one.

        Raises:
            BadInput: no migration can be of an account with such a name.

        """
        return self.desk.migration(self.session.opsgenie_account)

    @property
    def shown_migration(self) -> Migration:
        """The migration that the form was shown for: if another one of the account runs by now, it refuses the request.

        Raises:
            BadInput: the form names none.

        """
        run = self.field(RUN_FIELD)
        if not run:
            raise BadInput(text("This page is out of date; nothing was changed: load it again."))
        return self.desk.migration(self.session.opsgenie_account, run)

    def field(self, name: str) -> str:
        """Return what was filled in, trimmed; empty if nothing was."""
        value = self.form.get(name, "")
        return value.strip() if isinstance(value, str) else ""


class _Told(RedirectResponse):
    """Leads to a page that says what came of an act."""

    def __init__(self, url: str, *, problem: bool) -> None:
        """`problem`: it was not done."""
        super().__init__(url, HTTPStatus.SEE_OTHER)
        self.problem = problem


Handler = Callable[[AdminRequest], Awaitable[Response]]


def page_number(request: Request) -> int:
    """Return which page of a list is asked for, counted from 1; whatever is no such number means the first."""
    typed = request.query_params.get("page", "")
    return max(1, int(typed)) if typed.isascii() and typed.isdigit() and len(typed) <= _MAX_PAGE_NUMBER_DIGITS else 1


class AdminAuth:
    """Lets visitors in, and shows them pages."""

    def __init__(self, pages: Pages, sessions: Sessions, log: SecurityLog, portal_url: str) -> None:
        self.pages = pages
        self.sessions = sessions
        self.log = log
        self._portal_url = portal_url

    def page(self, handler: Handler) -> Endpoint:
        """Return the endpoint of a page that is shown to whoever is signed in; the others may sign in first.

        Where there is nothing of the sort that is asked for, they are told that there is no such page.
        """

        async def endpoint(request: Request) -> Response:
            session = await self.session(request)
            if session is None:
                return self._sign_in_first(request, "/sign-in")
            language.prefer(session.locale)
            try:
                return await handler(AdminRequest(request, session, request.state.admins))
            except (BadInput, NotFound):
                raise HTTPException(HTTPStatus.NOT_FOUND) from None

        return endpoint

    def act(
        self,
        handler: Handler,
        *,
        back: str = HOME,
        signed_out: str = "/sign-in?ended=1",
        event: str = "admin_acted",
    ) -> Endpoint:
        """Return the endpoint of a form on one of our pages; what is refused is told on the page `back`.

        Whoever is not signed in any more is led to `signed_out`, where they are told that nothing was done. `event` is
        what the security log calls the act.
        """

        async def endpoint(request: Request) -> Response:
            self.check_origin(request)
            form = await request.form(max_files=0, max_fields=MAX_FIELDS)
            session = await self.session(request)
            if session is None:
                return self._sign_in_first(request, signed_out)
            token = form.get(CSRF_FIELD, "")
            if not isinstance(token, str) or not secrets.compare_digest(token.encode(), session.csrf.encode()):
                self.log.refuse("form_refused", request.scope, email=session.email, reason="csrf_token")
                raise HTTPException(HTTPStatus.FORBIDDEN)
            language.prefer(session.locale)
            try:
                response = await handler(AdminRequest(request, session, request.state.admins, form))
            except NoWorkerAnswers:
                response = self.go(back, _UNANSWERED, problem=True)
            except LandbridgeError as error:
                response = self.go(back, error.text, problem=True)
            self._log_act(event, request, session, response)
            return response

        return endpoint

    def _log_act(self, event: str, request: Request, session: Session, response: Response) -> None:
        refused = response.status_code >= HTTPStatus.BAD_REQUEST or (isinstance(response, _Told) and response.problem)
        # The paths of our forms hold numbers, and nothing that anybody typed.
        about = {"act": request.url.path, "opsgenie_account": session.opsgenie_account}
        if refused:
            self.log.refuse("admin_act_refused", request.scope, email=session.email, **about)
        else:
            self.log.note(event, request.scope, email=session.email, **about)

    async def session(self, request: Request) -> Session | None:
        """Return who is signed in, as Temporal knows it; None: nobody, or not any more.

        Raises:
            TemporalUnreachable: Temporal does not answer.

        """
        session = self.sessions.read(request)
        if session is None:
            if self.sessions.is_sent(request):
                self.log.refuse("session_refused", request.scope, reason="unknown")
            return None
        desk: AdminClient = request.state.admins
        if await desk.is_open(session.session_id, session):
            return session
        self.log.refuse("session_refused", request.scope, email=session.email, reason="over")
        return None

    def _sign_in_first(self, request: Request, path: str) -> Response:
        """Lead to where one signs in; a browser whose session is over forgets what it kept of it."""
        response = self.redirect(path)
        if self.sessions.is_sent(request):
            self.sessions.end(response)
        return response

    def check_origin(self, request: Request) -> None:
        """Refuse a form that another site's page sent.

        Raises:
            HTTPException: 403.

        """
        if not comes_from_our_pages(request.headers, self._portal_url):
            self.log.refuse("form_refused", request.scope, reason="origin")
            raise HTTPException(HTTPStatus.FORBIDDEN)

    def show(
        self, visit: AdminRequest, template: str, status: HTTPStatus = HTTPStatus.OK, /, **values: object
    ) -> Response:
        """Render a page with the navigation around it; its template extends `admin/base.html`.

        `run` among the values says which migration the page shows: all of its forms name it.
        """
        news = self.sessions.news(visit.request)
        values = {"invited": False, "run": "", **values, "session": visit.session, "news": news}
        response = self.pages.show(template, status, **values)
        if news is not None:
            self.sessions.told(response)
        return response

    def redirect(self, path: str) -> Response:
        """Lead on to one of our own pages."""
        return RedirectResponse(self.pages.root + path, HTTPStatus.SEE_OTHER)

    def go(self, path: str, sentence: Text, *, problem: bool = False) -> Response:
        """Lead on to one of our own pages, which says what came of an act; `problem`: that it was not done.

        The sentence is rendered in the visitor's language.
        """
        response = _Told(self.pages.root + path, problem=problem)
        self.sessions.tell(response, FlashMessage(sentence=language.current().render(sentence), problem=problem))
        return response
